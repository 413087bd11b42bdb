"""Folders and patterns: what is taken, in which order, and links that lead in a circle."""

from __future__ import annotations

import os
from pathlib import Path

from inference.sources import how_many, open_sources
from kits.sources import names, reasons, write_picture


def below(folder: Path, items: list[str]) -> list[str]:
    return [Path(name).relative_to(folder).as_posix() for name in items]


def test_a_folder_in_order_without_what_is_none_of_our_business(tmp_path: Path) -> None:
    for name in ("b.png", "a.PNG", "z/1.png", "c/deep/2.png", ".hidden/3.png", ".4.png"):
        write_picture(tmp_path / name.lower()).rename(tmp_path / name)
    (tmp_path / "notes.md").write_text("no picture")
    assert below(tmp_path, names(open_sources([str(tmp_path)]))) == ["a.PNG", "b.png", "c/deep/2.png", "z/1.png"]
    assert how_many([str(tmp_path)]) == 4


def test_a_folder_with_a_loop_ends(tmp_path: Path) -> None:
    write_picture(tmp_path / "in/1.png")
    (tmp_path / "in/again").symlink_to(tmp_path)
    (tmp_path / "link.png").symlink_to(tmp_path / "in/1.png")
    (tmp_path / "lost.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "self.png").symlink_to(tmp_path / "self.png")
    found = list(open_sources([str(tmp_path)]))
    assert below(tmp_path, names(iter(found))) == ["link.png", "lost.png", "self.png", "in/1.png", "in/again"]
    left_out = reasons(iter(found))
    assert len(left_out) == 3
    assert left_out[2].startswith("a link to a folder")
    assert how_many([str(tmp_path)]) == 5


def test_a_pattern_does_not_follow_a_loop(tmp_path: Path) -> None:
    write_picture(tmp_path / "in/1.png")
    write_picture(tmp_path / "2.png")
    write_picture(tmp_path / ".3.png")
    for name in ("again", "in/one", "in/two"):
        (tmp_path / name).symlink_to(tmp_path)
    assert below(tmp_path, names(open_sources([str(tmp_path / "**/*.png")]))) == ["2.png", "in/1.png"]
    assert below(tmp_path, names(open_sources([str(tmp_path / "*.png")]))) == ["2.png"]
    assert below(tmp_path, names(open_sources([str(tmp_path / ".*.png")]))) == [".3.png"]


def test_a_relative_pattern(tmp_path: Path, monkeypatch: object) -> None:
    write_picture(tmp_path / "in/1.png")
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        assert names(open_sources(["in/?.png"])) == ["in/1.png"]
    finally:
        os.chdir(here)


def test_nothing_there_says_so(tmp_path: Path) -> None:
    assert reasons(open_sources([str(tmp_path)])) == ["a folder without pictures or videos"]
    assert reasons(open_sources([str(tmp_path / "*.jpg")])) == ["no file matches this pattern"]
    assert how_many([str(tmp_path)]) == how_many([str(tmp_path / "*.jpg")]) == 1


def test_a_folder_far_below(tmp_path: Path) -> None:
    """Deeper than a path may be long."""
    there = os.open(tmp_path, os.O_RDONLY)
    for _ in range(60):
        os.mkdir("d" * 100, dir_fd=there)
        below_it = os.open("d" * 100, os.O_RDONLY, dir_fd=there)
        os.close(there)
        there = below_it
    os.close(there)
    assert reasons(open_sources([str(tmp_path)])) == ["file name too long"]

"""The documents name only what is there: links, paths, verbs, options and modules. And the README stays short."""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from common.commands import Verb, inner_verbs
from common.places import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
ROOMS = sorted(path.parent.name for path in ROOT.glob("*/__main__.py"))
OUTPUTS = {"data", "models", "graph", "demo_out"}
"""Folders that commands write, and that no checkout has."""
HOSTS = {"susanqq.github.io", "127.0.0.1"}
"""The only hosts that a document may link to."""

LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
COMMAND = re.compile(r"\./moka ([a-z_]+)([^#\n]*)")
MODULE = re.compile(r"-m ([a-z_]+(?:\.[a-z_][a-z0-9_]*)*)")
PLACEHOLDER = re.compile(r"[*<>]|\b(NAME|ROOM|FILE|DIR|VERB)\b")
SOURCE = re.compile(r"[\w.-]+\.(py|sh|md|toml|yml|proto)")


def pages() -> pytest.MarkDecorator:
    """Run a test once for each document."""
    return pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def inline_code(text: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`\n]+)`", text)


def code_lines(text: str) -> list[str]:
    """The lines of indented blocks."""
    return [line.strip() for line in text.splitlines() if line.startswith("    ")]


def code(text: str) -> list[str]:
    """All pieces of code of a document."""
    return inline_code(text) + code_lines(text)


def anchors(page: Path) -> set[str]:
    """The anchors that a renderer gives to the headings of a page."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        found.add(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-"))
    return found


def named_paths(text: str) -> Iterator[str]:
    """The paths of this checkout that a document names in code.

    Placeholders and outputs of commands are left out. A bare file name counts only between backticks.
    """
    top_level = {path.name for path in ROOT.iterdir()} - OUTPUTS
    for piece in code(text):
        for word in re.findall(r"[\w./~*<>-]+", piece):
            path = word.removeprefix("./").rstrip(".")
            if PLACEHOLDER.search(path) or path.startswith((".", "~", "/")):
                continue
            if ("/" in path and path.split("/")[0] in top_level) or word.startswith("./"):
                yield path
    for piece in inline_code(text):
        if SOURCE.fullmatch(piece) and not PLACEHOLDER.search(piece):
            yield piece


@cache
def file_names() -> set[str]:
    """The names of all files of the checkout, without those of hidden folders."""
    found = {path.name for path in ROOT.iterdir()}
    for folder in ROOT.iterdir():
        if folder.is_dir() and not folder.name.startswith(".") and folder.name not in OUTPUTS:
            found |= {path.name for path in folder.rglob("*")}
    return found


@cache
def verbs() -> dict[str, Verb]:
    """Every verb of every room. Verbs of a verb have names of two words."""
    found: dict[str, Verb] = {}
    for room in ROOMS:
        for name, verb in importlib.import_module(f"{room}.__main__").ROOM.verbs.items():
            found[name] = verb
            found |= {f"{name} {inner}": each for inner, each in inner_verbs(verb).items()}
    return found


def whole_name(verb: str, words: str) -> str:
    """The name of a verb; for one that has verbs of its own, such as "blob list", with the first of the words after it."""
    has_verbs = verb in verbs() and inner_verbs(verbs()[verb])
    return f"{verb} {words.split()[0]}" if has_verbs and words.strip() else verb


def options_of(verb: str) -> set[str]:
    """The options of a verb."""
    if inner_verbs(verbs()[verb]):
        return set()
    parser = argparse.ArgumentParser()
    parser.add_argument("--debug")
    importlib.import_module(verbs()[verb].module).add_options(parser)
    return set(parser._option_string_actions)


def test_the_readme_fits_on_two_screens() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_the_index_names_every_document() -> None:
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    linked = {match[0] for match in LINK.findall(index)}
    for path in ROOT.glob("docs/*"):
        if path.suffix in (".md", ".json") and path.name != "README.md":
            assert path.name in linked, f"docs/README.md has no link to {path.name}"


@pages()
def test_links_lead_somewhere(page: Path) -> None:
    for match in LINK.findall(page.read_text(encoding="utf-8")):
        link = match[0] or match[1]
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), f"{page}: {link} leads nowhere"
        if anchor:
            assert anchor in anchors(file), f"{page}: {file.name} has no heading for #{anchor}"


@pages()
def test_no_link_leads_out(page: Path) -> None:
    """No registry, no shop, no host that may vanish."""
    hosts = set(re.findall(r"https?://([\w.-]+)", page.read_text(encoding="utf-8")))
    assert hosts <= HOSTS


@pages()
def test_paths_exist(page: Path) -> None:
    for path in named_paths(page.read_text(encoding="utf-8")):
        there = (ROOT / path).exists() if "/" in path else path in file_names()
        assert there, f"{page}: there is no {path}"


@pages()
def test_commands_have_these_verbs_and_options(page: Path) -> None:
    for piece in code(page.read_text(encoding="utf-8")):
        for verb, words in COMMAND.findall(piece):
            name = whole_name(verb, words)
            assert name in verbs(), f"{page}: ./moka has no verb {name}"
            given = set(re.findall(r"--[\w-]+", words)) - {"--help"}
            assert given <= options_of(name), f"{page}: ./moka {name} has no option {given - options_of(name)}"


@pages()
def test_a_new_pip_is_asked_for(page: Path) -> None:
    """The pip of a new environment is Python's own, and may be older than --group."""
    text = page.read_text(encoding="utf-8")
    assert "pip install --group" not in text or "pip 25.1 or newer" in text.replace("\n", " ")


@pages()
def test_modules_exist(page: Path) -> None:
    for piece in code(page.read_text(encoding="utf-8")):
        for module in MODULE.findall(piece):
            path = ROOT / module.replace(".", "/")
            if (ROOT / module.split(".")[0]).is_dir():
                assert path.is_dir() or path.with_suffix(".py").exists(), f"{page}: there is no module {module}"


def test_the_finder_of_paths() -> None:
    text = """`tools/fuzz.py` and `places.py` and `prototxt/NAME/card.json`, `graph/AgeNet.xml`, `*_worker.py`.

    ./moka train --solver data/x.prototxt
    .venv/bin/python my_script.py tests/kits
"""
    assert list(named_paths(text)) == ["tools/fuzz.py", "moka", "tests/kits", "places.py"]


def test_the_finders_of_commands_and_links() -> None:
    assert COMMAND.findall("./moka train --solver FILE   # slow") == [("train", " --solver FILE   ")]
    assert MODULE.findall("python -m tools.bench") == ["tools.bench"]
    assert LINK.findall('[a](b.md#c) <img src="d.png">') == [("b.md#c", ""), ("", "d.png")]
    assert "on-a-pc-with-a-stick" in anchors(ROOT / "docs/raspberry_pi.md")

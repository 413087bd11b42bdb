"""The table of outputs, several at once, and files that are complete or missing."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from common.errors import MokaError, OutputExists, UsageError
from inference.frame import Unreadable
from inference.outputs import FILES, OUTPUTS, STREAMS, kind_of, open_outputs
from inference.outputs.output import Lines
from kits.outputs import about_of, frame_of, people

TARGETS = {
    "text": "a.txt",
    "json": "a.jsonl",
    "csv": "a.csv",
    "picture": "a.png",
    "pictures": "folder",
    "video": "a.avi",
}


def test_every_kind_has_a_name() -> None:
    assert set(TARGETS) == set(OUTPUTS) == {*FILES.values(), "pictures"}
    for kind, name in TARGETS.items():
        assert kind_of(Path(name)) == kind
    assert kind_of(Path("A.CSV")) == "csv"


def test_a_folder_with_a_point_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "faces.old").mkdir()
    assert kind_of(tmp_path / "faces.old") == "pictures"


def test_an_unknown_name() -> None:
    with pytest.raises(UsageError, match=r'answers\.cvs: no output ends in \.cvs.*Did you mean "\.csv"'):
        kind_of(Path("answers.cvs"))
    with pytest.raises(UsageError, match=r"output xml: unknown\. Known: csv, json"):
        open_outputs([("xml", None)], about_of())


@pytest.mark.parametrize("kind", sorted(set(OUTPUTS) - set(STREAMS)))
def test_pictures_do_not_go_to_standard_output(kind: str) -> None:
    with pytest.raises(UsageError, match="Name a file or folder"):
        open_outputs([(kind, None)], about_of())


@pytest.mark.parametrize("kind", OUTPUTS)
def test_complete_or_missing(kind: str, tmp_path: Path) -> None:
    """Nothing has the name before the end; after an error nothing is left; what exists is replaced only with force."""
    path, frame = tmp_path / TARGETS[kind], frame_of()
    found = people(frame, (50, 60, 90, 100))
    with pytest.raises(ZeroDivisionError), open_outputs([(kind, path)], about_of()) as outputs:
        outputs.write(frame, found)
        outputs.left_out(Unreadable("bad.jpg", "an empty file"))
        assert not path.exists()
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    with open_outputs([(kind, path)], about_of()) as outputs:
        outputs.write(frame, found)
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(OutputExists, match="already there"):
        open_outputs([(kind, path)], about_of())
    before = path.stat().st_mtime_ns
    with open_outputs([(kind, path)], about_of(), force=True) as outputs:
        outputs.write(frame, found)
    assert path.stat().st_mtime_ns > before
    assert list(tmp_path.iterdir()) == [path]


def test_several_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = frame_of()
    with open_outputs([("text", None), ("csv", tmp_path / "a.csv")], about_of()) as outputs:
        outputs.write(frame, people(frame, (50, 60, 90, 100)))
    assert "photo.jpg" in capsys.readouterr().out
    assert "photo.jpg" in (tmp_path / "a.csv").read_text()


def test_if_one_cannot_be_opened_none_is(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("mine")
    with pytest.raises(OutputExists):
        open_outputs([("json", tmp_path / "a.jsonl"), ("csv", tmp_path / "b.csv")], about_of())
    assert [path.name for path in tmp_path.iterdir()] == ["b.csv"]


def test_if_one_cannot_be_finished_the_others_are(tmp_path: Path) -> None:
    frame = frame_of()
    with (
        pytest.raises(OutputExists, match=r"b\.csv"),
        open_outputs([("json", tmp_path / "a.jsonl"), ("csv", tmp_path / "b.csv")], about_of()) as outputs,
    ):
        outputs.write(frame, people(frame))
        (tmp_path / "b.csv").write_text("mine")
    assert (tmp_path / "b.csv").read_text() == "mine"
    assert (tmp_path / "a.jsonl").stat().st_size
    assert len(list(tmp_path.iterdir())) == 2


def test_a_full_disk_names_the_file(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "a.csv", force=False)

    class Full:
        def write(self, text: str) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    lines._stream = Full()  # type: ignore[assignment]
    with pytest.raises(MokaError, match=r"a\.csv: the disk is full"):
        lines.write("a row\n")
    lines.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    frame = frame_of("b\udce4d.jpg")
    wanted = [("text", tmp_path / "a.txt"), ("json", tmp_path / "a.jsonl"), ("csv", tmp_path / "a.csv")]
    with open_outputs(wanted, about_of()) as outputs:  # type: ignore[arg-type]
        outputs.write(frame, people(frame))
    for _, path in wanted:
        assert "b\\udce4d.jpg" in path.read_text("utf-8")

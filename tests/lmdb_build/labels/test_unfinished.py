"""create_lmdb --resume: a run that was killed goes on, and both databases hold the records of an unbroken run.

Their files are of the same size, but not the same bytes: LMDB does not clear what is unused in a page.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from caffe_io.caffe_pb2 import Datum
from caffe_io.databases import lmdb_store
from common.errors import MokaError, UsageError
from kits.commands import run_process
from kits.lmdb_build import records, verb, write_picture
from lmdb_build.errors import LmdbBuildError
from lmdb_build.labels.create_lmdb import LmdbWriter
from lmdb_build.labels.unfinished import MARK, find_begun

BOTH = ["pictures_lmdb", "labels_lmdb"]
WORDS = ["--table", "faces.csv:3", "--tasks", "gender,years", "--absent=-1", "--shuffle"]
Contents = list[tuple[int, list[tuple[str, Datum]]]]
main = verb("create_lmdb")
# Small batches, so that a few dozen records are many transactions: seven pictures each, or ten labels. They are written at
# once, not in a thread, so that each number of calls means one state of the databases.
KILLED = """
import os, signal, sys
from caffe_io.databases import lmdb_store
from lmdb_build.__main__ import ROOM

class AtOnce:
    def __init__(self, count): pass
    def __enter__(self): return self
    def __exit__(self, *error): pass
    def submit(self, work, *words): work(*words); return self
    def result(self): pass

lmdb_store.ThreadPoolExecutor = AtOnce
lmdb_store._BATCH, lmdb_store._BATCH_BYTES, lmdb_store._FIRST_MAP = 10, 10000, 1 << 16
method, calls, (last, number) = getattr(lmdb_store.LmdbWriter, sys.argv[1]), 0, map(int, sys.argv[2:4])

def call(writer, *words):
    global calls
    calls += 1
    if calls == last:
        os.kill(os.getpid(), number)
    return method(writer, *words)

setattr(lmdb_store.LmdbWriter, sys.argv[1], call)
sys.argv[1:] = ["create_lmdb", *sys.argv[4:]]
ROOM.run()
"""


@pytest.fixture
def unbroken(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Contents:
    """Write a table of 24 pictures, of which two cannot be read, and return the databases of an unbroken run."""
    for name, value in (("_BATCH", 10), ("_BATCH_BYTES", 10000), ("_FIRST_MAP", 1 << 16)):
        monkeypatch.setattr(lmdb_store, name, value)
    lines = []
    for index in range(24):
        write_picture(working_folder / f"pictures/{index}.png", index)
        lines.append(f"pictures/{index}.png,,{index % 2},{index if index % 3 else ''}")
    Path("faces.csv").write_text("\n".join(["picture,person,gender,years", *lines]) + "\n")
    Path("pictures/7.png").write_text("no picture")
    Path("pictures/20.png").unlink()
    main([*WORDS, "whole_pictures", "whole_labels"])
    return contents("whole_pictures", "whole_labels")


def contents(*names: str) -> Contents:
    """Return the size of each database, and its records."""
    return [(Path(name, "data.mdb").stat().st_size, records(Path(name))) for name in names or BOTH]


def kill(method: str, call: int, *words: str, signal_number: int = signal.SIGKILL) -> str:
    """Run the command in a process that ends itself at a call of the writers' method. Returns what it said."""
    script = Path("killed.py")
    script.write_text(KILLED)
    done = run_process(script, method, call, signal_number, *WORDS, *words, *BOTH, folder=Path.cwd())
    assert done.returncode == (-9 if signal_number == signal.SIGKILL else 128 + signal_number), done.stderr
    assert not any(Path(name).exists() for name in BOTH)
    return str(done.stderr)


def parts() -> list[Path]:
    return sorted(Path().glob(".*.part"))


@pytest.mark.parametrize(
    ("method", "call"),
    [("put", 1), ("put", 27), ("put", 70), ("put", 131), ("_write", 2), ("_write", 7), ("_write", 8), ("finish", 2)],
)
def test_the_same_databases_as_from_an_unbroken_run(
    unbroken: Contents, method: str, call: int, capsys: pytest.CaptureFixture[str]
) -> None:
    kill(method, call)
    assert len(parts()) == 2
    capsys.readouterr()
    main(["--resume", *WORDS, *BOTH])
    said = capsys.readouterr()
    assert f"pictures_lmdb: going on in {parts_name(said.err)}" in said.err
    assert "pictures_lmdb: 66 records from faces.csv:3; 6 skipped" in said.out
    assert contents() == unbroken
    for name in BOTH:
        assert sorted(path.name for path in Path(name).iterdir()) == ["data.mdb", "lock.mdb"]
    assert parts() == []


def parts_name(said: str) -> str:
    return said.partition("going on in ")[2].partition("\n")[0]


def test_killed_again_and_again(unbroken: Contents) -> None:
    """Each run writes some more; nothing that is written is made again."""
    reached = []
    for _ in range(3):
        kill("put", 50, "--resume")
        with lmdb_store.write_lmdb("copy", force=True, begun=copy_of(parts()[-1])) as database:
            reached.append(len(database))
    assert 0 < reached[0] < reached[1] < reached[2]
    main(["--resume", *WORDS, *BOTH])
    assert contents() == unbroken


def copy_of(folder: Path) -> Path:
    other = Path(".copy.00000000.part")
    other.mkdir()
    (other / "data.mdb").write_bytes((folder / "data.mdb").read_bytes())
    return other


def test_without_anything_to_go_on_from(unbroken: Contents, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--resume", *WORDS, *BOTH])
    assert "pictures_lmdb: nothing to go on from; starting with the first picture" in capsys.readouterr().err
    assert contents() == unbroken


def other_label() -> list[str]:
    path = Path("faces.csv")
    path.write_text(path.read_text().replace("3.png,,1,", "3.png,,0,"))
    return []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda: ["--tasks", "years,gender"], "tasks and pictures, labels or order"),
        (lambda: ["--absent=-2"], "absent and pictures, labels or order"),
        (lambda: ["--gray"], "gray"),
        (lambda: ["--resize_height=8", "--resize_width=8"], "resize_height and resize_width"),
        (lambda: ["--seed=5"], "pictures, labels or order"),
        (other_label, "pictures, labels or order"),
    ],
    ids=["tasks", "absent", "gray", "size", "seed", "table"],
)  # fmt: skip
def test_other_options_or_tables_are_refused(unbroken: Contents, change: Callable[[], list[str]], named: str) -> None:
    """Nothing is removed, and the command with the old options still goes on."""
    kill("put", 50)
    before = {path: (path / "data.mdb").read_bytes() for path in parts()}
    text = Path("faces.csv").read_text()
    with pytest.raises(UsageError, match=rf"\.pictures_lmdb\.\w+\.part: was begun with other {named}") as error:
        main(["--resume", *WORDS, *change(), *BOTH])
    assert "leave --resume out to start again" in str(error.value)
    assert {path: (path / "data.mdb").read_bytes() for path in parts()} == before
    Path("faces.csv").write_text(text)
    main(["--resume", *WORDS, *BOTH])
    assert contents() == unbroken


def test_old_databases_stay_until_the_new_ones_are_complete(unbroken: Contents) -> None:
    main(["--table", "faces.csv", "--tasks", "gender", *BOTH])
    old = contents()
    script = Path("killed.py")
    script.write_text(KILLED)
    run_process(script, "put", 70, 9, "--force", *WORDS, *BOTH, folder=Path.cwd())
    assert contents() == old
    main(["--resume", "--force", *WORDS, *BOTH])
    assert contents() == unbroken


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_what_is_written_with_resume_alone(unbroken: Contents, number: int) -> None:
    said = kill("put", 70, signal_number=number)
    assert parts() == [] and "goes on" not in said
    said = kill("put", 70, "--resume", signal_number=number)
    assert len(parts()) == 2
    assert "pictures_lmdb: stopped; the same command goes on from here" in said
    main(["--resume", *WORDS, *BOTH])
    assert contents() == unbroken


def test_an_error_leaves_nothing_even_with_resume(unbroken: Contents) -> None:
    write_picture(Path("pictures/23.png"), 23, height=30)
    with pytest.raises(LmdbBuildError, match="No database was written"):
        main(["--resume", *WORDS, *BOTH])
    assert parts() == []


def test_a_run_that_has_not_ended_is_left_alone(unbroken: Contents) -> None:
    kill("put", 70)
    folder = next(path for path in parts() if "pictures" in path.name)
    what = json.loads((folder / MARK).read_text())["what"]
    with find_begun(*BOTH, what), pytest.raises(MokaError, match=r"part: another run writes there now"):
        main(["--resume", *WORDS, *BOTH])
    assert len(parts()) == 2


def test_a_run_holds_the_lock_while_it_writes(unbroken: Contents, monkeypatch: pytest.MonkeyPatch) -> None:
    put = LmdbWriter.put
    seen = []

    def look(writer: LmdbWriter, key: bytes, value: bytes) -> None:
        put(writer, key, value)
        if not seen:
            what = json.loads((writer.folder / MARK).read_text())["what"]
            with pytest.raises(MokaError, match="another run writes there now"), ExitStack() as stack:
                stack.enter_context(find_begun(*BOTH, what))
            seen.append(writer)

    monkeypatch.setattr(LmdbWriter, "put", look)
    main([*WORDS, *BOTH])
    assert seen


def test_pictures_that_have_changed_meanwhile(unbroken: Contents) -> None:
    """The labels are ahead of the pictures after this kill; then one of those pictures is damaged."""
    kill("put", 23)
    for index in range(24):
        Path(f"pictures/{index}.png").write_text("no picture")
    with pytest.raises(LmdbBuildError, match=r"There are 7 pictures and 10 labels, so pictures have changed"):
        main(["--resume", *WORDS, *BOTH])
    assert parts() == []


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"run": 1}', '{"run": 1, "what": 3}', "\x80", "[" * 9999])
def test_a_damaged_mark_is_no_run(unbroken: Contents, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    kill("put", 70)
    for folder in parts():
        (folder / MARK).write_text(text, encoding="latin-1")
    main(["--resume", *WORDS, *BOTH])
    assert "nothing to go on from" in capsys.readouterr().err
    assert len(parts()) == 2
    assert [len(records(Path(name))) for name in BOTH] == [66, 66]


def test_a_damaged_database_is_a_message(unbroken: Contents) -> None:
    kill("put", 131)
    folder = next(path for path in parts() if "pictures" in path.name)
    (folder / "data.mdb").write_bytes(b"no database" * 1000)
    with pytest.raises(MokaError, match=r"part: "):
        main(["--resume", *WORDS, *BOTH])

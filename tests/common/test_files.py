from __future__ import annotations

import errno
import hashlib
import os
import re
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

import pytest

from common.errors import MokaError, OutputExists
from common.files import atomic_file, atomic_folder, file_hash, refuse_existing
from common.places import ROOT


def any_names(names: set[str]) -> bool:
    return True


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.bin"
    with atomic_file(target) as temporary:
        assert temporary.parent == target.parent
        temporary.write_bytes(b"abc")
        assert not target.exists()
    assert target.read_bytes() == b"abc"
    assert list(target.parent.iterdir()) == [target]


def test_permissions_are_those_of_an_ordinary_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    with atomic_file(tmp_path / "a") as temporary:
        temporary.write_bytes(b"")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    (tmp_path / "plain_folder").mkdir()
    with atomic_folder(tmp_path / "b"):
        pass
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == stat.S_IMODE((tmp_path / "plain_folder").stat().st_mode)


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt()])
def test_an_error_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), atomic_file(tmp_path / "a") as temporary:
        temporary.write_bytes(b"half")
        raise error
    with pytest.raises(type(error)), atomic_folder(tmp_path / "b") as folder:
        (folder / "part").write_bytes(b"half")
        raise error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [atomic_file, atomic_folder])
def test_an_error_leaves_no_new_folder(tmp_path: Path, write: Callable[[Path], AbstractContextManager[Path]]) -> None:
    with pytest.raises(KeyError), write(tmp_path / "new/below/a"):
        raise KeyError
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "old").mkdir()
    with pytest.raises(KeyError), write(tmp_path / "old/new/a"):
        (tmp_path / "old/new/of another").touch()
        raise KeyError
    assert [path.name for path in (tmp_path / "old").rglob("*")] == ["new", "of another"]


def test_an_error_keeps_the_old_output(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "old").write_bytes(b"old")
    with pytest.raises(ValueError), atomic_file(tmp_path / "a", force=True) as temporary:
        temporary.write_bytes(b"new")
        raise ValueError
    with pytest.raises(ValueError), atomic_folder(tmp_path / "b", True, any_names) as folder:
        (folder / "new").write_bytes(b"new")
        raise ValueError
    assert (tmp_path / "a").read_bytes() == b"old"
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == ["a", "b", "b/old"]


def test_existing_output_is_refused_without_force(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "empty").mkdir()
    for opener, name in ((atomic_file, "a"), (atomic_folder, "empty")):
        with pytest.raises(OutputExists, match="--force") as caught, opener(tmp_path / name):
            pytest.fail("the block must not run")
        assert caught.value.exit_code == 2
    refuse_existing(tmp_path / "a", force=True)
    refuse_existing(tmp_path / "b")
    with atomic_file(tmp_path / "a", force=True) as temporary:
        temporary.write_bytes(b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


def test_a_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    for content in ("one", "two"):
        with atomic_folder(tmp_path / "db", True, any_names) as folder:
            (folder / content).touch()
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == ["db", "db/two"]


def test_the_old_folder_is_back_if_the_exchange_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with atomic_folder(tmp_path / "db") as folder:
        (folder / "old").touch()
    replace = Path.replace

    def fails_for_the_new(self: Path, target: Path) -> Path:
        if self.name.endswith(".part"):
            raise OSError(errno.EIO, "Input/output error")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fails_for_the_new)
    with (
        pytest.raises(MokaError, match="Input/output error"),
        atomic_folder(tmp_path / "db", True, any_names) as folder,
    ):
        (folder / "new").touch()
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == ["db", "db/old"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path, number: int) -> None:
    for opener in (atomic_file, atomic_folder):
        with (
            pytest.raises(MokaError, match="the disk is full; nothing was left behind") as caught,
            opener(tmp_path / "a"),
        ):
            raise OSError(number, os.strerror(number))
        assert caught.value.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_the_system_stops_leaves_nothing(tmp_path: Path) -> None:
    """A file size limit is the one kind of full disk that needs no rights to make."""
    script = (
        "import resource, signal, sys\n"
        "from common.errors import MokaError\n"
        "from common.files import atomic_file\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))\n"
        "try:\n"
        "    with atomic_file(sys.argv[1]) as temporary:\n"
        "        temporary.write_bytes(bytes(1 << 20))\n"
        "except MokaError as error:\n"
        "    print(error)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a")], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert "cannot be written (File too large)" in run.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_to_blame_not_the_part_of_a_file() -> None:
    """In a folder of another user, or below /proc, no file can be made."""
    with pytest.raises(MokaError, match=r"^/proc/self/fd/1\.svg: cannot be written \(No such file or directory\)"):  # noqa: SIM117
        with atomic_file("/proc/self/fd/1.svg"):
            pytest.fail("the block must not run")


def test_a_missing_input_is_not_called_a_failed_output(tmp_path: Path) -> None:
    with pytest.raises(MokaError, match=r"missing: No such file or directory\. Therefore .*out was not written"):  # noqa: SIM117
        with atomic_file(tmp_path / "out"):
            (tmp_path / "missing").read_bytes()
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for opener in (atomic_file, atomic_folder):
        with pytest.raises(MokaError, match="cannot be written"), opener(tmp_path / "file" / "a"):
            pytest.fail("the block must not run")


def test_what_a_killed_run_left_is_named_and_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    script = (
        "import os, sys\n"
        "from common.files import atomic_file, atomic_folder\n"
        "with atomic_file(sys.argv[1] + '/a'), atomic_folder(sys.argv[1] + '/b'):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, timeout=60).returncode == -9
    left = sorted(tmp_path.iterdir())
    assert [path.name[:3] for path in left] == [".a.", ".b."]
    # Not a name that atomic_file gives.
    (tmp_path / ".a.mine.part").touch()
    for opener in (atomic_file, atomic_folder):
        with opener(tmp_path / ("a" if opener is atomic_file else "b")):
            pass
    warnings = [record.getMessage() for record in caplog.records]
    assert [message.split(": ")[0] for message in warnings] == [str(path) for path in left]
    assert "left by a run that was killed while it wrote a. Delete it, unless another run" in warnings[0]
    assert {*left, tmp_path / "a", tmp_path / "b", tmp_path / ".a.mine.part"} == set(tmp_path.iterdir())


def test_one_of_many_is_atomic_and_searches_for_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / ".a.00000000.part").touch()
    with pytest.raises(ValueError), atomic_file(tmp_path / "a", one_of_many=True) as temporary:
        temporary.write_bytes(b"half")
        raise ValueError
    with atomic_file(tmp_path / "a", one_of_many=True) as temporary:
        temporary.write_bytes(b"all")
        assert not (tmp_path / "a").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"a", ".a.00000000.part"}
    assert (tmp_path / "a").read_bytes() == b"all"
    assert not caplog.records


def test_threads_keep_the_umask_and_never_share_a_temporary_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:

        def write() -> None:
            for _ in range(50):
                with atomic_file(tmp_path / "a", force=True, one_of_many=True) as temporary:
                    temporary.write_bytes(b"all")

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_name_that_is_taken_is_drawn_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".a.11111111.part").write_bytes(b"of another run")
    tokens = iter(["11111111", "22222222"])
    monkeypatch.setattr("common.files.secrets.token_hex", lambda size: next(tokens))
    with atomic_file(tmp_path / "a") as temporary:
        assert temporary.name == ".a.22222222.part"
    assert (tmp_path / ".a.11111111.part").read_bytes() == b"of another run"


def test_the_current_folder_is_no_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputExists, match="is a folder"), atomic_file(".", force=True):
        pass
    with pytest.raises(MokaError, match="is a folder"), atomic_folder(".", force=True):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [0, 3, (1 << 20) + 1])
def test_file_hash(tmp_path: Path, size: int) -> None:
    (tmp_path / "a").write_bytes(b"x" * size)
    assert file_hash(tmp_path / "a") == hashlib.sha256(b"x" * size).hexdigest()


def test_a_folder_that_cannot_be_listed_gets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", refuse)
        for opener in (atomic_file, atomic_folder):
            with pytest.raises(MokaError, match="cannot be written"), opener(tmp_path / "a"):
                pytest.fail("the block must not run")
    assert list(tmp_path.iterdir()) == []


def test_one_of_many_in_a_place_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MokaError, match="cannot be written"), atomic_file(tmp_path / "file/a", one_of_many=True):
        pytest.fail("the block must not run")
    (tmp_path / "folder").mkdir()
    with (
        pytest.raises(MokaError, match="is a folder"),
        atomic_file(tmp_path / "folder", force=True, one_of_many=True) as temporary,
    ):
        temporary.write_bytes(b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


# ---- what is never replaced -------------------------------------------------------------------------------------------


def make_link_to_a_file(path: Path) -> str:
    (path.parent / "target").write_bytes(b"kept")
    path.symlink_to("target")
    return "is a link to target. Nothing is written through a link or in its place."


def make_link_to_a_folder(path: Path) -> str:
    (path.parent / "target").mkdir()
    (path.parent / "target/data.mdb").write_bytes(b"kept")
    path.symlink_to("target")
    return "is a link to target."


def make_dangling_link(path: Path) -> str:
    path.symlink_to("nowhere")
    return "is a link to nowhere."


def make_fifo(path: Path) -> str:
    os.mkfifo(path)
    return "is a FIFO. Name an ordinary file"


def make_socket(path: Path) -> str:
    with socket.socket(socket.AF_UNIX) as server:
        # A socket's name may have 107 bytes only.
        before = Path.cwd()
        os.chdir(path.parent)
        server.bind(path.name)
        os.chdir(before)
    return "is a socket."


def make_device(path: Path) -> str:
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")
    return "is a device."


HOSTILE = [make_link_to_a_file, make_link_to_a_folder, make_dangling_link, make_fifo, make_socket, make_device]


def state(folder: Path) -> list[tuple[str, int]]:
    return sorted((path.name, path.lstat().st_ino) for path in folder.rglob("*"))


@pytest.mark.parametrize("make", HOSTILE)
@pytest.mark.parametrize("force", [False, True])
def test_what_is_no_ordinary_file_or_folder_stays(tmp_path: Path, make: Callable[[Path], str], force: bool) -> None:
    message = make(tmp_path / "out")
    before = state(tmp_path)
    with pytest.raises(OutputExists, match=re.escape(f"out: {message}")), atomic_file(tmp_path / "out", force):
        pytest.fail("the block must not run")
    with (
        pytest.raises(OutputExists, match=re.escape(f"out: {message}")),
        atomic_folder(tmp_path / "out", force, any_names),
    ):
        pytest.fail("the block must not run")
    assert state(tmp_path) == before


STREAM = """
import sys
from common.errors import OutputExists
from common.files import atomic_file
for name in ("/dev/stdout", "/proc/self/fd/1", "/dev/null"):
    for force in (False, True):
        try:
            with atomic_file(name, force):
                pass
        except OutputExists as error:
            print(error, file=sys.stderr)
"""


def refusals_of_a_stream(stdout: int | IO[bytes]) -> list[str]:
    """What is said about /dev/stdout and its kind in a process that has `stdout`."""
    words = [sys.executable, "-c", STREAM]
    done = subprocess.run(words, cwd=ROOT, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    lines = done.stderr.splitlines()
    assert all(line.endswith(". Name an ordinary file, which is made or replaced as a whole.") for line in lines)
    assert "--force" not in done.stderr
    assert [line for line in lines if line.startswith("/dev/null: is a device.")] == lines[4:]
    assert len(lines) == 6
    return [line.split(". ")[0].split(": ")[1] for line in lines[:4]]


def test_the_system_s_own_files_are_no_outputs(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        goes_on = f"is a stream of this process that goes into the file {tmp_path / 'out'}"
        assert set(refusals_of_a_stream(file)) == {goes_on}
    assert set(refusals_of_a_stream(subprocess.PIPE)) == {"is a stream of this process that goes into a pipe"}
    assert set(refusals_of_a_stream(subprocess.DEVNULL)) == {"is a device"}


def test_a_terminal_is_no_output() -> None:
    ours, theirs = os.openpty()
    assert set(refusals_of_a_stream(theirs)) == {"is the terminal"}
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("names", [["a.jpg"], ["data.mdb", "a.jpg"], ["lock.mdb"], ["data.mdb/x"]])
def test_a_folder_of_other_things_is_never_replaced(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).write_bytes(b"precious")
    before = state(tmp_path)
    for force in (False, True):
        with (
            pytest.raises(OutputExists, match="a folder that this command did not write"),
            atomic_folder(tmp_path / "out", force, lambda names: names == {"data.mdb"}),
        ):
            pytest.fail("the block must not run")
    assert state(tmp_path) == before


def test_without_a_test_no_folder_is_ours_but_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with atomic_folder(tmp_path / "out", force=True) as folder:
        (folder / "a").touch()
    with pytest.raises(OutputExists), atomic_folder(tmp_path / "out", force=True):
        pytest.fail("the block must not run")


@pytest.mark.parametrize("force", [False, True])
def test_what_appears_during_the_work_is_not_replaced(tmp_path: Path, force: bool) -> None:
    with pytest.raises(OutputExists), atomic_file(tmp_path / "a", force) as temporary:
        temporary.write_bytes(b"new")
        (tmp_path / "a").symlink_to("elsewhere")
    with pytest.raises(OutputExists), atomic_folder(tmp_path / "b", force, any_names):
        (tmp_path / "b").symlink_to("elsewhere")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "message"), [("x" * 300, "cannot be written (File name too long)"), ("a\0b", "holds a NUL byte")]
)
def test_names_that_no_file_can_have(tmp_path: Path, name: str, message: str) -> None:
    for opener in (atomic_file, atomic_folder):
        with pytest.raises(MokaError, match=re.escape(message)), opener(f"{tmp_path}/{name}"):
            pytest.fail("the block must not run")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_may_not_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> os.stat_result:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "lstat", refuse)
        with pytest.raises(MokaError, match=r"a: cannot be written \(Permission denied\)"):
            refuse_existing(tmp_path / "a")

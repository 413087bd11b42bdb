from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import lmdb
import pytest

from caffe_io.databases import lmdb_store
from caffe_io.databases.leveldb_store import LevelDbReader
from caffe_io.databases.lmdb_store import LmdbReader, write_lmdb
from caffe_io.errors import DatabaseError
from common.errors import OutputExists
from common.places import ROOT
from kits.databases import records, written


def test_records_are_read_in_the_order_of_their_keys(tmp_path: Path) -> None:
    items = records(2500)
    path = written(tmp_path / "db", items[::-1], write_lmdb)
    with LmdbReader(path) as reader:
        assert len(reader) == 2500
        assert list(reader.items()) == items
        assert list(reader.items(start=2498)) == items[2498:]
        assert list(reader) == [key for key, _ in items]
    assert sorted(p.name for p in path.iterdir()) == ["data.mdb", "lock.mdb"]


def test_a_plain_lmdb_reads_it(tmp_path: Path) -> None:
    path = written(tmp_path / "db", records(3), write_lmdb)
    with lmdb.open(str(path), readonly=True) as environment, environment.begin() as transaction:
        assert list(transaction.cursor()) == records(3)


def test_the_map_grows_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lmdb_store, "_FIRST_MAP", 1 << 16)
    items = records(1200, size=2000)
    with LmdbReader(written(tmp_path / "db", items, write_lmdb)) as reader:
        assert list(reader.items()) == items


def test_a_value_larger_than_the_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lmdb_store, "_FIRST_MAP", 1 << 16)
    items = [(b"k", bytes(1 << 20))]
    with LmdbReader(written(tmp_path / "db", items, write_lmdb)) as reader:
        assert list(reader.items()) == items


def test_a_repeated_key_keeps_the_last_value(tmp_path: Path) -> None:
    with LmdbReader(written(tmp_path / "db", [(b"k", b"1"), (b"k", b"2")], write_lmdb)) as reader:
        assert list(reader.items()) == [(b"k", b"2")]


@pytest.mark.parametrize("key", [b"", b"x" * 512])
def test_keys_that_lmdb_cannot_hold(tmp_path: Path, key: bytes) -> None:
    with pytest.raises(DatabaseError, match=f"has {len(key)} bytes; LMDB takes 1 to 511"):
        written(tmp_path / "db", [(key, b"")], write_lmdb)
    assert list(tmp_path.iterdir()) == []
    written(tmp_path / "db", [(b"x" * 511, b"")], write_lmdb)


def test_an_error_leaves_no_database(tmp_path: Path) -> None:
    with pytest.raises(ValueError), write_lmdb(tmp_path / "db") as db:
        for key, value in records(1500):
            db.put(key, value)
        raise ValueError
    assert list(tmp_path.iterdir()) == []


def test_an_existing_database_is_kept_without_force(tmp_path: Path) -> None:
    path = written(tmp_path / "db", records(2), write_lmdb)
    with pytest.raises(OutputExists), write_lmdb(path) as db:
        db.put(b"new", b"")
    with LmdbReader(path) as reader:
        assert list(reader.items()) == records(2)
        with write_lmdb(path, force=True) as db:
            db.put(b"new", b"")
        # A reader of the old database keeps it.
        assert list(reader.items()) == records(2)
        with LmdbReader(path) as second:
            assert list(second.items()) == [(b"new", b"")]


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """A file size limit is the one kind of full disk that needs no rights to make."""
    script = (
        "import resource, signal, sys\n"
        "from caffe_io.errors import DatabaseError\n"
        "from caffe_io.databases.lmdb_store import write_lmdb\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "try:\n"
        "    with write_lmdb(sys.argv[1]) as db:\n"
        "        for i in range(3000):\n"
        "            db.put(b'%08d' % i, bytes(1000))\n"
        "except DatabaseError as error:\n"
        "    print(error)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "db")], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert "db: the database could not be written" in run.stdout, run.stderr
    assert "Free some space" in run.stdout
    assert list(tmp_path.iterdir()) == []


def test_no_space_left_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"No space left on device.*nothing was left behind"):  # noqa: SIM117
        with write_lmdb(tmp_path / "db"):
            raise lmdb.DiskError("mdb_txn_commit: No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_two_readers_of_one_database(tmp_path: Path) -> None:
    path = written(tmp_path / "db", records(3), write_lmdb)
    first, second = LmdbReader(path), LmdbReader(tmp_path / "." / "db")
    iterator = first.items()
    next(iterator)
    first.close()
    assert list(second.items()) == records(3)
    # An iteration that has begun is not cut off.
    assert list(iterator) == records(3)[1:]
    with pytest.raises(DatabaseError, match="was closed"):
        next(first.items())
    second.close()
    del iterator
    assert list(LmdbReader(path).items()) == records(3)


def test_cycle(tmp_path: Path) -> None:
    with LmdbReader(written(tmp_path / "db", records(3), write_lmdb)) as reader:
        keys = [int(key[:8]) for key, _ in itertools.islice(reader.cycle(start=7), 7)]
    assert keys == [1, 2, 0, 1, 2, 0, 1]


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    path = written(tmp_path / "db", records(3), write_lmdb)
    (path / "lock.mdb").unlink()
    path.chmod(0o555)
    try:
        assert list(LmdbReader(path).items()) == records(3)
        assert [p.name for p in path.iterdir()] == ["data.mdb"]
    finally:
        path.chmod(0o755)


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (0, "cannot be read as an LMDB"),
        (3000, "cannot be read as an LMDB"),
        (40960, r"cut short \(40960 bytes of \d+\)"),
    ],
)
def test_a_database_that_is_cut_short(tmp_path: Path, keep: int, message: str) -> None:
    path = written(tmp_path / "db", records(100, size=5000), write_lmdb)
    data = (path / "data.mdb").read_bytes()
    (path / "data.mdb").write_bytes(data[:keep])
    with pytest.raises(DatabaseError, match=message):
        LmdbReader(path)


def test_damaged_missing_and_empty(tmp_path: Path) -> None:
    path = written(tmp_path / "db", records(3), write_lmdb)
    (path / "data.mdb").write_bytes(b"\xff" * 40960)
    with pytest.raises(DatabaseError, match="db: cannot be read as an LMDB"):
        LmdbReader(path)
    with pytest.raises(DatabaseError, match=r"no_db: no LMDB here .*create_lmdb\.sh"):
        LmdbReader(tmp_path / "no_db")
    with pytest.raises(DatabaseError, match="empty: holds no records"):
        LmdbReader(written(tmp_path / "empty", [], write_lmdb))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "It is a Git LFS pointer, not the file itself"),
        (b"<html><body>Sign in</body></html>", r"It is a web page \(HTML\)"),
        (bytes(8192), "Make it again"),
    ],
)
def test_another_file_called_data_mdb_is_named(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "data.mdb").write_bytes(data)
    with pytest.raises(DatabaseError, match=words):
        LmdbReader(tmp_path)


def test_the_file_instead_of_its_folder(tmp_path: Path) -> None:
    path = written(tmp_path / "db", records(3), write_lmdb) / "data.mdb"
    with pytest.raises(
        DatabaseError, match=r"data\.mdb: is a file; expected the folder of an LMDB.* name the folder that"
    ):
        LmdbReader(path)


@pytest.mark.parametrize("reader", [LmdbReader, LevelDbReader])
def test_a_path_that_cannot_be_entered(tmp_path: Path, reader: type[LmdbReader | LevelDbReader]) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(
        DatabaseError, match=r"loop: cannot be read \(Too many levels of symbolic links\)\. Check the path"
    ):
        reader(tmp_path / "loop")
    with pytest.raises(DatabaseError, match=r"x{300}: cannot be read \(File name too long\)"):
        reader(tmp_path / ("x" * 300))

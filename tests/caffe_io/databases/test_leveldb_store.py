from __future__ import annotations

import itertools
import os
import random
import shutil
from pathlib import Path

import pytest

from caffe_io.caffe_pb2 import DataParameter
from caffe_io.databases import leveldb_store
from caffe_io.databases.backends import BACKENDS, open_database
from caffe_io.databases.leveldb_store import LevelDbReader, write_leveldb
from caffe_io.databases.lmdb_store import LmdbReader, write_lmdb
from caffe_io.errors import DatabaseError
from common.errors import OutputExists
from kits.commands import run_process
from kits.databases import records, written

plyvel = pytest.importorskip("plyvel", reason="plyvel is not installed; Python 3.13 has no package of it")


def test_records_are_read_in_the_order_of_their_keys(tmp_path: Path) -> None:
    items = records(2500)
    path = written(tmp_path / "db", items[::-1], write_leveldb)
    with LevelDbReader(path) as reader:
        assert len(reader) == 2500
        assert list(reader.items()) == items
        assert list(reader.views()) == items
        assert list(reader.items(start=2498)) == items[2498:]
        assert list(reader) == [key for key, _ in items]


def test_plyvel_alone_reads_it(tmp_path: Path) -> None:
    path = written(tmp_path / "db", records(3), write_leveldb)
    database = plyvel.DB(str(path))
    assert list(database) == records(3)
    database.close()


def test_more_records_than_are_written_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leveldb_store, "_BUFFER", 1 << 16)
    items = records(1200, size=2000)
    with LevelDbReader(written(tmp_path / "db", items, write_leveldb)) as reader:
        assert list(reader.items()) == items


def test_a_repeated_key_keeps_the_last_value(tmp_path: Path) -> None:
    with LevelDbReader(written(tmp_path / "db", [(b"k", b"1"), (b"j", b"2"), (b"k", b"3")], write_leveldb)) as reader:
        assert list(reader.items()) == [(b"j", b"2"), (b"k", b"3")]


def test_an_error_leaves_no_database(tmp_path: Path) -> None:
    with pytest.raises(KeyError), write_leveldb(tmp_path / "db") as db:
        db.put(b"k", b"v")
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_an_existing_database_is_kept_without_force(tmp_path: Path) -> None:
    path = written(tmp_path / "db", records(2), write_leveldb)
    with pytest.raises(OutputExists), write_leveldb(path) as db:
        db.put(b"k", b"v")
    with LevelDbReader(path) as reader:
        assert len(reader) == 2
    with write_leveldb(path, force=True) as db:
        db.put(b"k", b"v")
    with LevelDbReader(path) as reader:
        assert list(reader.items()) == [(b"k", b"v")]
    assert [found.name for found in tmp_path.iterdir()] == ["db"]
    (path / "notes.txt").write_text("mine")
    with pytest.raises(OutputExists, match="did not write"), write_leveldb(path, force=True) as db:
        db.put(b"k", b"v")
    assert (path / "notes.txt").read_text() == "mine"


def test_a_cycle_starts_anywhere(tmp_path: Path) -> None:
    with LevelDbReader(written(tmp_path / "db", records(3), write_leveldb)) as reader:
        keys = [int(key[:8]) for key, _ in itertools.islice(reader.cycle(), 7)]
        assert keys == [0, 1, 2, 0, 1, 2, 0]
        keys = [int(key[:8]) for key, _ in itertools.islice(reader.cycle(8), 4)]
        assert keys == [2, 0, 1, 2]


def test_two_readers_of_one_process_share_it(tmp_path: Path) -> None:
    path = written(tmp_path / "db", records(3), write_leveldb)
    first = LevelDbReader(path)
    second = LevelDbReader(tmp_path / "." / "db")
    first.close()
    assert len(list(second.items())) == 3
    with pytest.raises(DatabaseError, match="the reader was closed"):
        next(first.items())
    second.close()
    # Nothing holds it any more.
    plyvel.DB(str(path)).close()


def test_another_process_that_has_it_open(tmp_path: Path) -> None:
    path = written(tmp_path / "db", records(3), write_leveldb)
    code = "import sys; from caffe_io.databases.leveldb_store import LevelDbReader; LevelDbReader(sys.argv[1])"
    with LevelDbReader(path):
        done = run_process("-c", code, path, folder=tmp_path)
    assert done.returncode == 1
    assert "can be open in one process at a time" in done.stderr.splitlines()[-1]
    assert run_process("-c", code, path, folder=tmp_path).returncode == 0


def test_missing_empty_and_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("none", "folder"):
        with pytest.raises(DatabaseError, match=r"no LevelDB here \(CURRENT is missing\)"):
            LevelDbReader(tmp_path / name)
    assert list((tmp_path / "folder").iterdir()) == []
    with pytest.raises(DatabaseError, match="holds no records"):
        LevelDbReader(written(tmp_path / "empty", [], write_leveldb))
    with write_lmdb(tmp_path / "lmdb") as db:
        db.put(b"k", b"v")
    with pytest.raises(DatabaseError, match=r"is an LMDB\. Write `backend: LMDB`"):
        LevelDbReader(tmp_path / "lmdb")
    with pytest.raises(DatabaseError, match=r"is a LevelDB\. Write `backend: LEVELDB`"):
        LmdbReader(written(tmp_path / "leveldb", records(1), write_leveldb))


@pytest.mark.timeout(20)
def test_a_fifo_among_its_files_does_not_hang(tmp_path: Path) -> None:
    path = written(tmp_path / "db", records(3), write_leveldb)
    manifest = next(path.glob("MANIFEST-*"))
    manifest.unlink()
    os.mkfifo(manifest)
    with pytest.raises(DatabaseError, match=f"because {manifest.name} in it is not an ordinary file"):
        LevelDbReader(path)


def test_damage_is_an_error_wherever_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read is what was written; a damaged block is never left out, not even the last one, which plyvel misses."""
    monkeypatch.setattr(leveldb_store, "_BUFFER", 1 << 19)
    rng = random.Random(1)
    items = [(b"%08d" % i, rng.randbytes(3000)) for i in range(300)]
    with LevelDbReader(written(tmp_path / "db", items, write_leveldb)):
        pass
    places = []
    for file in sorted((tmp_path / "db").iterdir()):
        size = file.stat().st_size
        if size and not file.name.startswith("LOG"):
            places += [(file.name, rng.randrange(size)) for _ in range(25)]
            places += [(file.name, max(0, size - back)) for back in (1, 30, 60, 500, 2500, 5000)]
    refused = 0
    for name, place in places:
        copy = tmp_path / "copy"
        shutil.copytree(tmp_path / "db", copy)
        data = bytearray((copy / name).read_bytes())
        data[place : place + 40] = bytes(byte ^ 0x55 for byte in data[place : place + 40])
        (copy / name).write_bytes(data)
        try:
            with LevelDbReader(copy) as reader:
                assert list(reader.items()) == items, (name, place)
        except DatabaseError as error:
            assert str(error).startswith(f"{copy}: ")
            refused += 1
        shutil.rmtree(copy)
    assert refused > 0.9 * len(places)


def test_the_prototxt_names_the_kind(tmp_path: Path) -> None:
    for name, backend in BACKENDS.items():
        with backend.write(tmp_path / name, False) as db:
            db.put(b"k", name.encode())
        param = DataParameter(source=str(tmp_path / name), backend=DataParameter.DB.Value(name.upper()))
        with open_database(param) as reader:
            assert list(reader.items()) == [(b"k", name.encode())]
    # Without `backend`, Caffe takes LEVELDB.
    with open_database(DataParameter(source=str(tmp_path / "leveldb"))) as reader:
        assert len(reader) == 1

"""LevelDB where plyvel is missing, as on Python 3.13, which has no ready-made one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from caffe_io.databases import leveldb_store
from caffe_io.errors import DatabaseError
from kits.training_commands import command

NET = 'layer { name: "data" type: "Data" top: "x" data_param { source: "db" batch_size: 1 } }'


@pytest.mark.parametrize(
    ("ready_made_below", "advice"),
    [
        ((4, 0), r"needs the package plyvel\. Install it: \S+ -m pip install plyvel"),
        (
            (3, 0),
            r"there is no ready-made one\. Use Python 3\.10 to 3\.12, or convert the database to LMDB there\. .*-m pip",
        ),
    ],
)
def test_the_message_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ready_made_below: tuple[int, int], advice: str
) -> None:
    monkeypatch.setattr(leveldb_store, "_NOT_READY_MADE", ready_made_below)
    # None makes `import plyvel` fail.
    monkeypatch.setitem(sys.modules, "plyvel", None)  # type: ignore[arg-type]
    for name in ("CURRENT", "MANIFEST-000001"):
        (tmp_path / "db").mkdir(exist_ok=True)
        (tmp_path / "db" / name).touch()
    for use in (
        lambda: leveldb_store.LevelDbReader(tmp_path / "db"),
        leveldb_store.write_leveldb(tmp_path / "new").__enter__,
    ):
        with pytest.raises(DatabaseError, match=advice):
            use()
    assert [found.name for found in tmp_path.iterdir()] == ["db"]
    (tmp_path / "net.prototxt").write_text(NET)
    done = command("time", "--model", "net.prototxt", "--iterations", 1, folder=tmp_path)
    assert (done.code, 'layer "data" (Data): db: LevelDB needs the package plyvel' in done.err) == (1, True), done.err

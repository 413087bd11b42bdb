"""The walk over an LMDB's pages: it passes every database that liblmdb writes, and no damage that liblmdb would fall over."""

from __future__ import annotations

import os
import random
import struct
import subprocess
import sys
from pathlib import Path

import lmdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caffe_io.databases.lmdb_pages import check_pages
from caffe_io.databases.lmdb_store import LmdbReader
from caffe_io.errors import DatabaseError

MAP = 1 << 28
PAGE = 4096


def count(path: Path) -> int:
    with lmdb.open(str(path), readonly=True, lock=False) as environment:
        return int(environment.stat()["entries"])


def make(path: Path, records: int = 300, key: int = 10, value: int = 20, **options: bool) -> Path:
    with lmdb.open(str(path), map_size=MAP, sync=False, **options) as environment:
        for start in range(0, records, 100):
            with environment.begin(write=True) as transaction:
                for number in range(start, min(start + 100, records)):
                    transaction.put(b"%08d" % number + b"k" * key, bytes([number % 256]) * value)
    return path


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    rounds=st.integers(0, 8),
    most=st.sampled_from([1, 5, 60, 400]),
    key=st.sampled_from([4, 30, 200, 511]),
    value=st.sampled_from([0, 30, 2000, 2040, 5000, 30000]),
    deleted=st.floats(0, 1),
    writemap=st.booleans(),
)
def test_whatever_liblmdb_writes_passes(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    rounds: int,
    most: int,
    key: int,
    value: int,
    deleted: float,
    writemap: bool,
) -> None:
    """Records of many sizes are put, replaced and deleted, in many transactions, some of which are given up."""
    draw = random.Random(seed)
    path = tmp_path_factory.mktemp("db")
    with lmdb.open(str(path), map_size=MAP, sync=False, writemap=writemap) as environment:
        for _ in range(rounds):
            with environment.begin(write=True) as transaction:
                there = [bytes(name) for name, _ in transaction.cursor()]
                for name in there:
                    if draw.random() < deleted / 2:
                        transaction.delete(name)
                for _ in range(draw.randrange(most + 1)):
                    name = b"%04d" % draw.randrange(3 * most) + bytes(draw.randrange(key - 3))
                    transaction.put(name, draw.randbytes(draw.randrange(value + 1)))
                if draw.random() < 0.1:
                    transaction.abort()
        assert check_pages(path) == environment.stat()["entries"]
    assert check_pages(path) == count(path)


@pytest.mark.parametrize("compact", [False, True])
def test_copies_pass(tmp_path: Path, compact: bool) -> None:
    make(tmp_path / "db", value=3000)
    (tmp_path / "copy").mkdir()
    with lmdb.open(str(tmp_path / "db"), map_size=MAP) as environment:
        with environment.begin(write=True) as transaction:
            for name, _ in list(transaction.cursor())[::2]:
                transaction.delete(name)
        environment.copy(str(tmp_path / "copy"), compact=compact)
    assert check_pages(tmp_path / "copy") == count(tmp_path / "copy") == 150


def by_hand(size: int, records: dict[bytes, bytes]) -> bytes:
    """Write an LMDB of one leaf page, and its overflow pages, with pages of another size than this machine's."""
    nodes, runs, pointers = b"", b"", []
    next_page = 3
    for key, value in sorted(records.items()):
        big = len(value) > size // 4
        pages = -(-(16 + len(value)) // size)
        data = struct.pack("<Q", next_page) if big else value
        node = struct.pack("<HHHH", len(value) & 0xFFFF, len(value) >> 16, big, len(key)) + key + data
        nodes = node + bytes(len(node) % 2) + nodes
        pointers.append(len(nodes))
        if big:
            runs += (struct.pack("<QHHI", next_page, 0, 4, pages) + value).ljust(pages * size, b"\0")
            next_page += pages
    head = b"".join(struct.pack("<H", size - end) for end in pointers)
    leaf = struct.pack("<QHHHH", 2, 0, 2, 16 + len(head), size - len(nodes)) + head
    tree = struct.pack("<IHHQQQQQ", 0, 0, 1, 0, 1, next_page - 3, len(records), 2)
    free = struct.pack("<IHHQQQQQ", size, 8, 0, 0, 0, 0, 0, 2**64 - 1)
    none = struct.pack("<IHHQQQQQ", 0, 0, 0, 0, 0, 0, 0, 2**64 - 1)
    metas = b""
    for number, (main, last) in enumerate([(none, 1), (tree, next_page - 1)]):
        page = struct.pack("<QHHHH", number, 0, 8, 0, 0) + struct.pack("<IIQQ", 0xBEEFC0DE, 1, 0, 1 << 20)
        metas += (page + free + main + struct.pack("<QQ", last, number)).ljust(size, b"\0")
    return metas + leaf.ljust(size - len(nodes), b"\0") + nodes + runs


@pytest.mark.parametrize("size", [4096, 8192, 16384, 32768])
def test_pages_of_other_sizes(tmp_path: Path, size: int) -> None:
    """LMDB takes the page size of the machine that writes; some have 16 or 64 KiB."""
    records = {b"%03d" % number: bytes([number]) * (30 if number % 3 else 3 * size) for number in range(20)}
    (tmp_path / "data.mdb").write_bytes(by_hand(size, records))
    assert check_pages(tmp_path) == 20
    with lmdb.open(str(tmp_path), readonly=True, lock=False) as environment, environment.begin() as transaction:
        assert {bytes(key): bytes(value) for key, value in transaction.cursor()} == records


def read_in_another_process(path: Path) -> str:
    """Read a database with liblmdb alone: "ended N" if it ended the process, otherwise the number of records or an error."""
    script = (
        "import lmdb, sys\n"
        "try:\n"
        "    with lmdb.open(sys.argv[1], readonly=True, lock=False) as e, e.begin() as t:\n"
        "        print(sum(1 for _ in t.cursor()))\n"
        "except lmdb.Error as error:\n"
        "    print('error')\n"
    )
    run = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, timeout=60)
    return run.stdout.strip() if run.returncode == 0 else f"ended {run.returncode}"


def page_of(data: bytes, flags: int) -> int:
    """Return the offset of the last page with these flags (1 branch, 2 leaf)."""
    pages = range(2 * PAGE, len(data), PAGE)
    return [at for at in pages if struct.unpack_from("<QHH", data, at)[::2] == (at // PAGE, flags)][-1]


def newest(data: bytes) -> int:
    """Return the offset of the newer meta page."""
    return max((0, PAGE), key=lambda at: struct.unpack_from("<Q", data, at + 144)[0])


def change(path: Path, at: int, form: str, value: int) -> None:
    data = bytearray((path / "data.mdb").read_bytes())
    struct.pack_into(form, data, at, value)
    (path / "data.mdb").write_bytes(data)


def node(data: bytes, page: int, index: int = 0) -> int:
    return page + int(struct.unpack_from("<H", data, page + 16 + 2 * index)[0])


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("page number", "is not the branch page that should be there"),
        ("flags", "is not the leaf page that should be there"),
        ("lower", "has nodes outside it"),
        ("upper", "has nodes outside it"),
        ("pointer", "has nodes outside it"),
        ("pointer inside", "has nodes that overlap or leave gaps"),
        ("key size", "has nodes that overlap or leave gaps"),
        ("value size", "has nodes that overlap or leave gaps"),
        ("node flags", "a record of a kind that Caffe does not write"),
        ("child", r"page 99999 is named, but the last is \d+"),
        ("child twice", r"page \d+ is used twice"),
        ("child is root", r"page \d+ is used twice"),
        ("run", r"page 99999 is named, but the last is \d+"),
        ("run in the tree", r"page \d+ is used twice"),
        ("run too long", r"page \d+ is named, but the last is \d+"),
        ("root", r"page \d+ is not the branch page"),
        ("depth", "is not the leaf page that should be there"),
        ("depth 40", "its tree claims 40 levels"),
        ("records", "100 records found, but the meta page claims 101"),
        ("order", "its keys are out of order"),
        ("one child", "has too few nodes"),
        ("transaction", "are not those of two transactions in a row"),
        ("kind", "of a kind that Caffe does not write"),
        ("page size", "pages of different sizes"),
    ],
)
def test_each_kind_of_damage_is_named(tmp_path: Path, what: str, message: str) -> None:
    make(tmp_path, records=100, key=400, value=5000)
    data = (tmp_path / "data.mdb").read_bytes()
    branch, leaf, meta = page_of(data, 1), page_of(data, 2), newest(data)
    first, second = node(data, leaf), node(data, leaf, 1)
    child, other = node(data, branch, 1), node(data, branch, 2)
    assert struct.unpack_from("<H", data, first + 4) == (1,), "the value is in overflow pages"
    key = struct.unpack_from("<H", data, first + 6)[0]
    at, form, value = {
        "page number": (branch, "<Q", 1),
        "flags": (leaf + 10, "<H", 4),
        "lower": (leaf + 12, "<H", 5000),
        "upper": (leaf + 14, "<H", 5000),
        "pointer": (leaf + 16, "<H", 4095),
        "pointer inside": (leaf + 16, "<H", second - leaf),
        "key size": (first + 6, "<H", key + 2),
        "value size": (first + 4, "<H", 0),
        "node flags": (first + 4, "<H", 2),
        "child": (child, "<I", 99999),
        "child twice": (child, "<I", struct.unpack_from("<I", data, other)[0]),
        "child is root": (child, "<I", struct.unpack_from("<Q", data, meta + 128)[0]),
        "run": (first + 8 + key, "<Q", 99999),
        "run in the tree": (first + 8 + key, "<Q", leaf // PAGE),
        "run too long": (first + 2, "<H", 0x7FFF),
        "root": (meta + 128, "<Q", leaf // PAGE),
        "depth": (meta + 94, "<H", 1),
        "depth 40": (meta + 94, "<H", 40),
        "records": (meta + 120, "<Q", 101),
        "order": (first + 8, "<B", 255),
        "one child": (struct.unpack_from("<Q", data, meta + 128)[0] * PAGE + 12, "<H", 18),
        "transaction": (meta + 144, "<Q", 10**6),
        "kind": (meta + 92, "<H", 4),
        "page size": (meta + 40, "<I", 8192),
    }[what]
    assert check_pages(tmp_path) == 100
    change(tmp_path, at, form, value)
    with pytest.raises(DatabaseError, match=rf"{tmp_path}: is damaged .*{message}"):
        check_pages(tmp_path)
    with pytest.raises(DatabaseError, match="is damaged"):
        LmdbReader(tmp_path)


def test_no_damage_ends_the_process_or_changes_the_number_of_records(tmp_path: Path) -> None:
    """Each database that the walk passes is read by liblmdb in another process, with the number that the walk found."""
    draw = random.Random(7)
    make(tmp_path / "db", records=120, key=300, value=600)
    whole = (tmp_path / "db/data.mdb").read_bytes()
    tree = [at for at in range(0, len(whole), PAGE) if struct.unpack_from("<H", whole, at + 10)[0] in (1, 2, 8)]
    passed = refused = 0
    for number in range(400):
        data = bytearray(whole)
        at = draw.choice(tree) + draw.choice([draw.randrange(40), draw.randrange(160), draw.randrange(PAGE)])
        form = draw.choice(["<B", "<H", "<Q"])
        size = struct.calcsize(form)
        value = draw.choice([0, 256**size - 1, draw.randrange(256**size), draw.randrange(len(tree))])
        struct.pack_into(form, data, min(at, len(data) - size), value % 256**size)
        path = tmp_path / f"{number}"
        path.mkdir()
        (path / "data.mdb").write_bytes(data)
        try:
            found = check_pages(path)
        except DatabaseError:
            refused += 1
            continue
        passed += 1
        if passed <= 25:
            assert read_in_another_process(path) == str(found) == "120", (number, at, form, value)
    assert passed > 40
    assert refused > 60


@pytest.mark.timeout(20)
def test_a_data_mdb_that_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "data.mdb")
    with pytest.raises(DatabaseError, match=r"data.mdb cannot be read .a FIFO, not an ordinary file"):
        LmdbReader(tmp_path)
    (tmp_path / "data.mdb").unlink()
    (tmp_path / "data.mdb").symlink_to("/dev/zero")
    for read in (LmdbReader, check_pages):
        with pytest.raises(DatabaseError, match=r"data.mdb cannot be read .a device"):
            read(tmp_path)
    (tmp_path / "data.mdb").unlink()
    (tmp_path / "data.mdb").symlink_to(tmp_path / "none")
    with pytest.raises(DatabaseError, match="no LMDB here"):
        LmdbReader(tmp_path)

"""Checks the pages of an LMDB before liblmdb maps them: it trusts what it reads there, and a damaged page ends the process.

The file is a sequence of pages. Pages 0 and 1 are two meta pages, of which the newer counts. It names the root of a B+ tree.
Branch pages name other pages; leaf pages hold the records, or name the run of overflow pages that holds a large value. This
walk looks at branch and leaf pages alone, many at a time, so it costs little beside reading the records.
"""

from __future__ import annotations

import mmap
import operator
import os
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from common.file_kinds import HEAD, what_it_is
from common.inputs import open_input

from ..errors import DatabaseError

# Number of the page, unused, flags, end of the pointers to nodes, beginning of the nodes.
_PAGE = Struct("<QHHHH")
# Magic, version, address, size of the map; twice unused or page size, flags, depth, numbers of branch, leaf and overflow
# pages, records, root; last page, transaction.
_META = Struct("<IIQQ" + 2 * "IHHQQQQQ" + "QQ")
_MAGIC = 0xBEEFC0DE
_VERSION = 1
_BRANCH, _LEAF, _IS_META = 1, 2, 8
_NAMES = {_BRANCH: "branch", _LEAF: "leaf"}
# Of a leaf's node: the value is in overflow pages.
_IS_BIG = 1
_NO_ROOT = 2**64 - 1
_NODE = 8
_PAGE_SIZES = [2**power for power in range(9, 16)]
_DEEPEST = 32
# Pages that are looked at together, in arrays: enough to be quick, few enough to stay in the processor's cache.
_AT_ONCE = 128

Integers = npt.NDArray[np.int64]


class _Meta(NamedTuple):
    page_size: int
    flags: int
    depth: int
    records: int
    root: int
    last_page: int
    transaction: int


class _Damage(Exception):
    """What is wrong with a database."""


class _NoLmdb(_Damage):
    """The file does not begin as an LMDB does."""


def check_pages(database: str | os.PathLike[str]) -> int:
    """Return the number of records of the LMDB in a folder, after a look at every page that leads to them.

    Raises DatabaseError if liblmdb could fail on one: page numbers, flags, bounds and nodes must be right, keys in order, no
    page used twice, and the number of records as in the meta page.
    """
    path = Path(database)
    head = b""
    try:
        with open_input(path / "data.mdb") as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(HEAD)
            if not size:
                raise _NoLmdb("data.mdb is empty")
            # Not closed here, because arrays lie in it; it goes when they have gone.
            data = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
            if hasattr(mmap, "MADV_RANDOM"):
                # The pages of the tree are far apart.
                data.madvise(mmap.MADV_RANDOM)
            return _Walk(data).records()
    except OSError as error:
        raise DatabaseError(f"{path}: data.mdb cannot be read ({error.strerror}).") from error
    except _NoLmdb as error:
        advice = what_it_is(head) or "Make it again."
        raise DatabaseError(f"{path}: cannot be read as an LMDB ({error}). {advice}") from error
    except _Damage as error:
        raise DatabaseError(f"{path}: is damaged ({error}). Make it or copy it again.") from error


class _Walk:
    """A walk over the tree of a mapped data.mdb, level by level."""

    def __init__(self, data: mmap.mmap) -> None:
        first = _read_meta(data, 0)
        if first.page_size not in _PAGE_SIZES:
            raise _NoLmdb(f"it claims pages of {first.page_size} bytes")
        second = _read_meta(data, first.page_size)
        turns = (first.transaction % 2, second.transaction % 2) == (0, 1)
        new = first.transaction == second.transaction == 0
        # Transactions take turns: those with even numbers write the first meta page, the others the second.
        if not new and (not turns or abs(first.transaction - second.transaction) != 1):
            raise _Damage("its meta pages are not those of two transactions in a row")
        self._meta = second if first.transaction < second.transaction else first
        self._size = first.page_size
        if self._meta.page_size != self._size:
            raise _Damage("its meta pages claim pages of different sizes")
        if self._meta.flags:
            raise _Damage("it is of a kind that Caffe does not write: repeated keys, or an order of its own")
        self._bytes = len(data)
        there = min(len(data) // self._size, self._meta.last_page + 1)
        self._pages = np.frombuffer(data, "<u2", there * self._size // 2).reshape(there, self._size // 2)
        # The pages that were named so far, as first page and number of pages.
        self._runs: list[tuple[Integers, Integers]] = []

    def records(self) -> int:
        """Return the number of records. Raises _Damage."""
        meta = self._meta
        found = 0
        if meta.root != _NO_ROOT:
            if not 1 <= meta.depth <= _DEEPEST:
                raise _Damage(f"its tree claims {meta.depth} levels")
            level = self._name(np.array([meta.root], np.uint64))
            for _ in range(meta.depth - 1):
                level = self._name(self._children(level))
                self._check_runs()
            found = self._leaves(level)
            self._check_runs()
        if found != meta.records:
            raise _Damage(f"{found} records found, but the meta page claims {meta.records}")
        return found

    def _children(self, level: Integers) -> npt.NDArray[np.uint64]:
        """Return the pages that branch pages name, in the order of their keys."""
        found = []
        for nodes in self._nodes(level, _BRANCH, at_least=2):
            nodes.check(nodes.keys)
            found.append((nodes.low | nodes.flags << 32).astype(np.uint64))
        return np.concatenate(found)

    def _leaves(self, level: Integers) -> int:
        """Return the number of records on leaf pages, after a check of their keys and of the runs of large values."""
        found = 0
        last_key = b""
        for nodes in self._nodes(level, _LEAF, at_least=1):
            if nodes.flags.max() > _IS_BIG:
                raise _Damage("it holds a record of a kind that Caffe does not write")
            big = nodes.flags == _IS_BIG
            nodes.check(nodes.keys + np.where(big, 8, nodes.low))
            ends = nodes.starts + _NODE + nodes.keys
            keys = [last_key, *nodes.cut(nodes.starts + _NODE, ends)]
            if not all(map(operator.lt, keys, keys[1:])):
                raise _Damage("its keys are out of order")
            last_key = keys[-1]
            runs = np.frombuffer(b"".join(nodes.cut(ends[big], ends[big] + 8, nodes.rows[big])), "<u8")
            self._name(runs, -(-(_PAGE.size + nodes.low[big]) // self._size))
            found += len(nodes.starts)
        return found

    def _name(self, first: npt.NDArray[np.uint64], count: Integers | None = None) -> Integers:
        """Note that these runs of pages are in use, and return their first pages. Raises _Damage if they are not there."""
        last = self._meta.last_page
        wrong = first[(first < 2) | (first > last)]
        if len(wrong):
            raise _Damage(f"page {wrong[0]} is named, but the last is {last}")
        numbers = first.astype(np.int64)
        counts = np.ones_like(numbers) if count is None else count
        ends = numbers + counts
        if len(ends) and ends.max() > last + 1:
            raise _Damage(f"page {ends.max() - 1} is named, but the last is {last}")
        if len(ends) and ends.max() > len(self._pages):
            raise _Damage(f"data.mdb is cut short ({self._bytes} bytes of {(last + 1) * self._size})")
        self._runs.append((numbers, counts))
        return numbers

    def _check_runs(self) -> None:
        """Raise _Damage if a page was named twice."""
        first, counts = (np.concatenate(parts) for parts in zip(*self._runs, strict=True))
        order = np.argsort(first)
        first, ends = first[order], (first + counts)[order]
        twice = first[1:][ends[:-1] > first[1:]]
        if len(twice):
            raise _Damage(f"page {twice[0]} is used twice")
        self._runs = [(first, ends - first)]

    def _nodes(self, level: Integers, kind: int, at_least: int) -> Iterator[_Nodes]:
        """Yield the nodes of the pages, of some pages at a time."""
        for start in range(0, len(level), _AT_ONCE):
            numbers = level[start : start + _AT_ONCE]
            words = self._pages[numbers]
            head = words[:, : _PAGE.size // 2].astype(np.int64)
            own = head[:, 0] | head[:, 1] << 16 | head[:, 2] << 32 | head[:, 3] << 48
            lower, upper = head[:, 6], head[:, 7]
            counts = (lower - _PAGE.size) // 2
            for wrong, what in (
                ((own != numbers) | (head[:, 5] != kind), f"is not the {_NAMES[kind]} page that should be there"),
                ((lower % 2 != 0) | (lower > upper) | (upper > self._size), "has nodes outside it"),
                (counts < at_least, "has too few nodes"),
            ):
                if wrong.any():
                    raise _Damage(f"page {numbers[wrong][0]} {what}")
            rows = np.repeat(np.arange(len(numbers)), counts)
            columns = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
            starts = words[rows, columns + _PAGE.size // 2].astype(np.int64)
            outside = (starts % 2 != 0) | (starts < upper[rows]) | (starts > self._size - _NODE)
            if outside.any():
                raise _Damage(f"page {numbers[rows[outside]][0]} has nodes outside it")
            low, high, flags, keys = (words[rows, starts // 2 + word].astype(np.int64) for word in range(4))
            yield _Nodes(numbers, words, upper, counts, rows, starts, low | high << 16, flags, keys)


class _Nodes(NamedTuple):
    """The nodes of some pages, page by page in the order of their keys.

    `rows` says on which of the pages a node is and `starts` where. `low` is its first number: the size of the value, or a page.
    `keys` are the sizes of the keys.
    """

    numbers: Integers
    pages: npt.NDArray[np.uint16]
    upper: Integers
    counts: Integers
    rows: Integers
    starts: Integers
    low: Integers
    flags: Integers
    keys: Integers

    def check(self, sizes: Integers) -> None:
        """Raise _Damage unless the nodes, with so many bytes after their heads, fill the end of each page without a gap."""
        size = self.pages.shape[1] * 2
        order = np.argsort(self.rows * size + self.starts)
        starts = self.starts[order]
        ends = (self.starts + _NODE + sizes)[order]
        ends += ends % 2
        after = np.append(starts[1:], 0)
        lasts = np.cumsum(self.counts) - 1
        after[lasts] = size
        wrong = ends != after
        wrong[lasts] |= starts[lasts - self.counts + 1] != self.upper
        if wrong.any():
            raise _Damage(f"page {self.numbers[self.rows[wrong]][0]} has nodes that overlap or leave gaps")

    def cut(self, starts: Integers, ends: Integers, rows: Integers | None = None) -> list[bytes]:
        """Return bytes of the pages, from `starts` to `ends`."""
        data = self.pages.tobytes()
        offsets = (self.rows if rows is None else rows) * (self.pages.shape[1] * 2)
        return [data[a:b] for a, b in zip((offsets + starts).tolist(), (offsets + ends).tolist(), strict=True)]


def _read_meta(data: mmap.mmap, start: int) -> _Meta:
    page = data[start : start + _PAGE.size + _META.size]
    if len(page) < _PAGE.size + _META.size:
        raise _NoLmdb(f"its {len(data)} bytes hold no meta pages")
    magic, version, _, _, size, *_, flags, depth, _, _, _, records, root, last, transaction = _META.unpack_from(
        page, _PAGE.size
    )
    if magic != _MAGIC or not _PAGE.unpack_from(page)[2] & _IS_META:
        raise _NoLmdb("a meta page lacks the mark of an LMDB")
    if version != _VERSION:
        raise _NoLmdb(f"version {version} of the format; expected {_VERSION}")
    return _Meta(size, flags, depth, records, root, last, transaction)

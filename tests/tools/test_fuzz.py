from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from common.errors import MokaError
from lmdb_build.samples import Found, Sample
from tools import fuzz, fuzz_inputs
from tools.fuzz_lmdb_build import data_sets


@pytest.mark.timeout(120)
def test_only_our_own_errors(tmp_path: Path) -> None:
    tallies = fuzz.fuzz(60 * len(fuzz.kinds()), seed=1, failures=tmp_path / "failures")
    assert [failure for tally in tallies.values() for failure in tally.failures] == []
    assert not (tmp_path / "failures").exists()
    for kind, tally in tallies.items():
        assert tally.inputs == 60
        # The inputs are neither all valid nor all nonsense.
        assert tally.refused > 4, kind
        assert tally.read > 1 or kind == "LMDB, cut", kind


@pytest.mark.parametrize("kind", fuzz.kinds())
def test_the_undamaged_files_are_valid(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz_inputs, "damaged", lambda valid, chance: valid[chance.randrange(len(valid))])
    monkeypatch.setattr(fuzz_inputs, "damaged_text", lambda valid, chance: valid[chance.randrange(len(valid))])
    monkeypatch.setattr(fuzz_inputs, "with_other_sizes", lambda message, chance: message.SerializeToString())
    for name in ("cut_short", "damaged_pages"):
        monkeypatch.setattr(fuzz_inputs, name, lambda valid, chance: valid)
    make, read = fuzz.kinds()[kind]
    for seed in range(30):
        (tmp_path / "input").write_bytes(make(random.Random(seed)))
        read(tmp_path / "input")


def test_wrong_counts_and_labels_are_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that takes a picture twice, or gives it the label of another line, is found."""
    from lmdb_build.datasets import genki4k

    _, read = fuzz.kinds()["GENKI-4K"]
    (tmp_path / "input").write_bytes(b"1 0 0 0\n0 0 0 0\n" * 3)
    read(tmp_path / "input")
    right = genki4k._smile
    monkeypatch.setattr(genki4k, "_smile", lambda line, where: 1 - right(line, where))
    with pytest.raises(AssertionError, match=r"file0001\.jpg has the label of another line"):
        read(tmp_path / "input")
    for found, message in (
        ([Sample(Path("a"), "a")] * 2, "a sample comes twice"),
        ([Sample(Path("a"), "a")], "1 used of 2 files"),
        ([Sample(Path(n), n, {"years": 121.0}) for n in "ab"], "years is 121"),
    ):
        with pytest.raises(AssertionError, match=message):
            data_sets._sound(Found(found), 2)


def test_a_failure_is_counted_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(path: Path) -> None:
        data = path.read_bytes()
        if data == b"bug":
            raise ZeroDivisionError
        if data == b"hang":
            while True:
                pass
        if data == b"huge":
            bytearray(3 << 30)
        if data == b"refused":
            raise MokaError

    inputs = iter([b"bug", b"hang", b"huge", b"refused", b"fine"])
    monkeypatch.setattr(fuzz, "_SECONDS", 1)
    monkeypatch.setattr(fuzz, "kinds", lambda: {"net, text": (lambda chance: next(inputs), fails)})
    tally = fuzz.fuzz(5, seed=0, failures=tmp_path / "failures")["net, text"]
    assert (tally.read, tally.refused, len(tally.failures)) == (1, 1, 3)
    assert {path.name: path.read_bytes() for path in (tmp_path / "failures").iterdir()} == {
        "net_text_0_0": b"bug",
        "net_text_0_1": b"hang",
        "net_text_0_2": b"huge",
    }
    assert [name in text for name, text in zip(("ZeroDivision", "_Hang", "MemoryError"), tally.failures, strict=True)]


def test_the_same_seed_gives_the_same_inputs() -> None:
    valid = fuzz_inputs.texts()
    one, two = ([fuzz_inputs.damaged_text(valid, random.Random(f"{i}")) for i in range(50)] for _ in range(2))
    assert one == two
    assert len(set(one)) > 45


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "os._exit(1)", "1 / 0"])
def test_a_fork_that_ends_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    monkeypatch.setattr(fuzz, "_read_cut_database", lambda path: exec(end, {"os": os}))
    with pytest.raises(AssertionError, match="the reading process ended with"):
        fuzz._read_damaged_pages(tmp_path)

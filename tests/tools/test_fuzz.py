from __future__ import annotations

import json
import os
import random
import textwrap
from pathlib import Path
from typing import Any

import pytest

from kits.commands import run_process
from lmdb_build.samples import Found, Sample
from tools import fuzz, fuzz_inputs
from tools.fuzz_lmdb_build import data_sets

# Damaged files, limits of time and memory: in a process of its own, which may die of them without the tests.
FUZZ = """
import dataclasses, json, sys
from pathlib import Path
from tools import fuzz
{before}
tallies = fuzz.fuzz({count}, seed={seed}, failures=Path("failures"), report=lambda line: None)
print(json.dumps({{kind: dataclasses.asdict(tally) for kind, tally in tallies.items()}}))
"""


def run_fuzz(folder: Path, count: int, seed: int, before: str = "") -> dict[str, Any]:
    """Return the counts of each kind, and its failures."""
    code = FUZZ.format(before=textwrap.dedent(before), count=count, seed=seed)
    done = run_process("-c", code, folder=folder)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.timeout(150)
def test_only_our_own_errors(tmp_path: Path) -> None:
    tallies = run_fuzz(tmp_path, 60 * len(fuzz.kinds()), 1)
    assert [failure for tally in tallies.values() for failure in tally["failures"]] == []
    assert not (tmp_path / "failures").exists()
    assert list(tallies) == list(fuzz.kinds())
    for kind, tally in tallies.items():
        # The inputs are neither all valid nor all nonsense.
        assert tally["refused"] > 4, kind
        assert tally["read"] > 1 or kind == "LMDB, cut", kind
        assert tally["read"] + tally["refused"] == 60


@pytest.mark.parametrize("kind", fuzz.kinds())
def test_the_undamaged_files_are_valid(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz_inputs, "damaged", lambda valid, chance: valid[chance.randrange(len(valid))])
    monkeypatch.setattr(fuzz_inputs, "damaged_text", lambda valid, chance: valid[chance.randrange(len(valid))])
    monkeypatch.setattr(fuzz_inputs, "with_other_sizes", lambda message, chance: message.SerializeToString())
    monkeypatch.setattr(fuzz_inputs, "damaged_words", lambda valid, chance, part: valid[chance.randrange(len(valid))])
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


def test_a_failure_is_counted_and_kept(tmp_path: Path) -> None:
    before = """
        from common.errors import MokaError

        def fails(path):
            data = path.read_bytes()
            if data == b"bug":
                raise ZeroDivisionError
            while data == b"hang":
                pass
            if data == b"huge":
                bytearray(3 << 30)
            if data == b"refused":
                raise MokaError

        inputs = iter([b"bug", b"hang", b"huge", b"refused", b"fine"])
        fuzz._SECONDS = 1
        fuzz.kinds = lambda: {"net, text": (lambda chance: next(inputs), fails)}
    """
    tally = run_fuzz(tmp_path, 5, 0, before)["net, text"]
    assert (tally["read"], tally["refused"], len(tally["failures"])) == (1, 1, 3)
    assert {path.name: path.read_bytes() for path in (tmp_path / "failures").iterdir()} == {
        "net_text_0_0": b"bug",
        "net_text_0_1": b"hang",
        "net_text_0_2": b"huge",
    }
    for name, text in zip(("ZeroDivision", "_Hang", "MemoryError"), tally["failures"], strict=True):
        assert name in text


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

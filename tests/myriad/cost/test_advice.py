"""Which of several blobs is best, and what is said about them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kits.made_blobs import blob_of, convolution, software
from myriad.cost import estimate, text
from myriad.cost.advice import CHIPS, best
from myriad.cost.constants import RATES
from ncs.blob import cost as verb
from tools.fuzz_blobs.samples import samples

NCS2, OAK = CHIPS


@pytest.mark.parametrize(("shaves", "on_stick", "on_camera"), [(4, 2, 2), (6, 2, 2), (8, 2, 1), (13, 1, 1), (16, 1, 0)])
def test_how_many_inferences_fit(shaves: int, on_stick: int, on_camera: int) -> None:
    cost = estimate(blob_of(convolution(64, 256, 56, 3), shaves=shaves))
    assert (NCS2.inferences(cost), OAK.inferences(cost)) == (on_stick, on_camera)
    assert (cost.rate_of_two > cost.rate) and (cost.two_fit == (on_stick == 2))


def test_the_fastest_is_named_and_equals_are_not_told_apart() -> None:
    slow, fast, alike = (
        estimate(blob_of(convolution(64, 64, 28, 3), software("Swish", 1, 64, 112, 112, shaves=count), shaves=8))
        for count in (1, 8, 8)
    )
    assert best([slow, fast, alike], NCS2.latency) == [fast, alike]
    assert best([estimate(blob_of(convolution(64, 64, 14, 3), shaves=16))], OAK.latency) == []


def test_text_says_how_sure_it_is_and_what_it_lacks() -> None:
    costs = [estimate(blob_of(convolution(64, 64, 14, 3), software("LRN", 1, 8, 8, 8))) for _ in range(2)]
    for said in (text.one(costs[0]), text.several(costs)):
        assert f"{RATES.worst:.2f}" in said
        assert "Rough" in said and "LRN" in said
        assert "not estimated" not in said.lower()


def test_json_has_all_stages() -> None:
    cost = estimate(blob_of(convolution(64, 256, 56, 3), software("Sum", 1, 8, 14, 14)))
    found = json.loads(json.dumps(text.as_json(cost)))
    assert sum(stage["ms"] for stage in found["stages"]) == pytest.approx(found["latency_ms"])
    assert found["per_second"] == pytest.approx(1e3 / found["latency_ms"])


def test_the_verb_refuses_what_is_no_blob(run_command, tmp_path: Path) -> None:
    (tmp_path / "a.blob").write_bytes(b"no blob")
    assert verb.EXAMPLE.startswith("./moka blob cost")
    done = run_command("ncs", "blob", "cost", str(tmp_path / "a.blob"))
    assert done.code == 1 and "do not begin like a Myriad X blob" in done.err


def test_the_verb_estimates_one_and_compares_several(run_command, tmp_path: Path) -> None:
    for name, content in zip(("a", "b"), samples(), strict=False):
        (tmp_path / f"{name}.blob").write_bytes(content)
    one = run_command("ncs", "blob", "cost", "a.blob")
    assert one.code == 0 and one.out.startswith("a.blob: estimate") and "two at a time" in one.out
    several = run_command("ncs", "blob", "cost", "a.blob", "b.blob")
    assert several.code == 0 and "NCS2, all 16 SHAVEs, latency: a.blob" in several.out
    assert "Not estimated" in several.out and "Type 999" in several.out
    (found,) = json.loads(run_command("ncs", "blob", "cost", "a.blob", "--json").out)
    assert found["latency_ms"] > 0 and len(found["stages"]) == 7

"""The steps of a card: what they compute, and what is said where card and device do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import TypeAdapter

from common.cards.host import HostStep
from common.errors import CardError
from host.kinds import KINDS
from host.rest import Rest
from kits.inference import card_of, write_card

STEPS: TypeAdapter[list[HostStep]] = TypeAdapter(list[HostStep])


def rest_of(*steps: dict[str, Any]) -> Rest:
    return Rest(STEPS.validate_python(list(steps)), Path("graph/N.json"))


def test_each_kind_has_a_type_and_a_function() -> None:
    union = get_args(HostStep)[0]
    kinds = {get_args(each.model_fields["kind"].annotation)[0] for each in get_args(union)}
    assert kinds == set(KINDS)


def test_steps_follow_one_another() -> None:
    rest = rest_of(
        {"kind": "permute", "inputs": ["a"], "output": "b", "order": [0, 2, 1]},
        {"kind": "reshape", "inputs": ["b"], "output": "c", "shape": [1, 6]},
        {"kind": "concat", "inputs": ["c", "c"], "output": "d", "axis": 1},
        {"kind": "softmax", "inputs": ["c"], "output": "e", "axis": 1},
        {"kind": "sigmoid", "inputs": ["c"], "output": "f"},
    )
    values = np.array([[[1, -2, 3], [400, 5, -600]]], np.float32)
    found = rest.finish({"a": values})
    flat = values.transpose(0, 2, 1).reshape(1, 6)
    assert found["a"] is values
    assert np.array_equal(found["d"], np.hstack([flat, flat]))
    assert found["e"].argmax() == 1 and found["e"].sum() == pytest.approx(1)
    with np.errstate(over="ignore"):
        assert np.allclose(found["f"], 1 / (1 + np.exp(-flat.astype(np.float64))), atol=1e-7)


PRIOR = {
    "kind": "prior_box",
    "inputs": [],
    "output": "p",
    "cells": [2, 3],
    "picture": [20, 30],
    "steps": [10, 10],
    "offset": 0.5,
    "sizes": [[4, 4]],
    "variances": [0.1, 0.1, 0.2, 0.2],
    "clip": False,
}


def test_priors_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = []
    made = KINDS["prior_box"]
    monkeypatch.setitem(KINDS, "prior_box", lambda step, inputs: counted.append(step) or made(step, inputs))
    rest = rest_of(PRIOR, {"kind": "concat", "inputs": ["p", "p"], "output": "q", "axis": 2})
    for _ in range(3):
        assert rest.finish({})["q"].shape == (1, 2, 48)
    assert len(counted) == 1


def test_a_blob_that_the_device_does_not_give() -> None:
    rest = rest_of({"kind": "sigmoid", "inputs": ["a"], "output": "b"})
    with pytest.raises(CardError, match=r'N\.json: the step that makes "b" reads "a", which .* it gives x\. Compile'):
        rest.finish({"x": np.zeros(1, np.float32)})


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_is_no_number_is_not_passed_over(number: float) -> None:
    rest = rest_of({"kind": "sigmoid", "inputs": ["a"], "output": "b"})
    with pytest.raises(CardError, match=r'N\.json: "a" has 1 of 3 numbers that are infinite or NaN'):
        rest.finish({"a": np.array([0, number, 1], np.float32)})
    # What no step reads is another's concern.
    assert np.isfinite(rest.finish({"a": np.zeros(3, np.float32), "x": np.array([np.nan], np.float32)})["b"]).all()


FOUND = {
    "kind": "detection_output",
    "inputs": ["a", "b", "c"],
    "output": "d",
    "classes": 2,
    "background": 0,
    "share_location": True,
    "code": "CENTER_SIZE",
    "variance_encoded_in_target": False,
    "confidence_threshold": 0.1,
    "nms_threshold": 0.45,
    "eta": 1,
    "top_k": -1,
    "keep_top_k": -1,
    "rows": 4,
}


@pytest.mark.parametrize(
    ("change", "shapes"),
    [
        ({}, [(), (), ()]),
        ({}, [(1, 8), (1, 4), (1, 8)]),
        ({}, [(1, 7), (1, 4), (1, 2, 8)]),
        ({"classes": 3}, [(1, 8), (1, 4), (1, 2, 8)]),
        ({"rows": 1}, [(1, 8), (1, 4), (1, 2, 8)]),
    ],
)
def test_blobs_that_are_no_predictions(change: dict[str, Any], shapes: list[tuple[int, ...]]) -> None:
    rest = rest_of(FOUND | change)
    values = {name: np.full(shape, 0.5, np.float32) for name, shape in zip("abc", shapes, strict=True)}
    values["c"] = np.asarray(np.linspace(0, 1, values["c"].size).reshape(values["c"].shape), np.float32)
    with pytest.raises(CardError, match="does not fit what the device gives"):
        rest.finish(values)


def test_a_shape_that_does_not_fit() -> None:
    rest = rest_of({"kind": "reshape", "inputs": ["a"], "output": "b", "shape": [1, 7]})
    with pytest.raises(CardError, match=r'"b" \(reshape\) does not fit what the device gives: cannot reshape'):
        rest.finish({"a": np.zeros(6, np.float32)})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "convolution"}, r'"host\[0\]\.kind" is "convolution"'),
        ({"cells": [10000, 10000]}, "make 100000000 boxes; expected at most 1048576"),
        ({**FOUND, "rows": 10**12}, r'"host\[0\]\.rows" is 1000000000000; expected a size from 1 to 1048576'),
        ({"inputs": ["x"]}, r"host\[0\]\.inputs"),
        ({"sizes": [[1, 2, 3]]}, r"host\[0\]\.sizes"),
    ],
)
def test_a_card_with_a_wrong_step(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    from common.card import read_card

    with pytest.raises(CardError, match=words):
        read_card(write_card(tmp_path, card_of(host=[PRIOR | change])))


def test_the_device_has_to_give_what_the_steps_read(tmp_path: Path) -> None:
    from common.card import read_card

    steps = [{"kind": "softmax", "inputs": ["scores"], "output": "prob", "axis": 1}]
    assert read_card(write_card(tmp_path, card_of(host=steps))).device_blobs == ["scores"]
    assert read_card(write_card(tmp_path, card_of())).device_blobs == ["prob"]

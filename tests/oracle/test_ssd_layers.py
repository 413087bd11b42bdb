"""PriorBox, DetectionOutput and Normalize of the SSD fork on random settings, by three programs that know them.

They are OpenCV's DNN, Model Optimizer 2021.4.2 with OpenVINO 2021.4.2's CPU plugin, and these two OpenVINOs on our IR. The
fork's own formulas decide where judges differ (docs/forks.md): OpenCV and Model Optimizer pass over img_size, img_h and img_w,
so they get a picture of that size instead. Model Optimizer passes over step_h and step_w, its OpenVINO over an offset without
a step, and that adds a large eps of Normalize to the norm. OpenCV's rows are in another order, and it has no Normalize over a
picture with a factor for each channel. Neither knows CORNER_SIZE. All pass over eta, which tests/training/layers/detection
compares with a loop.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from kits.fork_judges import OldOpenVINO, by_opencv, by_us, model_optimizer, old_openvino, with_inputs
from kits.ncs import Floats, run_feed
from kits.oracle import movidius, saw
from ncs.converter import convert
from ncs.ir import write_ir

__all__ = ["old_openvino"]
pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(600)]
COUNT = 48


@dataclass
class Case:
    """One layer "y" with what is before it: prototxt text, arrays, weights. `judged` is what OpenCV and Model Optimizer run."""

    layers: str
    feed: dict[str, Floats]
    judged: str
    judges_feed: dict[str, Floats]
    weights: dict[str, list[Floats]] = field(default_factory=dict)
    opencv: bool = True
    mo: bool = True


def zeros(*shape: int) -> Floats:
    return np.zeros(shape, np.float32)


def prior_settings(random: np.random.Generator) -> tuple[str, str, tuple[int, int] | None]:
    """Settings of a PriorBox without the picture's size, then the size as settings, then as numbers."""
    sizes = [int(size) for size in random.integers(5, 80, random.integers(1, 4))]
    words = [f"min_size: {size}" for size in sizes]
    if random.random() < 0.6:
        words += [f"max_size: {size + int(random.integers(5, 80))}" for size in sizes]
    words += [f"aspect_ratio: {random.choice([1, 2, 3, 0.5, 1.5, 0.333])}" for _ in range(random.integers(0, 4))]
    # OpenCV clips by default, where the fork does not.
    words.append(f"clip: {str(random.random() < 0.5).lower()}")
    if random.random() < 0.7:
        words.append(f"flip: {str(random.random() < 0.5).lower()}")
    words += [f"variance: {random.choice([0.1, 0.2, 0.25])}" for _ in range(random.choice([1, 4]))]
    if random.random() < 0.5:
        words.append(f"offset: {random.choice([0, 0.3, 0.5, 1])}")
    step = random.integers(0, 3)
    if step == 1:
        words.append(f"step: {random.integers(5, 40)}")
    elif step == 2:
        words.append(f"step_h: {random.integers(5, 40)} step_w: {random.integers(5, 40)}")
    height, width = (int(size) for size in random.integers(50, 300, 2))
    size = random.integers(0, 3)
    if size == 1:
        return " ".join(words), f"img_size: {height}", (height, height)
    if size == 2:
        return " ".join(words), f"img_h: {height} img_w: {width}", (height, width)
    return " ".join(words), "", None


def prior_case(seed: int) -> Case:
    random = np.random.default_rng(seed)
    settings, size, pixels = prior_settings(random)
    text = 'layer { name: "y" type: "PriorBox" bottom: "f" bottom: "x" top: "y" prior_box_param { %s } }'
    feed = {"f": zeros(1, 2, *random.integers(1, 7, 2)), "x": zeros(1, 3, *random.integers(20, 200, 2))}
    judges = {**feed, "x": zeros(1, 3, *pixels)} if pixels else feed
    # Model Optimizer wants a layer between an input and an output.
    judged = 'layer { name: "r" type: "ReLU" bottom: "f" top: "r" } ' + text.replace('"f"', '"r"') % settings
    return Case(
        text % f"{settings} {size}",
        feed,
        judged,
        judges,
        mo=not {"step_h:", "offset:"} & {*settings.split()} or "step:" in settings,
    )


_PRIORS = """
layer { name: "p1" type: "PriorBox" bottom: "cells" bottom: "photo" top: "p1" prior_box_param { min_size: 30 max_size: 60
  aspect_ratio: 2 clip: false variance: 0.1 variance: 0.15 variance: 0.2 variance: 0.3 } }
layer { name: "p2" type: "PriorBox" bottom: "cells" bottom: "photo" top: "p2" prior_box_param { min_size: 20 aspect_ratio: 3
  clip: false variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2 } }
layer { name: "p" type: "Concat" bottom: "p1" bottom: "p2" top: "p" concat_param { axis: 2 } }
"""
_BOXES_ALONE = """
layer { name: "cut" type: "Slice" bottom: "p" top: "boxes" top: "v" slice_param { axis: 1 slice_point: 1 } }
"""
_SHARED = ("cells", "photo", "p1", "p2", "p", "cut", "boxes", "v")
_SCORES = """
layer { name: "s1" type: "Reshape" bottom: "s" top: "s1" reshape_param { shape { dim: 0 dim: -1 dim: CLASSES } } }
layer { name: "s2" type: "Softmax" bottom: "s1" top: "s2" softmax_param { axis: 2 } }
layer { name: "s3" type: "Flatten" bottom: "s2" top: "s3" }
"""
_CELLS, _AT_CELL = (4, 5), 7


def detection_case(seed: int) -> Case:
    random = np.random.default_rng(1000 + seed)
    classes = int(random.integers(2, 6))
    shared = bool(random.random() < 0.6)
    # Without a background, the fork's CPU code and OpenCV refuse locations that all classes share.
    background = int(random.choice([0, 0, classes - 1] if shared else [0, classes - 1, -1]))
    code = str(random.choice(["CORNER", "CENTER_SIZE", "CENTER_SIZE", "CORNER_SIZE"]))
    in_target = bool(random.random() < 0.3)
    nms = f"nms_threshold: {random.choice([0.3, 0.45, 0.7])}"
    if random.random() < 0.6:
        nms += f" top_k: {random.integers(1, 60)}"
    settings = [
        f"num_classes: {classes} share_location: {str(shared).lower()} background_label_id: {background}",
        f"nms_param {{ {nms} }} keep_top_k: {random.integers(1, 80)}",
        f"code_type: {code} variance_encoded_in_target: {str(in_target).lower()}",
    ]
    if random.random() < 0.8:
        settings.append(f"confidence_threshold: {random.choice([0.01, 0.3, 0.6, 0.999])}")
    batch = int(random.choice([1, 1, 2]))
    count = _CELLS[0] * _CELLS[1] * _AT_CELL
    locations = random.normal(0, 0.1 if in_target else 0.7, (batch, count * 4 * (1 if shared else classes)))
    feed = {
        "cells": zeros(1, 2, *_CELLS),
        "photo": zeros(1, 3, 100, 140),
        "l": locations.astype(np.float32),
        "s": random.normal(0, 2, (batch, count * classes)).astype(np.float32),
    }
    param = f"detection_output_param {{ {' '.join(settings)} }}"
    text = f'layer {{ name: "y" type: "DetectionOutput" bottom: "l" bottom: "s3" bottom: "p" top: "y" {param} }}'
    before = _PRIORS + _SCORES.replace("CLASSES", str(classes))
    judged, judges = before + text, feed
    if code == "CORNER_SIZE":
        # CORNER with variances in units of the prior's size, by hand.
        sizes = [[30, 30], [1800**0.5] * 2, [30 * 2**0.5, 30 / 2**0.5], [30 / 2**0.5, 30 * 2**0.5]]
        sizes += [[20, 20], [20 * 3**0.5, 20 / 3**0.5], [20 / 3**0.5, 20 * 3**0.5]]
        variances = [[0.1, 0.15, 0.2, 0.3]] * 4 + [[0.1, 0.1, 0.2, 0.2]] * 3
        maps = {"cells": feed["cells"], "photo": feed["photo"]}
        (top,) = by_us(with_inputs(_PRIORS, maps), maps, ["p"])
        cells = _CELLS[0] * _CELLS[1]
        units = np.array(sizes)[:, [0, 1, 0, 1]] / [140, 100, 140, 100] * (1 if in_target else np.array(variances))
        scaled = np.concatenate([np.tile(units[:4], (cells, 1)), np.tile(units[4:], (cells, 1))])
        judges = {
            "l": feed["l"],
            "s": feed["s"],
            "scaled": np.stack([top[0, 0], scaled.ravel()])[None].astype(np.float32),
        }
        judged = _SCORES.replace("CLASSES", str(classes)) + text.replace("CORNER_SIZE", "CORNER").replace(
            '"p"', '"scaled"'
        )
        judged = judged.replace("target: true", "target: false")
    elif in_target:
        # The judges want the boxes without the variances that they pass over.
        judged = before + _BOXES_ALONE + text.replace('bottom: "p"', 'bottom: "boxes"')
    return Case(before + text, feed, judged, judges)


def normalize_case(seed: int) -> Case:
    random = np.random.default_rng(2000 + seed)
    channels = int(random.integers(1, 9))
    shared, across = (bool(random.random() < 0.5) for _ in range(2))
    eps = float(random.choice([1e-10, 1e-7, 1e-3, 0.5]))
    param = f"across_spatial: {str(across).lower()} channel_shared: {str(shared).lower()} eps: {eps}"
    height, width = random.integers(1, 9, 2)
    # A list of numbers, which the converter does not take for a picture.
    shape = f"shape {{ dim: 0 dim: {channels} dim: {height} dim: {width} }}"
    text = (
        f'layer {{ name: "r" type: "Reshape" bottom: "f" top: "r" reshape_param {{ {shape} }} }}\n'
        f'layer {{ name: "y" type: "Normalize" bottom: "r" top: "y" norm_param {{ {param} }} }}'
    )
    feed = {"f": random.normal(0, 2, (1, channels * height * width)).astype(np.float32)}
    factor = np.array(random.normal(0, 5, () if shared else channels), np.float32)
    judged = {"opencv": shared or not across or channels == 1, "mo": eps < 1e-6}
    return Case(text, feed, text, feed, {"y": [factor]}, **judged)


CASES = {
    "PriorBox": [prior_case(seed) for seed in range(COUNT)],
    "DetectionOutput": [detection_case(seed) for seed in range(COUNT)],
    "Normalize": [normalize_case(seed) for seed in range(COUNT)],
}
KINDS = pytest.mark.parametrize("kind", CASES)
Answers = list[Floats | None]


@pytest.fixture(scope="module")
def ours() -> dict[str, list[Floats]]:
    return {
        kind: [by_us(with_inputs(case.layers, case.feed), case.feed, ["y"], case.weights)[0] for case in cases]
        for kind, cases in CASES.items()
    }


def joined(cases: list[Case], judged: bool) -> tuple[str, dict[str, Floats], dict[str, list[Floats]]]:
    """Make one net of several: layers and blobs of number i get the suffix _i, apart from those in _SHARED, which are alike."""
    layers: dict[str, None] = {}
    feed: dict[str, Floats] = {}
    weights: dict[str, list[Floats]] = {}
    for number, case in enumerate(cases):

        def renamed(name: str, number: int = number) -> str:
            return name if name in _SHARED else f"{name}_{number}"

        text = re.sub(
            r'(name|bottom|top): "(\w+)"',
            lambda match: f'{match[1]}: "{renamed(match[2])}"',
            case.judged if judged else case.layers,
        )
        layers |= dict.fromkeys(re.split(r"\n(?=layer)", text.strip()))
        given = case.judges_feed if judged else case.feed
        feed |= {renamed(name): values for name, values in given.items()}
        weights |= {renamed(name): values for name, values in case.weights.items()}
    return "\n".join(layers), feed, weights


def rows(top: Floats) -> Floats:
    """The rows of boxes of a DetectionOutput, in the order of picture and score, without those that only fill it."""
    found = top.reshape(-1, 7)
    end = np.flatnonzero((found[:, 0] < 0) | ~found.any(1))
    found = found[: end[0]] if len(end) else found
    found = found[found[:, 1] >= 0]
    return found[np.lexsort((-found[:, 2], found[:, 0]))]


def check(kind: str, found: Floats, expected: Floats, what: str) -> None:
    if kind == "DetectionOutput":
        found, expected = rows(found), rows(expected)
    assert found.size == expected.size, what
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-4, atol=2e-5, err_msg=what)


@KINDS
def test_by_opencv(kind: str, ours: Mapping[str, list[Floats]]) -> None:
    numbers = [number for number, case in enumerate(CASES[kind]) if case.opencv]
    assert len(numbers) >= 30
    for number in numbers:
        case = CASES[kind][number]
        (found,) = by_opencv(with_inputs(case.judged, case.judges_feed), case.judges_feed, ["y"], case.weights)
        check(kind, found, ours[kind][number], f"{number}: {case.layers}")
    saw(kind, "forward")


@KINDS
def test_by_model_optimizer(
    kind: str, ours: Mapping[str, list[Floats]], old_openvino: OldOpenVINO, tmp_path: Path
) -> None:
    numbers = [number for number, case in enumerate(CASES[kind]) if case.mo]
    text, feed, weights = joined([CASES[kind][number] for number in numbers], judged=True)
    found = old_openvino.run(model_optimizer(with_inputs(text, feed), tmp_path, weights), feed, tmp_path)
    for place, number in enumerate(numbers):
        check(kind, found[f"y_{place}"], ours[kind][number], f"{number}: {CASES[kind][number].layers}")


@KINDS
def test_our_ir(kind: str, ours: Mapping[str, list[Floats]], old_openvino: OldOpenVINO, tmp_path: Path) -> None:
    """On today's OpenVINO and on 2021.4.2, and in one blob."""
    from ncs import compiler

    text, feed, weights = joined(CASES[kind], judged=False)
    model = convert(with_inputs(text, feed), weights)
    write_ir(model, tmp_path / "net.xml", tmp_path / "net.bin", "FP32")
    bytes_or_floats: dict[str, NDArray[np.generic]] = dict(feed)
    answers = {
        "today": run_feed(str(tmp_path / "net.xml"), bytes_or_floats),
        "2021.4.2": old_openvino.run(tmp_path / "net.xml", feed, tmp_path),
    }
    for number, case in enumerate(CASES[kind]):
        for which, found in answers.items():
            check(kind, found[f"y_{number}"], ours[kind][number], f"{which}, {number}: {case.layers}")
    saw(kind, "openvino")
    movidius("python")
    if kind == "PriorBox":
        # A constant alone is no network for the compiler; those of DetectionOutput hold PriorBox, too.
        return
    write_ir(model, tmp_path / "half.xml", tmp_path / "half.bin")
    files = [tmp_path / f"half.{suffix}" for suffix in ("xml", "bin", "blob")]
    compiler.compile_blob(*files, tmp_path, compiler.Resources(4, 4, 1))
    saw(kind, "myriad")
    if kind == "DetectionOutput":
        saw("PriorBox", "myriad")


FORKS = "min_size: 20 clip: false variance: 0.1"
DIFFERENCES = {
    # Settings; what OpenCV, and Model Optimizer's OpenVINO, compute instead.
    "size": (f"{FORKS} img_size: 60", FORKS, FORKS),
    "both sizes": (f"{FORKS} img_h: 60 img_w: 50", FORKS, FORKS),
    "step": (f"{FORKS} step_h: 16 step_w: 24", None, FORKS),
    "offset": (f"{FORKS} offset: 0.25", None, FORKS),
    "clip": ("min_size: 80 variance: 0.1", "min_size: 80 variance: 0.1 clip: true", None),
}
"""What differs -> the settings, and those with which we compute what each judge does; None if it does what the fork does."""


def priors(param: str) -> Case:
    feed = {"f": zeros(1, 2, 3, 4), "x": zeros(1, 3, 90, 120)}
    before = 'layer { name: "r" type: "ReLU" bottom: "f" top: "r" }\n'
    text = f'layer {{ name: "y" type: "PriorBox" bottom: "r" bottom: "x" top: "y" prior_box_param {{ {param} }} }}'
    return Case(before + text, feed, before + text, feed)


def prior_answer(param: str) -> Floats:
    case = priors(param)
    return by_us(with_inputs(case.layers, case.feed), case.feed, ["y"])[0]


@pytest.mark.parametrize("name", DIFFERENCES)
def test_where_opencv_differs(name: str) -> None:
    text, opencvs, _ = DIFFERENCES[name]
    case = priors(text)
    (found,) = by_opencv(with_inputs(case.judged, case.feed), case.feed, ["y"])
    check("PriorBox", found, prior_answer(opencvs or text), name)
    assert opencvs is None or not np.allclose(prior_answer(text), found, atol=1e-3)


def test_parts_of_a_pixel_and_defaults(old_openvino: OldOpenVINO, tmp_path: Path) -> None:
    """The fork rounds sizes down, where judges do not. Its variance is 0.1 by default, and OpenCV wants one."""
    import cv2

    texts = [text for text, _, _ in DIFFERENCES.values()]
    texts += [f"{FORKS.replace('20', '30.7')}", FORKS.replace(" variance: 0.1", "")]
    net, feed, _ = joined([priors(text) for text in texts], judged=True)
    found = old_openvino.run(model_optimizer(with_inputs(net, feed), tmp_path), feed, tmp_path)
    for place, (text, _, optimizers) in enumerate(DIFFERENCES.values()):
        check("PriorBox", found[f"y_{place}"], prior_answer(optimizers or text), text)
    wide = np.subtract(*found[f"y_{len(texts) - 2}"][0, 0, [2, 0]]) * 120
    assert wide == pytest.approx(30.7, rel=1e-4)
    case = priors(texts[-2])
    (of_opencv,) = by_opencv(with_inputs(case.judged, case.feed), case.feed, ["y"])
    assert np.subtract(*of_opencv[0, 0, [2, 0]]) * 120 == pytest.approx(30.7, rel=1e-4)
    assert np.subtract(*prior_answer(texts[-2])[0, 0, [2, 0]]) * 120 == pytest.approx(30, rel=1e-4)
    check("PriorBox", found[f"y_{len(texts) - 1}"], prior_answer(FORKS), "variance")
    check("PriorBox", prior_answer(texts[-1]), prior_answer(FORKS), "variance")
    case = priors(texts[-1])
    with pytest.raises(cv2.error, match="variance"):
        by_opencv(with_inputs(case.judged, case.feed), case.feed, ["y"])


def test_no_judge_reads_eta(old_openvino: OldOpenVINO, tmp_path: Path) -> None:
    """So they find what we find without it."""
    case = next(
        case for case in CASES["DetectionOutput"] if "CENTER" in case.layers and "in_target: false" in case.layers
    )
    plain = re.sub(r"nms_param \{[^}]*\}", "nms_param { nms_threshold: 0.7 }", case.layers)
    plain = re.sub(r"keep_top_k: \d+", "keep_top_k: 90", re.sub(r"confidence_threshold: \S+", "", plain))
    eta = plain.replace("nms_threshold: 0.7", "nms_threshold: 0.7 eta: 0.8")
    ours, with_eta = (by_us(with_inputs(text, case.feed), case.feed, ["y"])[0] for text in (plain, eta))
    assert rows(ours).shape != rows(with_eta).shape or np.abs(rows(ours) - rows(with_eta)).max() > 0.01
    net = with_inputs(eta, case.feed)
    check("DetectionOutput", by_opencv(net, case.feed, ["y"])[0], ours, "OpenCV")
    found = old_openvino.run(model_optimizer(net, tmp_path), case.feed, tmp_path)["y"]
    check("DetectionOutput", found, ours, "Model Optimizer")

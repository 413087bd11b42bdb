"""Nets that were cut, and batches, in the tool chain of the stick: 2021.4.2's CPU plugin, its MYRIAD compiler, and depthai."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caffe_io.prototxt import to_text
from caffe_io.weights import write_weights
from common.card import read_cards
from host.rest import Rest
from inference.answer import Answer, read_outputs
from inference.tensor import to_tensor
from kits.faces import compiled_res10, portrait
from kits.fork_judges import OldOpenVINO, old_openvino
from kits.ncs import net_of, pixels, values
from kits.ssd import HEIGHT, WIDTH, write_small_ssd

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(300)]
Command = Callable[..., Any]
__all__ = ["old_openvino"]


def answers_of(old: OldOpenVINO, graph: Path, pictures: list[Any]) -> list[Answer]:
    """What the runner would read from a stick, by the CPU plugin of the stick's OpenVINO, in f32."""
    (card,) = read_cards(graph)
    rest = Rest(card.host, card.path)
    found = []
    for picture in pictures:
        values = old.run(card.xml_path, {card.input.blob: to_tensor(picture, card)}, graph)
        (answer,) = read_outputs(card, rest.finish(values), (picture.shape[1], picture.shape[0]))
        found.append(answer)
    return found


def same(some: list[Answer], others: list[Answer], tolerance: float) -> int:
    count = 0
    for one, other in zip(some, others, strict=True):
        assert [each.label for each in one.detections] == [each.label for each in other.detections]
        for mine, yours in zip(one.detections, other.detections, strict=True):
            assert abs(mine.score - yours.score) < tolerance
            assert np.abs(np.subtract(mine.box, yours.box)).max() < 400 * tolerance
            count += 1
    return count


def test_the_parts_are_the_whole_in_the_stick_s_openvino(
    tmp_path: Path, run_command: Command, old_openvino: OldOpenVINO
) -> None:
    net, weights = write_small_ssd(tmp_path)
    words = ("--model", net, "--weights", weights, "--data_type", "FP32", "--mean_value", 100)
    pictures = [np.ascontiguousarray(pixels((HEIGHT, WIDTH, 3), seed)) for seed in range(3)]
    found = []
    for name, options in (("whole", ()), ("parts", ("--cut", "conf,loc"))):
        done = run_command("ncs", "compile", *words, "--out", tmp_path / name, *options)
        assert done.code == 0, done.err
        assert (tmp_path / name / "SmallSsd.blob").stat().st_size > 1000
        found.append(answers_of(old_openvino, tmp_path / name, pictures))
    assert same(*found, 1e-5) > 3


@pytest.mark.slow
def test_res10_in_the_stick_s_openvino(tmp_path: Path, old_openvino: OldOpenVINO) -> None:
    pictures = [portrait(3), portrait(5), np.hstack([portrait(7), portrait(8)])]
    whole = answers_of(old_openvino, compiled_res10(tmp_path / "whole", "--data_type", "FP32"), pictures)
    parts = answers_of(
        old_openvino, compiled_res10(tmp_path / "parts", "--data_type", "FP32", "--cut", "mbox_conf"), pictures
    )
    assert same(whole, parts, 1e-5) >= 4


@pytest.mark.parametrize("batch", [1, 3])
def test_depthai_reads_the_blob_of_a_batch(batch: int, tmp_path: Path, run_command: Command) -> None:
    """The plugin's own way with batches fails where a Flatten names them."""
    import depthai

    net = net_of(
        'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 4 kernel_size: 3 } }'
        'layer { name: "flat" type: "Flatten" bottom: "conv" top: "flat" }',
        (batch, 3, 9, 8),
    )
    (tmp_path / "Net.prototxt").write_text(to_text(net))
    write_weights(tmp_path / "Net.caffemodel", net, {"conv": [values(4, 3, 3, 3), values(4)]})
    words = ("--model", "Net.prototxt", "--weights", "Net.caffemodel", "--batch", batch)
    done = run_command("ncs", "compile", *words)
    assert done.code == 0, done.err
    blob = depthai.OpenVINO.Blob(tmp_path / "graph/Net.blob")
    assert list(blob.networkInputs["data"].dims)[::-1] == [batch, 3, 9, 8]
    assert list(blob.networkOutputs["flat"].dims)[::-1] == [batch, 168]

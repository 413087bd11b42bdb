"""transform_param where Caffe ignores it: a warning at every door that reads the net."""

from __future__ import annotations

from pathlib import Path

import pytest

from caffe_io.prototxt import read_net, read_solver

SETTINGS = "transform_param { scale: 0.007843 mean_value: 127.5 }"


def warnings_of(tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str) -> str:
    (tmp_path / "net.prototxt").write_text(text)
    read_net(tmp_path / "net.prototxt")
    return caplog.text


def test_an_input_layer_s_transform_param_is_ignored_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = f'layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 1 }} }} {SETTINGS} }}'
    found = warnings_of(tmp_path, caplog, text)
    for words in (
        'net.prototxt: layer "data" (Input): Caffe ignores its transform_param (scale: 0.007843 mean_value: 127.5)',
        "give ./moka compile --mean_value 127.5 --scale 127.502.",
    ):
        assert words in found


@pytest.mark.parametrize("field", ["net_param", "train_net_param", "test_net_param"])
def test_so_is_that_of_a_net_inside_a_solver(tmp_path: Path, caplog: pytest.LogCaptureFixture, field: str) -> None:
    text = f'layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 1 }} }} {SETTINGS} }}'
    (tmp_path / "solver.prototxt").write_text(f"base_lr: 1 {field} {{ {text} }}")
    solver = read_solver(tmp_path / "solver.prototxt")
    assert 'solver.prototxt: layer "data" (Input): Caffe ignores its transform_param' in caplog.text
    assert len(caplog.records) == 1
    # To look for others does not make them.
    assert [each.name for each, _ in solver.ListFields() if "net_param" in each.name] == [field]


@pytest.mark.parametrize("kind", ["DummyData", "Convolution"])
def test_so_is_that_of_other_layers(tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str) -> None:
    text = f'layer {{ name: "x" type: "{kind}" top: "x" transform_param {{ crop_size: 8 }} }}'
    found = warnings_of(tmp_path, caplog, text)
    assert f'layer "x" ({kind}): Caffe ignores its transform_param (crop_size: 8)' in found
    # A crop has no option of its own.
    assert "./moka compile" not in found


@pytest.mark.parametrize(
    "text",
    [
        *(
            f'layer {{ name: "x" type: "{kind}" top: "x" {SETTINGS} }}'
            for kind in ("Data", "ImageData", "MemoryData", "WindowData", "HDF5Data", "Python", "AnnotatedData")
        ),
        # V1 layers get an empty block.
        'layers { name: "x" type: DATA top: "x" data_param { scale: 0.5 } } layers { name: "y" type: RELU bottom: "x" }',
        'layer { name: "data" type: "Input" top: "data" transform_param { } }',
    ],
)
def test_no_warning_where_it_counts_or_says_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    assert warnings_of(tmp_path, caplog, text) == ""

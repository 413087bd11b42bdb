"""draw: the table's figures against those computed by hand, the picture's boxes and lines, and their layout."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from kits.training import small_solver
from kits.training_commands import command
from training.drawing.graph_layout import Node, lay_out

NET = """name: "Branches & <more>"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 11 dim: 11 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 8 kernel_size: 3 stride: 2 group: 1 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "twin1" type: "Convolution" bottom: "conv" top: "twin1" param { name: "w" } param { name: "b" }
  convolution_param { num_output: 4 kernel_size: 1 group: 2 } }
layer { name: "twin2" type: "Convolution" bottom: "conv" top: "twin2" param { name: "w" } param { name: "b" }
  convolution_param { num_output: 4 kernel_size: 1 group: 2 } }
layer { name: "sum" type: "Eltwise" bottom: "twin1" bottom: "twin2" top: "sum" }
layer { name: "up" type: "Deconvolution" bottom: "sum" top: "up"
  convolution_param { num_output: 2 kernel_h: 2 kernel_w: 4 stride: 2 bias_term: false } }
layer { name: "fc" type: "InnerProduct" bottom: "up" top: "fc" inner_product_param { num_output: 10 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""
# conv: 8 x 5 x 5 outputs of 3 x 3 x 3; twins: 4 x 5 x 5 of 4; up: 4 x 5 x 5 inputs to 2 x 2 x 4; fc: 2 x 10 x 12 to 10
FIGURES = {
    "conv": ("2x8x5x5", "224", "5,400"),
    "twin1": ("2x4x5x5", "20", "400"),
    "twin2": ("2x4x5x5", "-", "400"),
    "up": ("2x2x10x12", "64", "1,600"),
    "fc": ("2x10", "2,410", "2,400"),
    "prob": ("2x10", "-", "-"),
}


@pytest.fixture
def drawn(tmp_path: Path) -> tuple[str, ElementTree.Element]:
    (tmp_path / "net.prototxt").write_text(NET)
    done = command("draw", "-model", "net.prototxt", folder=tmp_path)
    assert done.code == 0, done.err
    assert "picture: net.svg" in done.out
    return done.out, ElementTree.parse(tmp_path / "net.svg").getroot()


def test_the_table_s_figures(drawn: tuple[str, ElementTree.Element]) -> None:
    rows = {line.split()[0]: re.split(r" {2,}", line) for line in drawn[0].splitlines() if line}
    for name, (shape, weights, multiply_adds) in FIGURES.items():
        assert rows[name][2:5] == [f"{name} {shape}", weights, multiply_adds]
    assert rows["total"][1:3] == ["2,718", "10,200"]


def test_which_types_convert_and_compile(tmp_path: Path, drawn: tuple[str, ElementTree.Element]) -> None:
    rows = {line.split()[0]: line.split() for line in drawn[0].splitlines() if line}
    assert rows["layer"][-2:] == ["converts", "compiles"]
    assert rows["conv"][-2:] == ["yes", "yes"]
    small_solver(tmp_path)
    done = command("draw", "--model", "net.prototxt", "--out", "small.svg", "--force", folder=tmp_path)
    rows = {line.split()[0]: line.split() for line in done.out.splitlines() if line}
    assert rows["loss"][-4:] == ["left", "out", "left", "out"]
    assert rows["data"][-2:] == ["no", "no"]
    assert "docs/layers.md" in command("draw", "--help", folder=tmp_path).out


def test_the_picture_has_a_box_for_each_producer_and_a_line_for_each_bottom(
    drawn: tuple[str, ElementTree.Element],
) -> None:
    space = "{http://www.w3.org/2000/svg}"
    texts = ["".join(text.itertext()) for text in drawn[1].iter(f"{space}text")]
    assert texts[0] == "Branches & <more>"
    for text in ("conv", "Convolution 3×3 /2", "relu  ReLU", "Deconvolution 2×4 /2", "2 × 8 × 5 × 5"):
        assert text in texts
    boxes = list(drawn[1].iter(f"{space}g"))
    assert len(boxes) == 8, "the ReLU works in place, in its blob's box"
    lines = [path for path in drawn[1].iter(f"{space}path") if "C" in path.attrib["d"]]
    assert len(lines) == 8


def test_missing_data(tmp_path: Path) -> None:
    """The picture is drawn all the same; the table says what is unknown, and why."""
    small_solver(tmp_path)
    net = (tmp_path / "net.prototxt").read_text().replace(str(tmp_path / "train"), "nowhere")
    (tmp_path / "net.prototxt").write_text(net)
    done = command("draw", "--model", "net.prototxt", folder=tmp_path)
    assert done.code == 0, done.err
    assert "unknown: nowhere: no LMDB here" in done.out
    complete = command("draw", "--model", "net.prototxt", "--phase", "TEST", "--out", "test.svg", folder=tmp_path)
    assert "conv1 8x8x9x9" in complete.out
    assert "unknown:" not in complete.out
    assert command("draw", "--model", "net.prototxt", folder=tmp_path).code == 2, "the picture is there"


def test_a_net_that_does_not_fit_together(tmp_path: Path) -> None:
    (tmp_path / "net.prototxt").write_text(NET.replace('bottom: "up"', 'bottom: "down"'))
    done = command("draw", "--model", "net.prototxt", folder=tmp_path)
    assert done.code == 1
    assert 'reads "down", which no earlier layer produces' in done.err
    assert not (tmp_path / "net.svg").exists()


INCEPTION = [(0, 1), (0, 2), (0, 3), (0, 4), (2, 5), (3, 6), (4, 7), (1, 8), (5, 8), (6, 8), (7, 8), (0, 8), (9, 8)]


def test_boxes_are_below_their_producers_and_do_not_touch() -> None:
    layout = lay_out([100.0] * 10, INCEPTION)
    boxes = layout.nodes[:10]
    assert [node.row for node in boxes] == [0, 1, 1, 1, 1, 2, 2, 2, 3, 2]
    for start, end in INCEPTION:
        assert boxes[start].row < boxes[end].row
    rows: dict[int, list[Node]] = {}
    for node in layout.nodes:
        rows.setdefault(node.row, []).append(node)
    for nodes in rows.values():
        nodes.sort(key=lambda node: node.x)
        for left, right in itertools.pairwise(nodes):
            assert right.x - left.x >= (left.width + right.width) / 2 + 20
    assert min(node.x - node.width / 2 for node in layout.nodes) == pytest.approx(0)


def test_a_line_passes_every_row_between_its_ends() -> None:
    layout = lay_out([50.0] * 10, INCEPTION)
    for edge, path in zip(INCEPTION, layout.paths, strict=True):
        assert (path[0], path[-1]) == edge
        rows = [layout.nodes[index].row for index in path]
        assert rows == list(range(rows[0], rows[-1] + 1))


def test_a_chain_is_straight() -> None:
    layout = lay_out([90.0, 150.0, 60.0, 120.0], [(0, 1), (1, 2), (2, 3)])
    assert max(node.x for node in layout.nodes) - min(node.x for node in layout.nodes) < 0.5


def test_branches_do_not_cross_without_need() -> None:
    """Two chains side by side between the same two boxes keep their sides."""
    layout = lay_out([80.0] * 6, [(0, 1), (0, 2), (1, 4), (2, 3), (3, 5), (4, 5)])
    x = [node.x for node in layout.nodes]
    assert (x[1] < x[2]) == (x[4] < x[3])


def test_a_chain_of_thousands_of_layers(tmp_path: Path) -> None:
    """The layout takes time in proportion to the layers; in proportion to their square it would take minutes."""
    count = 3000
    layers = ['layer { name: "d" type: "DummyData" top: "x0" dummy_data_param { shape { dim: 1 dim: 4 } } }']
    layers += [f'layer {{ name: "l{i}" type: "AbsVal" bottom: "x{i}" top: "x{i + 1}" }}' for i in range(count)]
    (tmp_path / "chain.prototxt").write_text("\n".join(layers))
    done = command("draw", "--model", "chain.prototxt", "--out", "chain.svg", folder=tmp_path)
    assert done.code == 0, done.err
    assert (tmp_path / "chain.svg").read_text().count("AbsVal") >= count

"""The inputs of a net: which take pictures, placeholders for sizes, and other sizes."""

from __future__ import annotations

import pytest

from caffe_io.caffe_pb2 import TEST
from caffe_io.net_state import filter_net
from caffe_io.prototxt import parse_text
from common.errors import UsageError
from kits.ncs import net_of
from ncs.errors import ConversionError
from ncs.inputs.shapes import declared_shapes, given_shapes, input_shapes, pictures, refuse_placeholders, with_shapes


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        # Pictures with numbers about them, as Faster R-CNN takes them.
        ({"data": (1, 3, 224, 224), "info": (1, 3, 1, 1)}, ["data"]),
        ({"info": (1, 3, 1, 1), "data": (1, 3, 224, 224)}, ["data"]),
        ({"data": (1, 3, 224, 224), "info": (1, 1, 1, 3)}, ["data"]),
        ({"data": (1, 3, 224, 224), "rois": (300, 5)}, ["data"]),
        # Two pictures.
        ({"data": (1, 1, 28, 28), "data_p": (1, 1, 28, 28)}, ["data", "data_p"]),
        ({"left": (10, 3, 9, 8), "right": (10, 3, 9, 8)}, ["left", "right"]),
        # Stacks of frames, and pictures with feature maps.
        ({"frames": (1, 4, 84, 84)}, ["frames"]),
        ({"flow": (1, 20, 224, 224)}, ["flow"]),
        ({"data": (1, 3, 112, 112), "features": (1, 64, 28, 28)}, ["data"]),
        ({"data": (1, 3, 112, 112), "prior": (1, 2, 28, 28)}, ["data"]),
        # Feature maps alone.
        ({"features": (1, 512, 7, 7)}, []),
        ({"features": (1, 512, 1, 1)}, []),
        ({"x": (1, 10)}, []),
        ({"x": (10,)}, []),
    ],
)
def test_which_inputs_take_pictures(shapes: dict[str, tuple[int, ...]], expected: list[str]) -> None:
    assert pictures(shapes) == expected


@pytest.mark.parametrize("dims", [(1, 3, 1, 1), (1, 1, 1, 1), (16, 3, 1, 1)])
def test_a_size_that_is_a_placeholder_is_refused(dims: tuple[int, ...]) -> None:
    with pytest.raises(ConversionError, match=r'net.prototxt: the input "data" is .*placeholders') as caught:
        refuse_placeholders({"data": dims}, "net.prototxt")
    assert f"--input_shape, such as [1,{dims[1]},224,224]" in str(caught.value)


def test_numbers_beside_a_picture_are_no_placeholder() -> None:
    refuse_placeholders({"info": (1, 3, 1, 1), "data": (1, 3, 9, 9)}, "net.prototxt")
    refuse_placeholders({"features": (1, 512, 1, 1)}, "net.prototxt")


@pytest.mark.parametrize("dims", ["dim: 1 dim: 3 dim: 0 dim: 0", "dim: -1 dim: 3 dim: 9 dim: 9", ""])
def test_a_size_that_is_missing_is_refused_with_the_option_for_it(dims: str) -> None:
    net = parse_text(
        f'layer {{ name: "d" type: "Input" top: "d" input_param {{ shape {{ {dims} }} }} }}', net_of(""), "n"
    )
    with pytest.raises(ConversionError, match=r'the input "d" has the shape .*--input_shape, such as \[1,3,224,224\]'):
        input_shapes(net, "n.prototxt")
    given = given_shapes(declared_shapes(net), [(1, 3, 9, 9)])
    assert input_shapes(with_shapes(net, given)) == {"d": (1, 3, 9, 9)}


def test_shapes_from_the_command_line() -> None:
    declared = {"data": (1, 3, 1, 1), "info": (1, 3)}
    assert given_shapes(declared, [(1, 3, 9, 9), (1, 4)]) == {"data": (1, 3, 9, 9), "info": (1, 4)}
    with pytest.raises(UsageError, match=r"has 1 shapes, but the net has 2 inputs: data 1x3x1x1, info 1x3\."):
        given_shapes(declared, [(1, 3, 9, 9)])
    with pytest.raises(UsageError, match=r'gives "info" the shape 1x3x9x9, but the net declares 1x3; .* as many axes'):
        given_shapes(declared, [(1, 3, 9, 9), (1, 3, 9, 9)])


def test_the_input_of_another_stage_is_named() -> None:
    text = 'layer { name: "in" type: "Input" top: "data" include { stage: "deploy" } input_param { shape { dim: 1 } } }'
    net = parse_text(text, net_of(""), "n")
    with pytest.raises(
        ConversionError, match=r'has no Input layer in this state \(its Input layer "in" needs --stage deploy\);'
    ):
        declared_shapes(filter_net(net, TEST), "n.prototxt", net)
    assert declared_shapes(filter_net(net, TEST, stages=["deploy"]), "n.prototxt", net) == {"data": (1,)}

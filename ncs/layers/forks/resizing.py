"""Interp and Upsample."""

from __future__ import annotations

import openvino.opset1 as op
from openvino import Output
from openvino.utils.node_factory import NodeFactory

from caffe_io.parameters.sizes import Size, SizeError, cropped_size, interp_size, upsample_size
from common.messages import shape_text

from ..layer import TrainedLayer, constant, integers, shape


def interp(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Interpolate between pixels; the corners of bottom and top lie on each other."""
    p = layer.parameter.interp_param
    shapes = [shape(bottom) for bottom in inputs]
    try:
        inner, size = cropped_size(p, shapes[0]), interp_size(p, shapes)
    except SizeError as error:
        raise layer.error(str(error)) from error
    begin = -p.pad_beg
    x = cut(inputs[0], (begin, begin), inner)
    return [x if size == inner else _between_corners(x, size)]


def upsample(layer: TrainedLayer, inputs: list[Output]) -> list[Output]:
    """Repeat each pixel `scale` times; or, with SegNet's mask, put it where the Pooling took it from, among zeros.

    What ncs/layers/pooling.py makes of a mask is 1 where a maximum was and 0 elsewhere, in the size of Pooling's bottom.
    """
    try:
        size = upsample_size(layer.parameter.upsample_param, [shape(bottom) for bottom in inputs[:1]] * len(inputs))
    except SizeError as error:
        raise layer.error(str(error)) from error
    height, width = shape(inputs[0])[2:]
    if len(inputs) == 1:
        return [enlarged(inputs[0], size) if size != (height, width) else inputs[0]]
    places = shape(inputs[1])
    assert layer.node is not None
    if not layer.node.bottoms[1].is_mask:
        raise layer.error(
            f'its second bottom, "{layer.parameter.bottom[1]}", is not the second top of a MAX Pooling. Only such a mask '
            "is converted."
        )
    if places != (*shape(inputs[0])[:2], *size):
        raise layer.error(
            f"its top would be {shape_text((*shape(inputs[0])[:2], *size))}, but the bottom of the Pooling that made its "
            f"mask is {shape_text(places)}. Write upsample_h: {places[2]} and upsample_w: {places[3]}."
        )
    steps = [-(-whole // part) for whole, part in zip(size, (height, width), strict=True)]
    large = cut(enlarged(inputs[0], (height * steps[0], width * steps[1])), (0, 0), size)
    return [op.multiply(large, inputs[1]).output(0)]


def enlarged(x: Output, size: Size) -> Output:
    """Repeat each pixel, so that `x` has the `size`, a multiple of its own."""
    return _repeated(x, size)


def cut(x: Output, begin: Size, size: Size) -> Output:
    """Take `size` pixels from `begin` on."""
    dims = shape(x)
    if dims[2:] == size:
        return x
    # A mask that hides no begin and no end.
    mask = [0] * 4
    end = [*dims[:2], begin[0] + size[0], begin[1] + size[1]]
    return op.strided_slice(x, integers([0, 0, *begin]), integers(end), integers([1] * 4), mask, mask).output(0)


def _between_corners(x: Output, size: Size) -> Output:
    """Interpolate as Model Optimizer does it, with opset4, so that the stick is told in as many words that corners align.

    From opset1's operation, the MYRIAD compiler makes a stage that says so, and also says half_pixel.
    """
    scales = [new / old for new, old in zip(size, shape(x)[2:], strict=True)]
    attributes = {
        "mode": "linear_onnx",
        "shape_calculation_mode": "sizes",
        "coordinate_transformation_mode": "align_corners",
        "nearest_mode": "round_prefer_floor",
        "antialias": False,
        "pads_begin": [0] * 4,
        "pads_end": [0] * 4,
        "cube_coeff": -0.75,
    }
    # Not openvino.opset4.interpolate, which makes opset1's operation.
    nodes = NodeFactory("opset4")
    return nodes.create("Interpolate", [x, integers(size), constant(scales), integers([2, 3])], attributes).output(0)


def _repeated(x: Output, size: Size) -> Output:
    attributes = {"axes": [2, 3], "mode": "nearest", "align_corners": False, "antialias": False}
    return op.interpolate(x, integers(size), {**attributes, "pads_begin": [0], "pads_end": [0]}).output(0)

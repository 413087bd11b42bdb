"""The height and width that the forks' layers Interp and Upsample give their tops."""

from __future__ import annotations

from collections.abc import Sequence

from common.messages import shape_text

from ..caffe_pb2 import InterpParameter, UpsampleParameter

Size = tuple[int, int]


class SizeError(ValueError):
    """Sizes that contradict each other or fit no bottom; the caller adds which layer has them."""


def cropped_size(param: InterpParameter, shape: Sequence[int]) -> Size:
    """The part of Interp's bottom that counts: `pad_beg` and `pad_end` are 0 or negative, and cut off that much.

    Raises SizeError for padding that adds pixels or leaves none, and for another bottom than N x C x H x W.
    """
    _check_axes(shape)
    if max(param.pad_beg, param.pad_end) > 0:
        raise SizeError(
            f"pad_beg is {param.pad_beg} and pad_end {param.pad_end}; expected 0, or less to cut pixels off."
        )
    height, width = (size + param.pad_beg + param.pad_end for size in shape[2:])
    if min(height, width) < 1:
        raise SizeError(f"pad_beg {param.pad_beg} and pad_end {param.pad_end} leave nothing of {shape_text(shape)}.")
    return height, width


def interp_size(param: InterpParameter, shapes: Sequence[Sequence[int]]) -> Size:
    """The size of Interp's top for bottoms of `shapes`; DeepLab's rules, in its order.

    A second bottom has the size. Otherwise shrink_factor or zoom_factor alone comes before height and width, and both
    factors come last. Raises SizeError.
    """
    size = cropped_size(param, shapes[0])
    named = [name for name in ("height", "width", "zoom_factor", "shrink_factor") if param.HasField(name)]
    if len(shapes) > 1:
        if named:
            raise SizeError(
                f"has a second bottom, whose size it takes, and also {', '.join(named)}. Remove one of them."
            )
        _check_axes(shapes[1])
        return shapes[1][2], shapes[1][3]
    if min(param.zoom_factor, param.shrink_factor) < 1:
        raise SizeError(
            f"zoom_factor is {param.zoom_factor} and shrink_factor {param.shrink_factor}; expected at least 1."
        )
    one_factor = ("zoom_factor" in named) != ("shrink_factor" in named)
    if not one_factor and {"height", "width"} <= set(named):
        size = (param.height, param.width)
    elif "zoom_factor" in named or "shrink_factor" in named:
        shrunk = [(extent - 1) // param.shrink_factor + 1 for extent in size]
        size = ((shrunk[0] - 1) * param.zoom_factor + 1, (shrunk[1] - 1) * param.zoom_factor + 1)
    else:
        raise SizeError("says no size. Write height and width, zoom_factor, shrink_factor, or a second bottom.")
    if min(size) < 1:
        raise SizeError(f"height is {param.height} and width {param.width}; expected at least 1.")
    return size


def upsample_size(param: UpsampleParameter, shapes: Sequence[Sequence[int]]) -> Size:
    """The size of Upsample's top: darknet2caffe's with one bottom, SegNet's with a second one, the mask. Raises SizeError."""
    _check_axes(shapes[0])
    height, width = shapes[0][2:]
    if len(shapes) == 1:
        return _repeated(param, height, width)
    if tuple(shapes[1]) != tuple(shapes[0]):
        raise SizeError(
            f"its mask is {shape_text(shapes[1])}, but its first bottom {shape_text(shapes[0])}. "
            "The mask is the second top of the Pooling that made the bottom as small."
        )
    if param.HasField("upsample_h") and param.HasField("upsample_w"):
        size = (param.upsample_h, param.upsample_w)
        if min(size) < 2:
            raise SizeError(f"upsample_h is {size[0]} and upsample_w {size[1]}; expected at least 2.")
        return size
    sides = (param.scale_h, param.scale_w) if param.HasField("scale_h") else (param.scale or 2,) * 2
    if min(sides) < 2:
        raise SizeError(f"its scale is {shape_text(sides)}; expected at least 2, or upsample_h and upsample_w.")
    pads = (param.pad_out_h, param.pad_out_w)
    if any(pad and side != 2 for pad, side in zip(pads, sides, strict=True)):
        raise SizeError(f"pad_out_h and pad_out_w need a scale of 2; found {shape_text(sides)}.")
    return height * sides[0] - pads[0], width * sides[1] - pads[1]


def _repeated(param: UpsampleParameter, height: int, width: int) -> Size:
    others = [descriptor.name for descriptor, _ in param.ListFields() if descriptor.name != "scale"]
    if others:
        raise SizeError(
            f"has {', '.join(others)} and no mask. Forks disagree about what that means. Write scale, or give it the mask "
            "as its second bottom."
        )
    if param.scale < 1:
        raise SizeError("needs a scale of at least 1: forks have different defaults.")
    return height * param.scale, width * param.scale


def _check_axes(shape: Sequence[int]) -> None:
    if len(shape) != 4:
        raise SizeError(f"expected a bottom of 4 axes (N x C x H x W); found {shape_text(shape)}.")

"""The inputs of a net: their shapes, which of them take pictures, and another size or batch for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from caffe_io.caffe_pb2 import NetParameter
from caffe_io.net_state import option_for
from common.errors import UsageError
from common.messages import shape_text

from ..errors import ConversionError

Shape = tuple[int, ...]


def declared_shapes(
    net: NetParameter, net_file: str = "deploy prototxt", unfiltered: NetParameter | None = None
) -> dict[str, Shape]:
    """Return the shapes of the input blobs as the prototxt gives them, in the order of the net; () where it gives none.

    `net` is filtered for its state; the message names the inputs that this left out of `unfiltered`. Raises
    ConversionError for a net without inputs, or with shapes for others than its tops.
    """
    shapes: dict[str, Shape] = {}
    for layer in net.layer:
        if layer.type != "Input":
            continue
        given = [tuple(shape.dim) for shape in layer.input_param.shape] or [()]
        given = given * len(layer.top) if len(given) == 1 else given
        if len(given) != len(layer.top):
            raise ConversionError(
                f'{net_file}: Input layer "{layer.name}" has {len(layer.top)} tops and shapes '
                f"{', '.join(map(shape_text, given))}; expected one shape for each top, or one for all."
            )
        shapes.update(zip(layer.top, given, strict=True))
    if not shapes:
        raise ConversionError(
            f"{net_file}: has no Input layer in this state{option_for(unfiltered or net, 'Input')}; "
            "expected one with a top of the shape N x C x H x W. "
            "Give --model the deploy net: a net for training has Data layers."
        )
    return shapes


def input_shapes(net: NetParameter, net_file: str = "deploy prototxt") -> dict[str, Shape]:
    """Return what `declared_shapes` does, but raise ConversionError if a size is missing or below 1."""
    shapes = declared_shapes(net, net_file)
    for name, dims in shapes.items():
        if not dims or min(dims) < 1:
            raise ConversionError(
                f'{net_file}: the input "{name}" has the shape {shape_text(dims) if dims else "none"}; expected sizes of '
                f"1 or more. Correct it, or give --input_shape, such as {_example(shapes, name)}."
            )
    return shapes


def refuse_placeholders(shapes: Mapping[str, Shape], net_file: str) -> None:
    """Raise ConversionError if the only picture is one pixel large: such a net gets its size when it runs."""
    if pictures(shapes):
        return
    for name, dims in shapes.items():
        if len(dims) == 4 and dims[1] in (1, 3) and dims[2:] == (1, 1):
            raise ConversionError(
                f'{net_file}: the input "{name}" is {shape_text(dims)}, pictures of one pixel. In such a net the sizes are '
                f"placeholders, which a program sets when it runs. Give --input_shape, such as {_example(shapes, name)}; "
                f"--input_shape {_example(shapes, name, 1)} compiles it for single pixels."
            )


def pictures(shapes: Mapping[str, Shape]) -> list[str]:
    """Return the names of the inputs that take pictures, as bytes. The others take numbers.

    A picture has four axes and more than one row and column. It has 1 or 3 channels; the first such input of a net may
    have others, fewer than rows and columns: feature maps have more.
    """
    names: list[str] = []
    for name, dims in shapes.items():
        if len(dims) != 4 or min(dims[2:]) < 2:
            continue
        if dims[1] in (1, 3) or (not names and dims[1] < min(dims[2:])):
            names.append(name)
    return names


def given_shapes(declared: Mapping[str, Shape], given: Sequence[Shape]) -> dict[str, Shape]:
    """Return the shapes of --input_shape, which has one for each input, in the order of the net."""
    if len(given) != len(declared):
        raise UsageError(
            f"--input_shape: has {len(given)} shapes, but the net has {len(declared)} inputs: "
            f"{', '.join(f'{name} {shape_text(dims)}' for name, dims in declared.items())}. Give one for each, in this order."
        )
    shapes = dict(zip(declared, given, strict=True))
    for name, dims in shapes.items():
        if declared[name] and len(dims) != len(declared[name]):
            raise UsageError(
                f'--input_shape: gives "{name}" the shape {shape_text(dims)}, but the net declares '
                f"{shape_text(declared[name])}; expected as many axes."
            )
    return shapes


def with_shapes(net: NetParameter, shapes: Mapping[str, Shape]) -> NetParameter:
    """Return a copy of `net` whose inputs have these shapes."""
    changed = NetParameter()
    changed.CopyFrom(net)
    for layer in changed.layer:
        if layer.type == "Input":
            del layer.input_param.shape[:]
            for top in layer.top:
                layer.input_param.shape.add(dim=shapes[top])
    return changed


def _example(shapes: Mapping[str, Shape], wanted: str, side: int = 224) -> str:
    """An --input_shape for all inputs, in which the sides of the picture `wanted` are `side`."""
    texts = []
    for name, dims in shapes.items():
        example = dims
        if name == wanted:
            example = (1, dims[1] if len(dims) == 4 and dims[1] > 0 else 3, side, side)
        texts.append(f"[{','.join(map(str, example))}]")
    return ",".join(texts)

"""Layers that join, cut, reorder, reduce, select or pass on numbers, against Caffe."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kits.oracle import saw
from kits.oracle_layers import Array, CaffeRefuses, Judge, both_refuse, compare, net_text, our_net, run_ours
from training.errors import LayerError

pytestmark = pytest.mark.oracle
SHAPE = (2, 3, 4, 5)


def numbers(shape: tuple[int, ...], seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def layer(kind: str, settings: str = "", bottoms: str = "x", tops: str = "y") -> str:
    blobs = " ".join(f'bottom: "{name}"' for name in bottoms) + " ".join(f' top: "{name}"' for name in tops)
    return f'layer {{ name: "it" type: "{kind}" {blobs} {settings} }}'


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize(
    "settings", ["", "coeff", "operation: PROD", "operation: PROD stable_prod_grad: false", "operation: MAX"]
)
def test_eltwise(judge: Judge, settings: str, count: int) -> None:
    coeffs = " ".join(f"coeff: {value}" for value in (1, -0.5, 2, 0)[:count])
    text = layer("Eltwise", f"eltwise_param {{ {settings.replace('coeff', coeffs)} }}", "abcd"[:count])
    data = {name: numbers(SHAPE, seed) for seed, name in enumerate("abcd"[:count])}
    # Many are equal then, and one of them gets the gradient.
    if "MAX" in settings:
        data = {name: np.round(values) for name, values in data.items()}
    compare(judge, text, data)


@pytest.mark.parametrize("stable", [True, False])
def test_a_product_with_a_zero(judge: Judge, stable: bool) -> None:
    """Without stable_prod_grad, the product is divided by each bottom."""
    data = {name: numbers((2, 3), seed) for seed, name in enumerate("abc")}
    data["b"][0] = 0
    text = layer("Eltwise", f"eltwise_param {{ operation: PROD stable_prod_grad: {str(stable).lower()} }}", "abc")
    text = net_text(text, {name: values.shape for name, values in data.items()})
    diffs = {"y": numbers((2, 3), 3)}
    mine, theirs = run_ours(our_net(text), data, {}, diffs), judge.run(text, data, diffs=diffs)
    for name in "abc":
        np.testing.assert_allclose(mine.diff[name], theirs.diff[name], rtol=1e-5)
    assert np.isnan(mine.diff["b"][0]).all() != stable


def test_eltwise_of_a_blob_with_itself(judge: Judge) -> None:
    for operation in ("SUM", "PROD", "MAX"):
        compare(judge, layer("Eltwise", f"eltwise_param {{ operation: {operation} }}", "xx"), {"x": numbers(SHAPE)})


@pytest.mark.parametrize("axis", ["", "axis: 0", "axis: -2", "axis: 3", "concat_dim: 2"])
def test_concat(judge: Judge, axis: str) -> None:
    along = {"": 1, "axis: 0": 0, "axis: -2": 2, "axis: 3": 3, "concat_dim: 2": 2}[axis]
    for count in (1, 3):
        shapes = [tuple(n + 1 if i == along else size for i, size in enumerate(SHAPE)) for n in range(count)]
        data = {name: numbers(shape, seed) for seed, (name, shape) in enumerate(zip("abc", shapes, strict=False))}
        compare(judge, layer("Concat", f"concat_param {{ {axis} }}", "abc"[:count]), data)


@pytest.mark.parametrize(
    ("settings", "tops"),
    [
        ("", "abc"),
        ("", "a"),
        ("axis: 3 slice_point: 1 slice_point: 4", "abc"),
        ("axis: -2", "ab"),
        ("slice_dim: 2 slice_point: 3", "ab"),
        ("axis: 0 slice_point: 1", "ab"),
    ],
)
def test_slice(judge: Judge, settings: str, tops: str) -> None:
    compare(judge, layer("Slice", f"slice_param {{ {settings} }}", tops=tops), {"x": numbers(SHAPE)})


def test_split_and_silence(judge: Judge) -> None:
    compare(judge, layer("Split", tops="abc"), {"x": numbers(SHAPE)})
    compare(judge, layer("Split", tops="a"), {"x": numbers(SHAPE)})
    compare(judge, layer("Silence", bottoms="xz", tops=""), {"x": numbers(SHAPE), "z": numbers((2,))})
    half = 'layer { name: "half" type: "Silence" bottom: "a" }'
    compare(judge, layer("Split", tops="ab") + half, {"x": numbers(SHAPE)})


@pytest.mark.parametrize(
    "settings", ["", "axis: 0", "axis: 2", "axis: 1 end_axis: 2", "axis: -2 end_axis: -2", "axis: 2 end_axis: 1"]
)
def test_flatten(judge: Judge, settings: str) -> None:
    compare(judge, layer("Flatten", f"flatten_param {{ {settings} }}"), {"x": numbers(SHAPE)})


@pytest.mark.parametrize(
    ("axes", "dims"),
    [
        ("", (0, -1)),
        ("", (-1,)),
        ("", (0, 0, 20)),
        ("", (5, 4, 3, 2)),
        ("", (0, 3, -1, 2)),
        ("axis: 1", (-1,)),
        ("axis: 1", (2, 0, 2, 3, 5)[:0]),
        ("axis: 2 num_axes: 1", (2, -1)),
        ("axis: 1 num_axes: 2", (0, 4)),
        ("axis: 1 num_axes: 0", (1, 1)),
        ("axis: -1", (1,)),
        ("axis: -2 num_axes: 1", (5, 1)),
        ("axis: 4", (1, -1)),
    ],
)
def test_reshape(judge: Judge, axes: str, dims: tuple[int, ...]) -> None:
    shape = " ".join(f"dim: {size}" for size in dims)
    text = layer("Reshape", f"reshape_param {{ {axes} shape {{ {shape} }} }}")
    # That would drop all axes but the first, and their numbers.
    if axes == "axis: 1" and not dims:
        both_refuse(judge, text, {"x": SHAPE})
        return
    compare(judge, text, {"x": numbers(SHAPE)})


@pytest.mark.parametrize("order", [(0, 2, 3, 1), (3, 1), (), (1, 0, 2, 3)])
def test_permute(judge: Judge, order: tuple[int, ...]) -> None:
    """Compare the SSD fork's layer with numpy's transpose, and its gradient by hand, because Caffe has nothing like it."""
    whole = [*order, *(axis for axis in range(4) if axis not in order)]
    settings = " ".join(f"order: {axis}" for axis in order)
    net = our_net(net_text(layer("Permute", f"permute_param {{ {settings} }}"), {"x": SHAPE}))
    x = torch.from_numpy(numbers(SHAPE)).requires_grad_()
    net.forward({"x": x})
    expected = numbers(SHAPE).transpose(whole)
    assert net.shapes["y"] == expected.shape
    np.testing.assert_array_equal(net.blobs["y"].detach().numpy(), expected)
    weight = numbers(expected.shape, 1)
    (net.blobs["y"] * torch.from_numpy(weight)).sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), weight.transpose(np.argsort(whole)))
    saw("Permute", "forward")
    saw("Permute", "backward")


@pytest.mark.parametrize(
    ("settings", "like"),
    [
        ("", (9, 9, 2, 3)),
        ("offset: 1", (1, 1, 3, 4)),
        ("offset: 1 offset: 2", (1, 1, 3, 2)),
        ("axis: 1 offset: 2 offset: 0 offset: 1", (7, 1, 4, 4)),
        ("axis: -1 offset: 2", (1, 1, 1, 3)),
        ("axis: 0", (1, 2, 3, 4)),
    ],
)
def test_crop(judge: Judge, settings: str, like: tuple[int, ...]) -> None:
    text = layer("Crop", f"crop_param {{ {settings} }}", "xz")
    compare(judge, text, {"x": numbers(SHAPE), "z": numbers(like)})


@pytest.mark.parametrize("settings", ["tiles: 3", "axis: 0 tiles: 2", "axis: -1 tiles: 2", "axis: 2 tiles: 1"])
def test_tile(judge: Judge, settings: str) -> None:
    compare(judge, layer("Tile", f"tile_param {{ {settings} }}"), {"x": numbers(SHAPE)})


@pytest.mark.parametrize("operation", ["SUM", "ASUM", "SUMSQ", "MEAN"])
@pytest.mark.parametrize("settings", ["", "axis: 1 coeff: -0.5", "axis: -1 coeff: 2"])
def test_reduction(judge: Judge, operation: str, settings: str) -> None:
    text = layer("Reduction", f"reduction_param {{ operation: {operation} {settings} }}")
    x = numbers(SHAPE)
    compare(judge, text, {"x": np.where(x > 1, 0, x)})


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4, 5), (4,), (2, 3, 2, 2, 2)])
@pytest.mark.parametrize("out", ["", "out_max_val: true"])
def test_argmax(judge: Judge, shape: tuple[int, ...], out: str) -> None:
    # Many are equal.
    x = np.round(numbers(shape))
    for top_k in (1, 3)[: 1 if len(shape) == 1 else 2]:
        compare(judge, layer("ArgMax", f"argmax_param {{ top_k: {top_k} {out} }}"), {"x": x}, backward=False)
    for axis, size in ((0, shape[0]), (-1, shape[-1]), (len(shape) // 2, shape[len(shape) // 2])):
        settings = f"argmax_param {{ axis: {axis} top_k: {min(2, size)} {out} }}"
        compare(judge, layer("ArgMax", settings), {"x": x}, backward=False)


def test_parameter(judge: Judge) -> None:
    text = layer("Parameter", "parameter_param { shape { dim: 2 dim: 3 } }", bottoms="")
    compare(judge, text, {})
    product = 'layer { name: "e" type: "Eltwise" bottom: "x" bottom: "y" top: "z" eltwise_param { operation: PROD } }'
    compare(judge, text + product, {"x": numbers((2, 3))}, note="Parameter")


def weighed(top: str = "y", by: str = "r") -> str:
    """Write a loss that sums a blob, each number times one of an input.

    force_backward must be off where an index has no gradient, and Caffe then goes back only from losses.
    """
    return (
        f'layer {{ name: "p{top}" type: "Eltwise" bottom: "{top}" bottom: "{by}" top: "p{top}" '
        f'eltwise_param {{ operation: PROD }} }} layer {{ name: "s{top}" type: "Reduction" bottom: "p{top}" top: "s{top}" '
        "loss_weight: 1 }"
    )


def factors(bottom: str) -> str:
    """Write a factor for each number of a blob, named after it; its gradient shows the blob's gradient."""
    settings = "scale_param { axis: 0 num_axes: -1 }"
    return f'layer {{ name: "f{bottom}" type: "Scale" bottom: "{bottom}" top: "f{bottom}" {settings} }}'


def test_batch_reindex(judge: Judge) -> None:
    data = {"x": numbers((3, 2, 2)), "i": np.float32([2, 0, 0, 1, 2]), "r": numbers((5, 2, 2), 1)}
    text = factors("x") + layer("BatchReindex", bottoms="xi").replace('"x"', '"fx"')
    compare(judge, text + weighed(), data, force=False, note="BatchReindex")
    net = net_text(text, {"x": (3, 2), "i": (2,)}, force=False)
    with pytest.raises(CaffeRefuses, match="greater than batch size"):
        judge.run(net, {"i": np.float32([0, 3])}, backward=False)
    with pytest.raises(LayerError, match="index 3 is out of range; expected 0 to 2"):
        our_net(net).forward({"x": torch.zeros(3, 2), "i": torch.tensor([0.0, 3.0])})


@pytest.mark.parametrize("bias", ["true", "false"])
def test_embed(judge: Judge, bias: str) -> None:
    text = layer("Embed", f"embed_param {{ num_output: 3 input_dim: 5 bias_term: {bias} }}")
    data = {"x": np.float32([[1, 4, 0], [1, 1, 2]]), "r": numbers((2, 3, 3))}
    compare(judge, text + weighed(), data, force=False, note="Embed")


@pytest.mark.parametrize("selector", [(1, 0, 2, 0), (1, 1, 1, 1), (0, 0, 0, 7)])
def test_filter(judge: Judge, selector: tuple[int, ...]) -> None:
    data = {"a": numbers((4, 2, 3), 1), "b": numbers((4,), 2), "s": np.float32(selector).reshape(4, 1)}
    text = factors("a") + factors("b") + layer("Filter", bottoms="abs", tops="yz")
    text = text.replace('bottom: "a" bottom: "b"', 'bottom: "fa" bottom: "fb"')
    compare(judge, text, data, backward=False)
    kept = np.flatnonzero(selector)
    rest = {"r": numbers((4, 2, 3), 3), "q": numbers((4,), 4)}
    # Filtered like the blobs themselves, so that the weights fit what is left of them.
    text = text.replace('bottom: "s"', 'bottom: "r" bottom: "q" bottom: "s"').replace(
        'top: "z"', 'top: "z" top: "t" top: "u"'
    )
    ours = compare(judge, text + weighed("y", "t") + weighed("z", "u"), data | rest, force=False, note="Filter")
    assert ours.data["y"].shape == (len(kept), 2, 3)


def test_input(judge: Judge) -> None:
    """Test several tops of one shape, and one shape for each."""
    for shapes in ("shape { dim: 2 dim: 3 }", "shape { dim: 2 dim: 3 } shape { dim: 4 }"):
        text = f'layer {{ name: "it" type: "Input" top: "a" top: "b" input_param {{ {shapes} }} }}'
        assert our_net(text).shapes == {n: v.shape for n, v in judge.run(text, backward=False).data.items()}
    saw("Input", "forward")


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ('layer { name: "it" type: "Input" top: "a" top: "b" input_param { } }', {}),
        (layer("Eltwise"), {"x": SHAPE}),
        (layer("Eltwise", bottoms="xz"), {"x": SHAPE, "z": (2, 3)}),
        (layer("Eltwise", "eltwise_param { coeff: 1 }", bottoms="xz"), {"x": SHAPE, "z": SHAPE}),
        (layer("Eltwise", "eltwise_param { operation: PROD coeff: 1 coeff: 1 }", "xz"), {"x": SHAPE, "z": SHAPE}),
        (layer("Concat", bottoms="xz"), {"x": SHAPE, "z": (2, 3)}),
        (layer("Concat", bottoms="xz"), {"x": (2, 3), "z": (3, 3)}),
        (layer("Concat", "concat_param { axis: 1 concat_dim: 1 }"), {"x": SHAPE}),
        (layer("Concat", "concat_param { axis: 4 }"), {"x": SHAPE}),
        (layer("Slice", tops="ab"), {"x": SHAPE}),
        (layer("Slice", "slice_param { slice_point: 1 slice_point: 1 }", tops="abc"), {"x": SHAPE}),
        (layer("Slice", "slice_param { slice_point: 1 }", tops="abc"), {"x": SHAPE}),
        (layer("Slice", "slice_param { slice_point: 4 }", tops="ab"), {"x": SHAPE}),
        (layer("Slice", "slice_param { axis: 1 slice_dim: 1 }", tops="abc"), {"x": SHAPE}),
        (layer("Flatten", "flatten_param { axis: 3 end_axis: 1 }"), {"x": SHAPE}),
        (layer("Flatten", tops="x"), {"x": SHAPE}),
        (layer("Reshape", "reshape_param { shape { dim: 7 dim: -1 } }"), {"x": SHAPE}),
        (layer("Reshape", "reshape_param { shape { dim: -1 dim: -1 } }"), {"x": SHAPE}),
        (layer("Reshape", "reshape_param { shape { dim: 2 dim: 3 } }"), {"x": SHAPE}),
        (layer("Reshape", "reshape_param { shape { dim: 2 dim: 3 dim: 0 dim: 5 dim: 0 } }"), {"x": SHAPE}),
        (layer("Reshape", "reshape_param { axis: 2 num_axes: 3 shape { dim: -1 } }"), {"x": SHAPE}),
        (layer("Reshape", "reshape_param { axis: 5 shape { dim: 1 } }"), {"x": SHAPE}),
        (layer("Reshape", "reshape_param { axis: -6 shape { dim: 1 } }"), {"x": SHAPE}),
        (layer("Crop", "crop_param { offset: 3 }", "xz"), {"x": SHAPE, "z": (1, 1, 2, 2)}),
        (layer("Crop", "crop_param { axis: 1 offset: 1 offset: 1 }", "xz"), {"x": SHAPE, "z": (1, 1, 2, 2)}),
        (layer("Crop", bottoms="xz"), {"x": SHAPE, "z": (1, 1, 2)}),
        (layer("Crop"), {"x": SHAPE}),
        (layer("Tile"), {"x": SHAPE}),
        (layer("Tile", "tile_param { tiles: 0 }"), {"x": SHAPE}),
        (layer("Reduction", "reduction_param { axis: 4 }"), {"x": SHAPE}),
        (layer("ArgMax", "argmax_param { top_k: 0 }"), {"x": SHAPE}),
        (layer("ArgMax", "argmax_param { top_k: 61 }"), {"x": SHAPE}),
        (layer("ArgMax", "argmax_param { top_k: 4 axis: 1 }"), {"x": SHAPE}),
        (layer("Silence"), {"x": SHAPE}),
        (layer("Parameter", "parameter_param { shape { dim: 2 } }"), {"x": SHAPE}),
        (layer("Split", tops="x"), {"x": SHAPE}),
        (layer("Embed", "embed_param { num_output: 3 }"), {"x": SHAPE}),
        (layer("Embed", "embed_param { input_dim: 3 }"), {"x": SHAPE}),
        (layer("BatchReindex", bottoms="xi"), {"x": SHAPE, "i": (2, 1)}),
        (layer("Filter", bottoms="xs"), {"x": SHAPE, "s": (2, 2)}),
        (layer("Filter", bottoms="xs"), {"x": SHAPE, "s": (3,)}),
        (layer("Filter", bottoms="xs", tops="yz"), {"x": SHAPE, "s": (2,)}),
    ],
)
def test_both_refuse(judge: Judge, text: str, shapes: dict[str, tuple[int, ...]]) -> None:
    ours, theirs = both_refuse(judge, text, shapes)
    assert 'layer "it"' in ours, (ours, theirs)

"""Convolution layers against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kits.ncs import net_of, pixels, run_net, values
from ncs.converter import convert
from ncs.errors import ConversionError


def layer(param: str) -> str:
    return f'layer {{ name: "c" type: "Convolution" bottom: "data" top: "c" convolution_param {{ {param} }} }}'


@pytest.mark.parametrize(
    ("param", "shape", "options"),
    [
        ("num_output: 4 kernel_size: 3", (4, 6, 3, 3), {}),
        ("num_output: 4 kernel_size: 3 pad: 1 stride: 2", (4, 6, 3, 3), {"padding": 1, "stride": 2}),
        ("num_output: 4 kernel_size: 2 stride: 3", (4, 6, 2, 2), {"stride": 3}),  # 9 x 8: something is left over
        ("num_output: 4 kernel_size: 3 dilation: 2", (4, 6, 3, 3), {"dilation": 2}),
        ("num_output: 4 kernel_size: 3 group: 2", (4, 3, 3, 3), {"groups": 2}),
        ("num_output: 6 kernel_size: 3 group: 6", (6, 1, 3, 3), {"groups": 6}),
        (
            "num_output: 4 kernel_h: 1 kernel_w: 3 pad_h: 0 pad_w: 2 stride_h: 2 stride_w: 1",
            (4, 6, 1, 3),
            {"padding": (0, 2), "stride": (2, 1)},
        ),
        (
            "num_output: 4 kernel_size: 1 kernel_size: 3 pad: 0 pad: 1 stride: 2 stride: 1 dilation: 1 dilation: 2",
            (4, 6, 1, 3),
            {"padding": (0, 1), "stride": (2, 1), "dilation": (1, 2)},
        ),
    ],
)
def test_equals_torch(param: str, shape: tuple[int, ...], options: dict[str, object]) -> None:
    picture = pixels((1, 6, 9, 8))
    weight, bias = values(*shape), values(shape[0], seed=2)
    got = run_net(layer(param), picture, {"c": [weight, bias]})["c"]
    centred = torch.from_numpy(picture.astype(np.float32) - 128)
    expected = torch.nn.functional.conv2d(centred, torch.from_numpy(weight), torch.from_numpy(bias), **options)  # type: ignore[arg-type]
    assert got.shape == tuple(expected.shape)
    np.testing.assert_allclose(got, expected.numpy(), rtol=1e-5, atol=1e-2)  # sums of numbers up to 128


def test_without_bias() -> None:
    picture, weight = pixels((1, 3, 9, 8)), values(2, 3, 1, 1)
    got = run_net(layer("num_output: 2 kernel_size: 1 bias_term: false"), picture, {"c": [weight]})["c"]
    expected = np.einsum("oc,nchw->nohw", weight[:, :, 0, 0], picture.astype(np.float32) - 128)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-2)


def test_bias_of_a_legacy_file() -> None:
    picture, weight, bias = pixels(), values(4, 3, 3, 3), values(4)
    new = run_net(layer("num_output: 4 kernel_size: 3"), picture, {"c": [weight, bias]})
    old = run_net(layer("num_output: 4 kernel_size: 3"), picture, {"c": [weight, bias.reshape(1, 1, 1, 4)]})
    np.testing.assert_array_equal(new["c"], old["c"])


@pytest.mark.parametrize(
    ("param", "blobs", "words"),
    [
        ("num_output: 4 kernel_size: 5", [values(4, 3, 3, 3), values(4)], ["blob 0", "4x3x3x3", "4x3x5x5"]),
        ("num_output: 4 kernel_size: 3", [values(4, 3, 3, 3), values(5)], ["blob 1", "shape 5", "expected 4"]),
        ("num_output: 4 kernel_size: 3", [values(4, 3, 3, 3)], ["2 or more", "has 1"]),
        ("num_output: 4 kernel_size: 3", [], ["1 or more", "has 0"]),
        ("num_output: 4 kernel_size: 3 group: 2", [values(4, 3, 3, 3)], ["group 2"]),
        (
            "num_output: 4 kernel_size: 20",
            [values(4, 3, 20, 20), values(4)],
            ["kernel 20x20 is larger than its bottom of 9x8 with pad 0x0."],
        ),
        ("num_output: 4", [], ["kernel_size"]),
        ("num_output: 4 kernel_size: 3 kernel_h: 3 kernel_w: 3", [], ["has both kernel_size and kernel_h/kernel_w"]),
    ],
)
def test_settings_and_weights_that_do_not_fit(param: str, blobs: list[np.ndarray], words: list[str]) -> None:
    with pytest.raises(ConversionError) as caught:
        run_net(layer(param), pixels(), {"c": blobs})
    assert 'layer "c" (Convolution)' in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def deconvolution(param: str) -> str:
    return f'layer {{ name: "d" type: "Deconvolution" bottom: "data" top: "d" convolution_param {{ {param} }} }}'


@pytest.mark.parametrize(("inputs", "outputs", "group"), [(8, 4, 4), (6, 8, 2), (4, 4, 4), (6, 4, 1)])
def test_deconvolution_in_groups(inputs: int, outputs: int, group: int) -> None:
    """The MYRIAD compiler never ends on groups of several inputs, so those are written without groups."""
    picture = pixels((1, inputs, 5, 4))
    weight, bias = values(inputs, outputs // group, 4, 4), values(outputs, seed=2)
    text = deconvolution(f"num_output: {outputs} kernel_size: 4 stride: 2 pad: 1 group: {group}")
    got = run_net(text, picture, {"d": [weight, bias]})["d"]
    centred = torch.from_numpy(picture.astype(np.float32) - 128)
    expected = torch.nn.functional.conv_transpose2d(
        centred, torch.from_numpy(weight), torch.from_numpy(bias), stride=2, padding=1, groups=group
    )
    np.testing.assert_allclose(got, expected.numpy(), rtol=1e-5, atol=1e-2)
    model = convert(net_of(text, picture.shape), {"d": [weight, bias]})
    kinds = {node.get_type_name() for node in model.get_ops()}
    assert ("GroupConvolutionBackpropData" in kinds) == (1 < group == inputs)


UPSAMPLING = "num_output: 3 group: 3 bias_term: false kernel_size: 4 stride: 2 pad: 1 weight_filler {{ {} }}"


@pytest.mark.parametrize("filler", ['type: "bilinear"', 'type: "constant" value: 0.25'])
def test_a_filler_without_chance_makes_the_weights(filler: str, caplog: pytest.LogCaptureFixture) -> None:
    picture = pixels((1, 3, 5, 4))
    got = run_net(deconvolution(UPSAMPLING.format(filler)), picture)["d"]
    side = np.array([0.25, 0.75, 0.75, 0.25]) if "bilinear" in filler else np.full(4, 0.5)
    weight = np.broadcast_to(np.outer(side, side), (3, 1, 4, 4)).astype(np.float32)
    centred = torch.from_numpy(picture.astype(np.float32) - 128)
    expected = torch.nn.functional.conv_transpose2d(
        centred, torch.from_numpy(weight.copy()), stride=2, padding=1, groups=3
    )
    np.testing.assert_allclose(got, expected.numpy(), rtol=1e-5, atol=1e-3)
    (record,) = caplog.records
    kind = filler.split('"')[1]
    assert record.getMessage() == (
        f'caffemodel: has no weights for layer "d" (Deconvolution); its {kind} filler makes them, as in Caffe.'
    )


@pytest.mark.parametrize(
    ("filler", "blobs", "words"),
    [
        ('type: "xavier"', [], "needs 1 or more blobs of weights, but caffemodel has 0"),
        # Caffe's default, which nobody chose.
        ("", [], "needs 1 or more blobs of weights"),
        ('type: "bilinear"', [values(3, 1, 3, 3)], "blob 0 in caffemodel has shape 3x1x3x3"),
    ],
)
def test_weights_that_no_filler_makes(filler: str, blobs: list[np.ndarray], words: str) -> None:
    with pytest.raises(ConversionError, match=words):
        run_net(deconvolution(UPSAMPLING.format(filler)), pixels((1, 3, 5, 4)), {"d": blobs})


def test_a_filler_that_does_not_fit() -> None:
    param = 'num_output: 3 kernel_h: 2 kernel_w: 4 bias_term: false weight_filler { type: "bilinear" }'
    with pytest.raises(ConversionError, match='filler "bilinear": expected weights of 4 axes and a square kernel'):
        run_net(deconvolution(param), pixels((1, 3, 5, 4)))


def test_more_blobs_than_the_layer_takes() -> None:
    """Caffe refuses that; a bias would be lost otherwise."""
    with pytest.raises(ConversionError, match=r"takes 1 blobs of weights, but caffemodel has 2.*bias_term: false"):
        run_net(
            layer("num_output: 2 kernel_size: 1 bias_term: false"), pixels(), {"c": [values(2, 3, 1, 1), values(2)]}
        )

"""Layers of forks, thirty or more random settings of each, against programs that know them.

Our training room, today's OpenVINO and OpenVINO 2021.4.2's CPU plugin with our IR are compared with the judge; then the same net
goes through the MYRIAD compiler. Judges are OpenCV's reader of Caffe nets, Model Optimizer 2021.4.2 with its own, Caffe 1.0 where
other layers of it compute the same, and numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from kits.forks import (
    ForkNet,
    assert_equal,
    by_model_optimizer,
    by_opencv,
    by_openvino_2021,
    compile_blob,
    converted,
    our_ir,
    trained,
)
from kits.ncs import Floats
from kits.oracle import saw
from kits.oracle_layers import Judge

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(300)]
COUNT = 30


def channels_last(net: ForkNet) -> tuple[int, int, int]:
    """Random channels, height and width."""
    return (int(net.random.integers(1, 9)), *map(int, net.random.integers(1, 14, 2)))


def numbers(net: ForkNet, *shape: int) -> Floats:
    return net.random.standard_normal(shape).astype(np.float32)


def variances(net: ForkNet, *shape: int) -> Floats:
    return (net.random.random(shape) + 0.1).astype(np.float32)


def interp(net: ForkNet) -> None:
    for _ in range(COUNT):
        c, h, w = channels_last(net)
        sizes = f"height: {net.random.integers(1, 30)} width: {net.random.integers(1, 30)}"
        setting = [sizes, f"zoom_factor: {net.random.integers(1, 5)}"][int(net.random.integers(2))]
        net.add("Interp", [net.bottom(1, c, h, w)], f"interp_param {{ {setting} }}")


def shuffle_channel(net: ForkNet) -> None:
    for _ in range(COUNT):
        group, more, (_, h, w) = int(net.random.integers(1, 6)), int(net.random.integers(1, 5)), channels_last(net)
        x = net.bottom(1, group * more, h, w)
        net.add("ShuffleChannel", [x], f"shuffle_channel_param {{ group: {group} }}")


def reorg(net: ForkNet, kind: str) -> None:
    for _ in range(COUNT):
        # OpenCV knows stride 2 alone.
        s = 2 if kind == "Reorg" else int(net.random.integers(1, 4))
        c, h, w = (int(n) for n in net.random.integers(1, 3, 3))
        x = net.bottom(1, c * s * s, h * s, w * s, again=kind == "ReorgYolo")
        field = "reorg_param" if kind == "Reorg" else "reorg_yolo_param"
        net.add(kind, [x], f"{field} {{ stride: {s} }}")


def activations(net: ForkNet, kind: str) -> None:
    for _ in range(COUNT):
        setting = ""
        if kind == "HardSigmoid":
            setting = (
                f"hardsigmoid_param {{ alpha: {net.random.uniform(0.05, 0.5):.3f} beta: {net.random.random():.3f} }}"
            )
        net.add(kind, [net.bottom(1, *channels_last(net))], setting)


def nvidia_batch_norm(net: ForkNet) -> None:
    for _ in range(COUNT):
        c, h, w = channels_last(net)
        blobs = [numbers(net, c), variances(net, c), np.ones(1, np.float32), numbers(net, c), numbers(net, c)]
        eps = f"eps: {net.random.uniform(1e-5, 1e-2):.5f}"
        net.add("BatchNorm", [net.bottom(1, c, h, w)], f"batch_norm_param {{ scale_bias: true {eps} }}", blobs)


def region(net: ForkNet, softmax: bool) -> None:
    for _ in range(COUNT):
        boxes, classes = int(net.random.integers(1, 4)), int(net.random.integers(1, 5))
        size = [(1, 1), (4, 3)][int(net.random.integers(2))]
        x = net.bottom(1, boxes * (5 + classes), *size, again=True)
        setting = f"classes: {classes} num: {boxes} do_softmax: {str(softmax).lower()} "
        setting += " ".join(f"mask: {number}" for number in range(boxes))
        net.add("RegionYolo", [x], f"region_yolo_param {{ {setting} }}")


def prior_boxes(net: ForkNet) -> None:
    picture = net.bottom(1, 3, 40, 56)
    # The boxes are constants, and the MYRIAD compiler takes no net without an input.
    net.add("ReLU", [picture])
    for _ in range(COUNT):
        cells = net.bottom(1, 2, *[(5, 7), (3, 4), (10, 1)][int(net.random.integers(3))], again=True)
        sizes = net.random.uniform(2, 60, (int(net.random.integers(1, 6)), 2)).round(1)
        setting = " ".join(f"width: {width} height: {height}" for width, height in sizes)
        steps = ["", "step: 8", "step_h: 7 step_w: 9"]
        setting += (
            f" {steps[int(net.random.integers(3))]} offset: {net.random.random():.2f} variance: 0.1 variance: 0.1"
        )
        setting += f" variance: 0.2 variance: 0.3 clip: {str(bool(net.random.integers(2))).lower()}"
        net.add("PriorBoxClustered", [cells, picture], f"prior_box_param {{ {setting} }}")


NETS: dict[str, tuple[str, Callable[[ForkNet], None], str]] = {
    "interp": ("Interp", interp, "opencv"),
    "shuffle": ("ShuffleChannel", shuffle_channel, "opencv"),
    "reorg": ("Reorg", lambda net: reorg(net, "Reorg"), "opencv"),
    "reorg_mo": ("ReorgYolo", lambda net: reorg(net, "ReorgYolo"), "mo"),
    "region": ("RegionYolo", lambda net: region(net, True), "mo"),
    "region_v3": ("RegionYolo", lambda net: region(net, False), "mo"),
    "prior_boxes": ("PriorBoxClustered", prior_boxes, "mo"),
    "mish": ("Mish", lambda net: activations(net, "Mish"), "opencv"),
    "hard_swish": ("HardSwish", lambda net: activations(net, "HardSwish"), "opencv"),
    "hard_sigmoid": ("HardSigmoid", lambda net: activations(net, "HardSigmoid"), "opencv"),
    "nvidia_batch_norm": ("BatchNorm", nvidia_batch_norm, "opencv"),
}
"""Name -> layer type, what fills the net, the judge."""


def check(net: ForkNet, judged: Mapping[str, Floats], kind: str, folder: Path) -> None:
    """Compare our rooms with what a judge computed, and compile the net."""
    assert len(net.tops) >= COUNT
    assert_equal(trained(net), judged, net)
    saw(kind, "forward")
    assert_equal(converted(net), judged, net)
    assert_equal(by_openvino_2021(net, our_ir(net, folder)), judged, net)
    saw(kind, "openvino")
    assert compile_blob(net, folder).stat().st_size > 0
    saw(kind, "myriad")


@pytest.mark.parametrize("name", NETS)
def test_as_the_judge(name: str, tmp_path: Path) -> None:
    kind, fill, judge = NETS[name]
    net = ForkNet(seed=sum(map(ord, name)))
    fill(net)
    check(net, by_opencv(net) if judge == "opencv" else by_model_optimizer(net, tmp_path), kind, tmp_path)


@pytest.mark.parametrize("segnets", [False, True])
def test_bn_as_layers_of_caffe(judge: Judge, segnets: bool, tmp_path: Path) -> None:
    """PSPNet's BN is Caffe's BatchNorm, whose third blob is 1, and Scale; SegNet's, after its scripts, is Scale."""
    net = ForkNet(seed=int(segnets))
    caffes: list[str] = []
    weights: dict[tuple[str, int], Floats] = {}
    for _ in range(COUNT):
        c, h, w = channels_last(net)
        x, eps = net.bottom(1, c, h, w), float(np.float32(net.random.uniform(1e-5, 1e-2)))
        slope, bias, mean, variance = numbers(net, c), numbers(net, c), numbers(net, c), variances(net, c)
        caffes.append(net.layers[-1])
        shape = [(c,), (1, c), (1, c, 1, 1)][int(net.random.integers(3))]
        if segnets:
            name = net.add("BN", [x], "bn_param { bn_mode: INFERENCE }", [b.reshape(shape) for b in (slope, bias)])
        else:
            blobs = [b.reshape(shape) for b in (slope, bias, mean, variance)]
            setting = f"bn_param {{ eps: {eps:.9g} {'frozen: true' if c % 2 else ''} }}"
            name = net.add("BN", [x], setting, blobs)
            norm = f"{name}n"
            caffes.append(
                f'layer {{ name: "{norm}" type: "BatchNorm" bottom: "{x}" top: "{norm}" batch_norm_param {{ eps: {eps:.9g} }} }}'
            )
            weights |= {(norm, 0): mean, (norm, 1): variance, (norm, 2): np.ones(1, np.float32)}
            x = norm
        caffes.append(
            f'layer {{ name: "{name}" type: "Scale" bottom: "{x}" top: "{name}" scale_param {{ bias_term: true }} }}'
        )
        weights |= {(name, 0): slope, (name, 1): bias}
    feed = {name: values.astype(np.float32) for name, values in net.feed.items()}
    check(net, judge.run("\n".join(caffes), feed, weights, phase="TEST", backward=False).data, "BN", tmp_path)


def test_axpy_as_layers_of_caffe(judge: Judge, tmp_path: Path) -> None:
    net = ForkNet(seed=3)
    caffes: list[str] = []
    for number in range(COUNT):
        c, h, w = channels_last(net)
        a, x, y = net.bottom(1, c, *[1] * (number % 2 * 2)), net.bottom(1, c, h, w), net.bottom(1, c, h, w)
        caffes += net.layers[-3:]
        top = net.add("Axpy", [a, x, y])
        caffes.append(
            f'layer {{ name: "{top}f" type: "Flatten" bottom: "{a}" top: "{top}f" }}'
            f'layer {{ name: "{top}s" type: "Scale" bottom: "{x}" bottom: "{top}f" top: "{top}s" scale_param {{ axis: 0 }} }}'
            f'layer {{ name: "{top}" type: "Eltwise" bottom: "{top}s" bottom: "{y}" top: "{top}" }}'
        )
    feed = {name: values.astype(np.float32) for name, values in net.feed.items()}
    check(net, judge.run("\n".join(caffes), feed, phase="TEST", backward=False).data, "Axpy", tmp_path)


def test_interp_as_its_formula(tmp_path: Path) -> None:
    """With factors, padding and a second bottom, which OpenCV and Model Optimizer do not compute as DeepLab does."""
    net = ForkNet(seed=4)
    judged: dict[str, Floats] = {}
    for number in range(2 * COUNT):
        c, h, w = channels_last(net)
        zoom, shrink, begin, end = (int(n) for n in net.random.integers((1, 1, -1, -1), (5, 5, 1, 1)))
        h, w = h + 2, w + 2
        x = net.bottom(1, c, h, w)
        values = net.feed[x[:-1]] * 0.0234375 - 3
        inner = values[:, :, -begin : h + end, -begin : w + end]
        size = [((n - 1) // shrink) * zoom + 1 for n in inner.shape[2:]]
        setting, bottoms = f"zoom_factor: {zoom} shrink_factor: {shrink}", [x]
        if number % 3 == 0:
            setting, size = f"shrink_factor: {shrink}", [(n - 1) // shrink + 1 for n in inner.shape[2:]]
        if number % 3 == 1:
            size = list(map(int, net.random.integers(1, 20, 2)))
            setting = ""
            bottoms.append(net.bottom(1, 2, *size))
            net.add("ReLU", bottoms[1:], out=False)
        top = net.add("Interp", bottoms, f"interp_param {{ {setting} pad_beg: {begin} pad_end: {end} }}")
        rows, columns = (tents(old, new) for old, new in zip(inner.shape[2:], size, strict=True))
        judged[top] = np.einsum("ih,nchw,jw->ncij", rows, inner, columns).astype(np.float32)
    check(net, judged, "Interp", tmp_path)


def tents(old: int, new: int) -> Floats:
    """The share that each of `old` pixels in a row has in each of `new`: the first and the last lie on each other."""
    places = np.arange(new) * ((old - 1) / (new - 1) if new > 1 else 0)
    return np.clip(1 - np.abs(places[:, None] - np.arange(old)), 0, 1).astype(np.float32)


def test_norm_l2_as_its_formula(tmp_path: Path) -> None:
    net = ForkNet(seed=5)
    judged: dict[str, Floats] = {}
    for number in range(COUNT):
        x = net.bottom(1, int(net.random.integers(1, 40)), *[1] * (number % 2 * 2))
        values = net.feed[x[:-1]] * 0.0234375 - 3
        judged[net.add("NormL2", [x])] = (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)
    check(net, judged, "NormL2", tmp_path)


def test_upsample_as_numpys_kron(tmp_path: Path) -> None:
    net = ForkNet(seed=1)
    judged: dict[str, Floats] = {}
    for _ in range(COUNT):
        scale = int(net.random.integers(1, 6))
        x = net.bottom(1, *channels_last(net))
        top = net.add("Upsample", [x], f"upsample_param {{ scale: {scale} }}")
        values = net.feed[x[:-1]].astype(np.float32) * np.float32(0.0234375) - 3
        judged[top] = np.kron(values, np.ones((1, 1, scale, scale), np.float32))
    check(net, judged, "Upsample", tmp_path)


@pytest.mark.parametrize("ties", [False, True])
def test_unpooling_by_the_mask_of_caffes_pooling(judge: Judge, ties: bool, tmp_path: Path) -> None:
    """What is put back are other numbers than those that were pooled. Ties are zeros, as after a ReLU."""
    net = ForkNet(seed=2)
    pools: list[tuple[str, str, str, tuple[int, int]]] = []
    for number in range(COUNT):
        c, h, w = channels_last(net)
        kernel = (2, 2) if number % 2 else (int(net.random.integers(1, 4)), int(net.random.integers(1, 4)))
        h, w = h + 2, w + 2
        x = net.bottom(1, c, h, w, distinct=True)
        if ties:
            net.layers.append(f'layer {{ name: "r{number}" type: "ReLU" bottom: "{x}" top: "{x}" }}')
        net.layers.append(
            f'layer {{ name: "p{number}" type: "Pooling" bottom: "{x}" top: "p{number}" top: "m{number}" pooling_param {{ '
            f"kernel_h: {kernel[0]} kernel_w: {kernel[1]} stride_h: {kernel[0]} stride_w: {kernel[1]} }} }}"
        )
        net.layers.append(
            f'layer {{ name: "s{number}" type: "Power" bottom: "p{number}" top: "s{number}" '
            "power_param { scale: -2 shift: 1 } }"
        )
        pools.append((f"s{number}", f"m{number}", x, (h, w)))
    feed = {name: values.astype(np.float32) for name, values in net.feed.items()}
    theirs = judge.run(net.text, feed, phase="TEST", backward=False).data
    judged = {}
    for small, mask, _, size in pools:
        setting = f"upsample_param {{ upsample_h: {size[0]} upsample_w: {size[1]} }}"
        top = net.add("Upsample", [small, mask], setting)
        n, c = theirs[small].shape[:2]
        flat = np.zeros((n * c, size[0] * size[1]), np.float32)
        np.put_along_axis(flat, theirs[mask].reshape(n * c, -1).astype(int), theirs[small].reshape(n * c, -1), 1)
        judged[top] = flat.reshape(n, c, *size)
    check(net, judged, "Upsample", tmp_path)

"""Compares with Caffe nets with a layer in place on a blob that shares its memory with others, and diffs that are lost."""

from __future__ import annotations

import numpy as np
import pytest

from kits.oracle_layers import Judge, compare, net_text, our_net, run_ours

pytestmark = pytest.mark.oracle

SHAPE = (2, 3, 4, 4)
X = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
IP = "inner_product_param { num_output: 5 }"
CONVOLUTION = "convolution_param { num_output: 2 kernel_size: 3 }"
RESHAPE = "reshape_param { shape { dim: 0 dim: 4 dim: -1 } }"
PARAMETER = 'layer { name: "p" type: "Parameter" top: "p" parameter_param { shape { dim: 3 dim: 4 } } }'


def layers(*texts: str) -> str:
    """The layers, each written "Type bottom,bottom top settings", with their numbers as names."""
    written = []
    for number, text in enumerate(texts):
        kind, bottoms, top, *settings = text.split(" ", 3)
        blobs = " ".join(f'bottom: "{name}"' for name in bottoms.split(",")) + f' top: "{top}"'
        written.append(f'layer {{ name: "{number}" type: "{kind}" {blobs} {"".join(settings)} }}')
    return "\n".join(written)


SHARES = ["Flatten", f"Reshape {RESHAPE}", "Concat", "Slice", "Split"]


@pytest.mark.parametrize("sharing", SHARES)
def test_the_layer_before_reads_what_was_overwritten(judge: Judge, sharing: str) -> None:
    kind, _, settings = sharing.partition(" ")
    ours = compare(judge, layers("Sigmoid x s", f"{kind} s f {settings}", "TanH f f"), {"x": X}, note=kind)
    np.testing.assert_array_equal(ours.data["s"].ravel(), ours.data["f"].ravel())


IN_PLACE = [
    "BatchNorm",
    "ELU",
    "PReLU",
    "Power power_param { power: 3 scale: 0.5 shift: 0.4 }",
    "ReLU relu_param { negative_slope: 0.1 }",
    "Scale",
    "Sigmoid",
    "TanH",
]
READERS = [
    "AbsVal s a",
    "BNLL s b",
    "BatchNorm s n",
    f"Convolution s c {CONVOLUTION}",
    f"Deconvolution s d {CONVOLUTION}",
    "ELU s e",
    "Eltwise s,x m eltwise_param { operation: PROD }",
    "Eltwise s,x,s v eltwise_param { operation: PROD }",
    "Eltwise x,s v2 eltwise_param { operation: PROD stable_prod_grad: false }",
    "Eltwise s,x w eltwise_param { operation: MAX }",
    f"InnerProduct s i {IP}",
    "PReLU s p",
    "Pooling s o pooling_param { kernel_size: 2 }",
    "Power s u power_param { power: 3 scale: 0.5 shift: 0.4 }",
    "Power s same",
    "ReLU s r relu_param { negative_slope: 0.1 }",
    "Reduction s q reduction_param { operation: SUMSQ }",
    "Scale s k scale_param { bias_term: true }",
    "Softmax s z",
]


@pytest.mark.parametrize("text", IN_PLACE)
@pytest.mark.parametrize("first", ["Sigmoid x s", "Scale x s"])
def test_other_consumers_before_and_after(judge: Judge, text: str, first: str) -> None:
    """Those before compute from the numbers before, but their backward pass reads those after."""
    kind, _, settings = text.partition(" ")
    after = [
        " ".join([one.split(" ")[0], one.split(" ")[1], "2" + one.split(" ")[2], *one.split(" ")[3:]])
        for one in READERS
    ]
    texts = [first, *READERS, "Flatten s f", f"{kind} f f {settings}", f"InnerProduct f g {IP}", *after]
    ours = compare(judge, layers(*texts), {"x": X}, note=kind)
    assert np.abs(ours.data["i"] - ours.data["2i"]).max() > 0.1


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_two_that_share_one(judge: Judge, phase: str) -> None:
    texts = [
        f"Convolution x s {CONVOLUTION}", "ReLU s s", "Flatten s f", "ELU f f", f"InnerProduct f a {IP}",
        f"Reshape s r {RESHAPE}",
        "TanH r r", "Scale r r", f"InnerProduct r b {IP}", f"InnerProduct f c {IP}", f"InnerProduct s d {IP}",
    ]  # fmt: skip
    compare(judge, layers(*texts), {"x": X}, note="Flatten", phase=phase, backward=phase == "TRAIN")


def test_losses_on_both(judge: Judge) -> None:
    texts = [f"InnerProduct x s {IP}", "Flatten s f", "Sigmoid f f", "EuclideanLoss f,t l", "EuclideanLoss s,t m"]
    target = np.random.default_rng(1).standard_normal((2, 5)).astype(np.float32)
    ours = compare(judge, layers(*texts), {"x": X, "t": target}, note="Flatten")
    assert ours.data["l"] == ours.data["m"]


def test_dropout_while_testing_changes_nothing(judge: Judge) -> None:
    compare(judge, layers("Sigmoid x s", "Flatten s f", "Dropout f f", "AbsVal s a"), {"x": X}, phase="TEST")


def test_dropout_while_training(judge: Judge) -> None:
    """The slope of Sigmoid is taken at twice its value, where Dropout kept it."""
    text = net_text(layers("Sigmoid x s", "Flatten s f", "Dropout f f"), {"x": SHAPE})
    diff = np.ones((2, 48), np.float32)
    for result in (judge.run(text, {"x": X}, diffs={"f": diff}), run_ours(our_net(text), {"x": X}, {}, {"f": diff})):
        kept = result.data["s"] != 0
        assert 0.3 < kept.mean() < 0.7
        twice = 2 / (1 + np.exp(-X))
        np.testing.assert_allclose(result.diff["x"], np.where(kept, 2 * twice * (1 - twice), 0), rtol=1e-4, atol=1e-5)


def test_what_is_written_into_a_parameter_stays(judge: Judge) -> None:
    text = PARAMETER + layers("TanH p p", "Scale p k", "Eltwise k,x e")
    x = X[0, 0, :3]
    ours = compare(judge, text, {"x": x}, note="Parameter", weights={("p", 0): x}, forwards=3)
    np.testing.assert_allclose(ours.weights["p", 0], np.tanh(np.tanh(np.tanh(x))), rtol=1e-5)


def test_what_is_written_into_constant_dummy_data_stays(judge: Judge) -> None:
    dummy = """layer { name: "d" type: "DummyData" top: "d"
        dummy_data_param { shape { dim: 2 dim: 3 } data_filler { type: "constant" value: 2 } } }"""
    ours = compare(
        judge, dummy + layers("Power d d power_param { scale: 3 }"), {}, note="Power", backward=False, forwards=3
    )
    assert (ours.data["d"] == 2 * 3**3).all()


def test_what_is_written_into_memory_data_stays(judge: Judge) -> None:
    """It is written into the caller's array, and read from there when the array begins again."""
    memory = """layer { name: "m" type: "MemoryData" top: "d" top: "l"
        memory_data_param { batch_size: 2 channels: 3 height: 4 width: 4 } }"""
    text = memory + layers("Power d d power_param { scale: 3 }", "ReLU d r")
    net, given = our_net(text), np.concatenate([X, -X])
    net.set_input_arrays(given, np.zeros(4, np.float32))
    for forwards in range(1, 6):
        theirs = judge.run(
            text, backward=False, forwards=forwards, memory=(np.concatenate([X, -X]), np.zeros(4, np.float32))
        )
        net.forward()
        np.testing.assert_allclose(net.blobs["d"], theirs.data["d"], rtol=1e-5)
    np.testing.assert_allclose(net.blobs["d"], X * 27, rtol=1e-5)
    np.testing.assert_allclose(given, np.concatenate([X * 27, -X * 9]), rtol=1e-5)


CUT = ["Reshape " + RESHAPE, "Concat", "Slice"]


@pytest.mark.parametrize("sharing", CUT)
def test_a_gradient_that_caffe_loses(judge: Judge, sharing: str) -> None:
    kind, _, settings = sharing.partition(" ")
    texts = [
        f"InnerProduct x w {IP}",
        f"{kind} w r {settings.replace('4', '5')}",
        "PReLU r r",
        "Flatten r f",
        f"InnerProduct f y {IP}",
    ]
    ours = compare(judge, layers(*texts), {"x": X}, note="Flatten", rounds=2)
    assert not ours.diff["x"].any()
    assert not ours.weight_diffs["0", 0].any()
    assert ours.weight_diffs["2", 0].any()


def test_a_parameter_before_a_flatten_learns_nothing(judge: Judge) -> None:
    ours = compare(judge, PARAMETER + layers("Flatten p f", "Eltwise f,x y"), {"x": X[0, 0, :3]}, note="Flatten")
    assert not ours.weight_diffs["p", 0].any()


def test_gradients_that_caffe_keeps(judge: Judge) -> None:
    """A Split has diffs of its own, and a Flatten's diff is its bottom's."""
    texts = [
        f"InnerProduct x w {IP}", "Reshape w r reshape_param { shape { dim: 0 dim: 5 dim: 1 } }", "Flatten r f", "AbsVal r a",
        "Flatten f g", "Reshape g h reshape_param { shape { dim: 10 } }",
    ]  # fmt: skip
    ours = compare(judge, layers(*texts), {"x": X}, note="Flatten", rounds=2)
    assert ours.diff["x"].any()
    assert ours.weight_diffs["0", 0].any()


DIVIDED = "Eltwise x,x s eltwise_param { operation: PROD stable_prod_grad: false }"


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (["Swish x s", "Flatten s f", "TanH f f"], '"0" (Swish)'),
        (["MVN x s", "Flatten s f", "TanH f f"], '"0" (MVN)'),
        ([DIVIDED, "Power s s power_param { scale: 3 }"], '"0" (Eltwise)'),
        ([DIVIDED, "Flatten s f", "TanH f f"], '"0" (Eltwise)'),
        (["LRN x s", "Scale s s scale_param { filler { value: 2 } }"], '"0" (LRN)'),
        (["Power x s power_param { power: 2 }", "LRN s m", "Flatten s f", "TanH f f"], '"1" (LRN)'),
        (["Pooling x y pooling_param { kernel_size: 2 } top: \"m\"", "Power m m power_param { scale: 0 }"], '"0" (Pooling)'),
        (
            ["Softmax x s", "MultinomialLogisticLoss s,t l", "Flatten s f", "Power f f power_param { scale: 9 }"],
            '"1" (MultinomialLogisticLoss)',
        ),
    ],
)  # fmt: skip
def test_a_warning_where_we_do_not_follow(
    judge: Judge, texts: list[str], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert gradients_differ(judge, layers(*texts))
    assert f"layer {name}: in Caffe, its backward pass reads" in caplog.text


@pytest.mark.parametrize("texts", [["TanH x x loss_weight: 2"], ["TanH x x", "Reshape x r loss_weight: 2 " + RESHAPE]])
def test_a_warning_of_a_loss_weight_that_caffe_overwrites(
    judge: Judge, texts: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert gradients_differ(judge, layers(*texts))
    assert "has a loss_weight" in caplog.text


def gradients_differ(judge: Judge, texts: str) -> bool:
    """Whether the gradients of x are others, in the second of two passes."""
    data = {"x": X}
    if '"t"' in texts:
        data["t"] = np.zeros(2, np.float32)
    text = net_text(texts, {name: values.shape for name, values in data.items()})
    net = our_net(text)
    diffs = {name: np.ones(net.shapes[name], np.float32) for name in net.outputs if name not in net.objective.weights}
    ours = run_ours(net, data, {}, diffs, still=["t"], rounds=2)
    return np.abs(ours.diff["x"] - judge.run(text, data, {}, diffs, rounds=2).diff["x"]).max() > 1e-3

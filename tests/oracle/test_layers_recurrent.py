"""LSTM, RNN and LSTMUnit against Caffe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kits.oracle_layers import Array, Judge, both_refuse, compare, our_net, run_ours
from kits.whole_nets import check_training

pytestmark = [pytest.mark.oracle, pytest.mark.usefixtures("one_thread")]
STATES = {"LSTM": ("h", "c"), "RNN": ("h",)}


def layer(kind: str, outputs: int, static: bool = False, exposed: bool = False) -> str:
    """Write a recurrent layer; its states before are h0, c0, and those after h1, c1."""
    states = STATES[kind] if exposed else ()
    blobs = ['bottom: "x" bottom: "cont"', 'bottom: "s"' if static else "", 'top: "y"']
    blobs += [f'bottom: "{name}0" top: "{name}1"' for name in states]
    settings = f"num_output: {outputs} expose_hidden: {str(exposed).lower()}"
    return f'layer {{ name: "it" type: "{kind}" {" ".join(blobs)} recurrent_param {{ {settings} }} }}'


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("kind", STATES)
def test_random_settings(judge: Judge, kind: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    steps, sequences, outputs = (int(n) for n in random.integers(1, 7, 3))
    static, exposed = bool(seed % 2), bool(seed // 2 % 2)
    rest = tuple(int(n) for n in random.integers(1, 5, int(random.integers(1, 4))))
    data: dict[str, Array] = {
        "x": random.standard_normal((steps, sequences, *rest)).astype(np.float32),
        "cont": (random.random((steps, sequences)) < 0.7).astype(np.float32),
    }
    if static:
        data["s"] = random.standard_normal((sequences, 3, 2)).astype(np.float32)
    hidden = [f"{name}0" for name in STATES[kind]] if exposed else []
    data |= {name: random.standard_normal((1, sequences, outputs)).astype(np.float32) for name in hidden}
    # The state of the first pass goes into the second.
    compare(
        judge, layer(kind, outputs, static, exposed), data,
        still=["cont", *hidden], forwards=1 + seed % 3, note=kind, seed=seed,
    )  # fmt: skip


def test_gradients_add_up_over_passes(judge: Judge) -> None:
    data = {"x": np.random.default_rng(1).standard_normal((4, 2, 3)).astype(np.float32), "cont": np.ones((4, 2), "f")}
    for kind in STATES:
        compare(judge, layer(kind, 3), data, still=["cont"], rounds=3)


@pytest.mark.parametrize("seed", range(5))
def test_unit(judge: Judge, seed: int) -> None:
    """Also with a cont between 0 and 1, where Caffe's formula is not the derivative."""
    random = np.random.default_rng(seed)
    sequences, outputs = (int(n) for n in random.integers(1, 9, 2))
    shapes = {"c": (1, sequences, outputs), "x": (1, sequences, 4 * outputs)}
    data: dict[str, Array] = {k: random.standard_normal(s).astype(np.float32) for k, s in shapes.items()}
    data["cont"] = random.choice([0, 1, 0.3], (1, sequences)).astype(np.float32)
    text = 'layer { name: "it" type: "LSTMUnit" bottom: "c" bottom: "x" bottom: "cont" top: "c1" top: "h1" }'
    compare(judge, text, data, still=["cont"], seed=seed)


def test_weights_of_zero_states(judge: Judge) -> None:
    """The first pass begins with a state of zeros, even where cont says that the sequence goes on."""
    data = {"x": np.zeros((2, 3, 4), "f"), "cont": np.ones((2, 3), "f")}
    found = run_ours(our_net(_net(layer("RNN", 2), data)), data, {}, {}, backward=False)
    assert not found.data["y"].any()


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        (layer("LSTM", 2), {"x": (3, 2), "cont": (3, 2)}),
        (layer("LSTM", 2), {"x": (3, 2, 4), "cont": (2, 3)}),
        (layer("RNN", 2), {"x": (3, 2, 4), "cont": (3, 2, 1)}),
        (layer("RNN", 0), {"x": (3, 2, 4), "cont": (3, 2)}),
        (layer("LSTM", 2, static=True), {"x": (3, 2, 4), "cont": (3, 2), "s": (3, 2)}),
        (layer("LSTM", 2, static=True), {"x": (3, 2, 4), "cont": (3, 2), "s": (2,)}),
        (layer("RNN", 2, exposed=True), {"x": (3, 2, 4), "cont": (3, 2), "h0": (1, 2, 3)}),
        (layer("LSTM", 2).replace('top: "y"', 'top: "y" top: "z"'), {"x": (3, 2, 4), "cont": (3, 2)}),
    ],
)
def test_both_refuse(judge: Judge, text: str, shapes: dict[str, tuple[int, ...]]) -> None:
    ours, _ = both_refuse(judge, text, shapes)
    assert 'layer "it"' in ours


def _net(layers: str, data: dict[str, Array]) -> str:
    from kits.oracle_layers import net_text

    return net_text(layers, {name: values.shape for name, values in data.items()})


@pytest.mark.parametrize("kind", STATES)
def test_twenty_steps_of_a_solver(judge: Judge, kind: str, tmp_path: Path) -> None:
    """A net that reads sequences, trained by Caffe's solver and by ours from the same weights."""
    import h5py

    random, steps, sequences = np.random.default_rng(3), 5, 4
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["x"] = random.standard_normal((20 * steps, sequences, 6)).astype(np.float32)
        file["cont"] = (random.random((20 * steps, sequences)) < 0.8).astype(np.float32)
        file["label"] = random.integers(0, 3, (20 * steps, sequences)).astype(np.float32)
    (tmp_path / "data.txt").write_text("data.h5\n")
    filler = 'weight_filler { type: "uniform" min: -0.5 max: 0.5 } bias_filler { type: "constant" value: 0.1 }'
    (tmp_path / "net.prototxt").write_text(f"""
layer {{ name: "data" type: "HDF5Data" top: "x" top: "cont" top: "label"
  hdf5_data_param {{ source: "data.txt" batch_size: {steps} }} }}
layer {{ name: "it" type: "{kind}" bottom: "x" bottom: "cont" top: "h" recurrent_param {{ num_output: 8 {filler} }} }}
layer {{ name: "fc" type: "InnerProduct" bottom: "h" top: "fc" inner_product_param {{ axis: 2 num_output: 3 {filler} }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" softmax_param {{ axis: 2 }} }}
""")
    (tmp_path / "solver.prototxt").write_text(
        'net: "net.prototxt" base_lr: 0.2 lr_policy: "fixed" momentum: 0.9 weight_decay: 0.0005 clip_gradients: 5\n'
        'max_iter: 20 random_seed: 5 snapshot_prefix: "net" solver_mode: CPU'
    )
    check_training(judge, kind, tmp_path, 20)

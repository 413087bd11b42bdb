"""Nets, solvers and states with absurd numbers: one message that names the layer or the setting, before memory is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from caffe_io.weights import write_solverstate
from kits.training import make_lmdb, small_solver
from kits.training_commands import command

INPUT = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 1 dim: 3 dim: 9 dim: 9 } } }'


def one(kind: str, settings: str = "", bottom: str = 'bottom: "x"') -> str:
    before = INPUT if bottom else ""
    return f'{before}\nlayer {{ name: "it" type: "{kind}" {bottom} top: "y" {settings} }}'


NETS = {
    "huge input": (
        one("Input", "input_param { shape { dim: 100000 dim: 3 dim: 100000 dim: 9 } }", ""),
        "a blob holds at most 2147483647",
    ),
    "negative input": (one("Input", "input_param { shape { dim: 1 dim: -3 } }", ""), "would be 1x-3; expected sizes of 0"),
    "negative dummy": (one("DummyData", "dummy_data_param { shape { dim: 1 dim: -1 } }", ""), "would be 1x-1"),
    "overflowing dummy": (
        one("DummyData", f"dummy_data_param {{ shape {{ {'dim: 1099511627776 ' * 3} }} }}", ""),
        "a blob holds at most",
    ),
    "too many axes": (one("DummyData", f"dummy_data_param {{ shape {{ {'dim: 2 ' * 60} }} }}", ""), "expected at most 32"),
    "huge convolution": (
        one("Convolution", "convolution_param { num_output: 2000000000 kernel_size: 3 }"),
        "its blob 0 of weights would be 2000000000x3x3x3",
    ),
    "huge inner product": (one("InnerProduct", "inner_product_param { num_output: 2000000000 }"), "its blob 0 of weights"),
    "huge embedding": (one("Embed", "embed_param { input_dim: 2000000000 num_output: 2000000000 }"), "its blob 0 of weights"),
    "huge parameter": (one("Parameter", "parameter_param { shape { dim: 2000000000 dim: 9 } }", ""), "its blob 0 of weights"),
    "huge tile": (one("Tile", "tile_param { tiles: 2000000000 }"), 'its top "y" would be'),
    "huge deconvolution": (
        one("Deconvolution", "convolution_param { num_output: 2 kernel_size: 3 stride: 1000000000 }"),
        'its top "y" would be',
    ),
    "huge pad": (
        one("Convolution", "convolution_param { num_output: 2 kernel_size: 3 pad: 1000000000 }"),
        'its top "y" would be 1x2x2000000007x2000000007',
    ),
    "huge pooling pad": (
        one("Pooling", "pooling_param { kernel_size: 3000000000 pad: 2000000000 }"),
        "pad 2000000000x2000000000 makes the bottom 4000000009x4000000009; expected at most 2147483647.",
    ),
    "huge pooling": (
        one("Pooling", "pooling_param { kernel_size: 1000000000 pad: 999999999 }"),
        'its top "y" would be 1x3x1000000008x1000000008',
    ),
    "huge columns": (one("Im2col", "convolution_param { kernel_size: 3 pad: 1000000 }"), 'its top "y" would be 1x27x2000007'),
    "huge batch": (
        one("MemoryData", 'top: "z" memory_data_param { batch_size: 100000000 channels: 3 height: 99 width: 9 }', ""),
        'its top "y" would be 100000000x3x99x9',
    ),
    "deep pyramid": (one("SPP", "spp_param { pyramid_height: 60 }"), "pyramid_height 60"),
}  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_a_net_is_refused_before_its_memory_is_touched(tmp_path: Path, name: str) -> None:
    text, message = NETS[name]
    (tmp_path / "net.prototxt").write_text(text)
    done = command("time", "--model", "net.prototxt", "--iterations", 1, folder=tmp_path)
    assert done.code == 1
    assert 'layer "it"' in done.err
    assert message in done.err
    # The picture of such a net is drawn, with a note.
    done = command("draw", "--model", "net.prototxt", "--out", "net.svg", folder=tmp_path)
    assert done.code == 0, done.err
    assert "unknown: layer" in done.out
    assert message in done.out


def test_a_net_of_more_memory_than_there_is_can_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.layers.base._memory", lambda: 1_000_000)
    (tmp_path / "net.prototxt").write_text(one("InnerProduct", "inner_product_param { num_output: 2000 }"))
    done = command("time", "--model", "net.prototxt", "--iterations", 1, folder=tmp_path)
    assert done.code == 1
    assert 'layer "it" (InnerProduct): its blob 0 of weights would be 2000x243, which needs 0.0 GB' in done.err
    done = command("draw", "--model", "net.prototxt", "--out", "net.svg", folder=tmp_path)
    assert (done.code, "2000" in done.out) == (0, True)


def test_memory_that_ends_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch's own error becomes one that names the layer."""

    def fail(*words: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("training.layers.neuron.AbsVal.forward", fail)
    data = one("DummyData", "dummy_data_param { shape { dim: 1 } }", "").replace('"it"', '"data"').replace('"y"', '"x"')
    (tmp_path / "net.prototxt").write_text(data + one("AbsVal").replace(INPUT, ""))
    done = command("time", "--model", "net.prototxt", "--iterations", 1, folder=tmp_path)
    assert done.code == 1
    assert 'layer "it" (AbsVal): there is not enough memory for it' in done.err


@pytest.mark.parametrize("filler", ['type: "gaussian" std: nan', 'type: "uniform" max: inf', "value: nan"])
def test_fillers_of_no_numbers(tmp_path: Path, filler: str) -> None:
    (tmp_path / "net.prototxt").write_text(
        one("InnerProduct", f"inner_product_param {{ num_output: 2 weight_filler {{ {filler} }} }}")
    )
    done = command("time", "--model", "net.prototxt", "--iterations", 1, folder=tmp_path)
    assert done.code == 1
    assert 'layer "it": filler' in done.err
    assert "expected a finite number" in done.err


NUL = r'"a\000b"'
NUL_NAMES = {
    "mean": (
        "Data",
        f'transform_param {{ mean_file: {NUL} }} data_param {{ source: "db" backend: LMDB batch_size: 1 }}',
    ),
    "database": ("Data", f"data_param {{ source: {NUL} backend: LMDB batch_size: 1 }}"),
    "list": ("ImageData", f"image_data_param {{ source: {NUL} batch_size: 1 }}"),
    "picture": ("ImageData", f'image_data_param {{ source: "list" root_folder: {NUL} batch_size: 1 }}'),
    "HDF5": ("HDF5Data", f"hdf5_data_param {{ source: {NUL} batch_size: 1 }}"),
    "windows": (
        "WindowData",
        f"transform_param {{ crop_size: 9 }} window_data_param {{ source: {NUL} batch_size: 1 }}",
    ),
}


@pytest.mark.parametrize("what", NUL_NAMES)
def test_a_name_with_a_nul_byte_is_refused(tmp_path: Path, what: str) -> None:
    kind, settings = NUL_NAMES[what]
    make_lmdb(tmp_path / "db", 1, 9, 2)
    (tmp_path / "list").write_text("p.png 1\n")
    (tmp_path / "net.prototxt").write_text(one(kind, f'top: "label" {settings}', ""))
    for words in (("time", "--iterations", "1"), ("draw", "--out", "net.svg")):
        done = command(*words, "--model", "net.prototxt", folder=tmp_path)
        # The picture of such a net is drawn, with a note.
        said = done.err if words[0] == "time" else done.out
        assert done.code == (1 if words[0] == "time" else 0), done.err
        assert "a\\x00b" in said
        assert "fault in Moka" not in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "--solver", "solver.prototxt", "--max_iter", "3000000000"), "--max_iter 3000000000"),
        (("train", "--solver", "solver.prototxt", "--max_iter", "2000000000"), "--max_iter 2000000000"),
        (("train", "--solver", "solver.prototxt", "--level", "99999999999"), "--level: 99999999999"),
        (("test", "--model", "net.prototxt", "--weights", "x", "--level", "99999999999"), "--level: 99999999999"),
        (("draw", "--model", "net.prototxt", "--level", "-99999999999"), "--level: -99999999999"),
    ],
)
def test_options_beyond_32_bits(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    small_solver(tmp_path, stepsize=90)
    done = command(*words, folder=tmp_path)
    assert (done.code, message in done.err) == (2, True), done.err


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"test_iter": 0}, "test_iter"),
        ({"base_lr": "inf"}, "base_lr is inf"),
        ({"clip_gradients": "nan"}, "clip_gradients is nan"),
        ({"momentum": "nan"}, "momentum is nan"),
        ({"snapshot_prefix": "a\\000b"}, "NUL byte"),
        ({"snapshot_prefix": "x" * 300}, "File name too long"),
    ],
)
def test_solvers_with_absurd_settings(tmp_path: Path, settings: dict[str, object], message: str) -> None:
    solver = small_solver(tmp_path, **settings)
    solver.write_text(solver.read_text().replace('"inf"', "inf").replace('"nan"', "nan"))
    done = command("train", "--solver", solver, folder=tmp_path)
    assert (done.code, message in done.err) == (1, True), done.err
    assert "fault in Moka" not in done.err


@pytest.mark.parametrize(
    ("iteration", "model", "message"),
    [
        (-5, "m.caffemodel", "iteration -5"),
        (5, "m\0.caffemodel", "NUL byte"),
        (5, "x" * 400, "File name too long"),
    ],
)
def test_states_with_absurd_contents(tmp_path: Path, iteration: int, model: str, message: str) -> None:
    solver = small_solver(tmp_path)
    write_solverstate(tmp_path / "s.solverstate", iteration, model, [])
    done = command("train", "--solver", solver, "--snapshot", "s.solverstate", folder=tmp_path)
    assert (done.code, message in done.err) == (1, True), done.err
    assert "s.solverstate" in done.err

"""Nets and solvers that parse, but that no machine can run or that contradict themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .cases import Case, Ends
from .paths import fifo
from .world import SOLVER, WEIGHTS

_INPUT = 'layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ {} }} }} }}\n'
_SMALL = _INPUT.format("dim: 1 dim: 3 dim: 16 dim: 16")


def _layer(kind: str, settings: str, bottom: str = "data") -> str:
    return f'layer {{ name: "it" type: "{kind}" bottom: "{bottom}" top: "it" {settings} }}\n'


def _source(kind: str, settings: str) -> str:
    return f'layer {{ name: "it" type: "{kind}" top: "it" top: "label" {settings} }}\n'


# Each must be refused, by `time` and `draw` alike.
_NETS: dict[str, str] = {
    "huge input": _INPUT.format("dim: 100000 dim: 3 dim: 100000 dim: 100000"),
    "negative input": _INPUT.format("dim: 1 dim: -3 dim: 3 dim: 3"),
    "overflow of int64": _INPUT.format("dim: 1099511627776 dim: 1099511627776 dim: 1099511627776"),
    "huge DummyData": 'layer { name: "d" type: "DummyData" top: "d" dummy_data_param { shape { dim: 999999 dim: 999999 } } }',
    "negative DummyData": 'layer { name: "d" type: "DummyData" top: "d" dummy_data_param { shape { dim: 1 dim: -1 dim: 4 } } }',
    "huge InnerProduct": _SMALL + _layer("InnerProduct", "inner_product_param { num_output: 2000000000 }"),
    "huge Convolution": _SMALL + _layer("Convolution", "convolution_param { num_output: 2000000000 kernel_size: 3 }"),
    "huge kernel": _SMALL + _layer("Convolution", "convolution_param { num_output: 1 kernel_size: 2000000000 }"),
    "huge pad": _SMALL + _layer("Convolution", "convolution_param { num_output: 1 kernel_size: 3 pad: 1000000000 }"),
    "kernel of 0": _SMALL + _layer("Convolution", "convolution_param { num_output: 1 kernel_size: 0 }"),
    "stride of 0": _SMALL + _layer("Convolution", "convolution_param { num_output: 1 kernel_size: 3 stride: 0 }"),
    "group of 0": _SMALL + _layer("Convolution", "convolution_param { num_output: 3 kernel_size: 3 group: 0 }"),
    "huge pooling pad": _SMALL + _layer("Pooling", "pooling_param { kernel_size: 2147483647 pad: 2000000000 }"),
    "huge Deconvolution": _SMALL
    + _layer("Deconvolution", "convolution_param { num_output: 2 kernel_size: 7 stride: 1000000000 }"),
    "huge Tile": _SMALL + _layer("Tile", "tile_param { tiles: 2000000000 }"),
    "huge SPP": _SMALL + _layer("SPP", "spp_param { pyramid_height: 32 }"),
    "huge Im2col": _SMALL + _layer("Im2col", "convolution_param { kernel_size: 3 pad: 1000000000 }"),
    "huge Embed": _SMALL + _layer("Embed", "embed_param { num_output: 2000000000 input_dim: 2000000000 }"),
    "huge Parameter": 'layer { name: "p" type: "Parameter" top: "p" parameter_param { shape { dim: 999999 dim: 99999 } } }',
    "Reshape that does not fit": _SMALL + _layer("Reshape", "reshape_param { shape { dim: 7 dim: -1 } }"),
    "axis that is not there": _SMALL + _layer("Softmax", "softmax_param { axis: 99 }"),
    "bottom that is not there": _layer("ReLU", ""),
    "layer of no known type": _SMALL + _layer("Frobnicate", ""),
    "fork's field": _SMALL + _layer("Convolution", "convolution_param { num_output: 1 kernel_size: 3 frobnicate: 1 }"),
    "circle": _layer("ReLU", "", bottom="later") + 'layer { name: "b" type: "ReLU" bottom: "it" top: "later" }',
    "Crop without a second bottom": _SMALL + _layer("Crop", ""),
    "NUL in mean_file": _source(
        "Data",
        'transform_param { mean_file: "a\\000b" } data_param { source: "data/lmdb/test_lmdb" backend: LMDB batch_size: 1 }',
    ),
    "NUL in source": _source("Data", 'data_param { source: "a\\000b" backend: LMDB batch_size: 1 }'),
    "NUL in an HDF5 source": _source("HDF5Data", 'hdf5_data_param { source: "a\\000b" batch_size: 1 }'),
    "NUL in a list of pictures": _source("ImageData", 'image_data_param { source: "a\\000b" batch_size: 1 }'),
    "long source": _source("Data", f'data_param {{ source: "{"x" * 300}" backend: LMDB batch_size: 1 }}'),
    "huge batch": _source("Data", 'data_param { source: "data/lmdb/test_lmdb" backend: LMDB batch_size: 2000000000 }'),
    "batch of 0": _source("Data", 'data_param { source: "data/lmdb/test_lmdb" backend: LMDB batch_size: 0 }'),
    "crop larger than the record": _source(
        "Data",
        'transform_param { crop_size: 999 } data_param { source: "data/lmdb/test_lmdb" backend: LMDB batch_size: 1 }',
    ),
    "FIFO as an HDF5 list": _source("HDF5Data", 'hdf5_data_param { source: "it" batch_size: 1 }'),
    "FIFO as a list of pictures": _source("ImageData", 'image_data_param { source: "it" batch_size: 1 }'),
    "code of a prototxt": _SMALL + _layer("Python", 'python_param { module: "os" layer: "system" }'),
    "NaN in a filler": _SMALL
    + _layer("InnerProduct", 'inner_product_param { num_output: 2 weight_filler { type: "gaussian" std: nan } }'),
    "infinite filler": _SMALL
    + _layer(
        "InnerProduct", 'inner_product_param { num_output: 2 weight_filler { type: "uniform" min: -inf max: inf } }'
    ),
    "no text at all": "",
    "deep braces": "layer { " * 5000,
    "a billion laughs of a name": f'name: "{"x" * 5_000_000}" layer {{',
}
# Texts that are no net. `draw` shows every net, with the reason beside a layer that cannot be set up.
_NO_NETS = ("fork's field", "bottom that is not there", "circle", "deep braces", "a billion laughs of a name")

# Lines that take the place of the solver's own, or are added to it.
_SOLVERS: dict[str, str] = {
    "max_iter beyond int32": "max_iter: 3000000000",
    "test_iter of 0": "test_iter: 0",
    "test_interval of -1": "test_interval: -1",
    "no such policy": 'lr_policy: "frobnicate"',
    "no such type": 'type: "Frobnicate"',
    "NUL in snapshot_prefix": 'snapshot_prefix: "a\\000b"',
    "long snapshot_prefix": f'snapshot_prefix: "{"x" * 300}"',
    "snapshot_prefix below a file": 'snapshot_prefix: "face.jpg/x"',
    "infinite rate": "base_lr: inf",
    "NaN as the rate": "base_lr: nan",
    "huge rate": "base_lr: 1e30",
    "huge momentum": "momentum: 1e30",
    "NaN as clip_gradients": "clip_gradients: nan",
    "iter_size of 0": "iter_size: 0",
    "stepsize of 0": "stepsize: 0",
    "two nets": 'train_net: "prototxt/Tiny/train_test.prototxt"',
    "no net there": 'net: "nowhere.prototxt"',
    "the solver as its own net": 'net: "it"',
}


def _write(text: str) -> Callable[[Path], object]:
    def prepare(folder: Path) -> None:
        if '"it" batch_size' in text:
            fifo(folder)
        (folder / "net.prototxt").write_text(text)

    return prepare


def _solver(line: str) -> Callable[[Path], object]:
    key = line.partition(":")[0]
    rest = [each for each in SOLVER.splitlines() if each.partition(":")[0] != key]
    rest = [each.replace("models/Tiny/Tiny", "new/Tiny") for each in rest]
    return lambda folder: (folder / "it").write_text("\n".join([*rest, line]) + "\n")


def cases() -> list[Case]:
    """Return the cases."""
    found = []
    for name, text in _NETS.items():
        prepare = _write(text)
        time = ("time", "--iterations", "1", "--model", "net.prototxt")
        found.append(Case(f"time/{name}", time, Ends.REFUSED, prepare))
        drawn = Ends.REFUSED if name in _NO_NETS else Ends.EITHER
        found.append(Case(f"draw/{name}", ("draw", "--out", "new.svg", "--model", "net.prototxt"), drawn, prepare))
        found.append(
            Case(
                f"compile/{name}",
                ("compile", "--out", "new", "--model", "net.prototxt", "--weights", WEIGHTS),
                prepare=prepare,
            )
        )
    for name, line in _SOLVERS.items():
        # A training that diverges has written its log by then.
        found.append(
            Case(f"train/{name}", ("train", "--solver", "it"), prepare=_solver(line), may_change=("work/new*",))
        )
    return found

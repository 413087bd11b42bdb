"""Makes inputs for the fuzzer: small valid files of every kind that caffe_io reads, and damage to them."""

from __future__ import annotations

import random
import re
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from caffe_io.blobs import array_to_blob
from caffe_io.caffe_pb2 import (
    BlobProto,
    BlobShape,
    Datum,
    LayerParameter,
    NetParameter,
    SolverState,
    V1LayerParameter,
)
from caffe_io.datum import array_to_datum
from caffe_io.hdf5 import write_hdf5_state, write_hdf5_weights
from common.places import ROOT

_WHOLE_NUMBERS = (0, 1, 2, 3, 5, 8, 38, 64, 255, 0x7FFF, 0x4321, 2**16, 2**20, 2**31 - 1, 2**31, 2**32 - 1, 0x7F83FF19)
_SIZES = (0, 1, 3, 10**6, 10**12, 2**31 - 1, 2**62, -1, -(2**63))
_WORDS = (
    "layer layers name type bottom top input input_dim input_shape dim shape param include exclude phase TRAIN TEST stage "
    "convolution_param pooling_param clip_param permute_param blobs data raw_data engine MKLDNN cudnn_x hole ceil_mode "
    "solver_type net_param snapshot_prefix { } < > [ ] : ; , - \" ' # \\ \n 0 -1 1e999 nan 0x1p3 99999999999999999999 07 "
    '1_0 true "\\xff" "\\ud800" "é" \x00 \ufeff \u2028 \ud7ff'
)
_NUMBERS = ("0", "1", "2", "3", "7", "-1", "0.5", "1e9", "2147483647", "4294967295", "99999999999999999999", "true")
_VOCABULARY = _WORDS.split(" ")

_TEXT = """
name: "small" force_backward: true state { phase: TEST level: 1 stage: "s" }
input: "data" input_shape { dim: [1, 3, 8, 8] }  # a comment
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" exclude { phase: TEST stage: 'x' }
  param { lr_mult: 1 decay_mult: 0.5 } convolution_param { num_output: 4 kernel_size: 3 hole: 2 engine: MKLDNN
  weight_filler { type: "gaussian" std: 1e-2 } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" relu_param < negative_slope: .1f; > }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "bn" param { } param { } param { } }
layer { name: "pool" type: "Pooling" bottom: "bn" top: "pool" pooling_param { pool: AVE ceil_mode: false stride: 2 } }
layer { name: "perm" type: "Permute" bottom: "pool" top: "perm" permute_param { order: [0, 2, 3, 1] } }
layer { name: "prior" type: "PriorBox" bottom: "perm" top: "prior" prior_box_param { min_size: 3 flip: "}" } }
"""
_V1_TEXT = """
name: "old" input: "data" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8
layers { name: "d" type: DATA top: "d" data_param { source: "x" scale: 0.1 mean_file: "m" crop_size: 3 mirror: true } }
layers { name: "fc" type: INNER_PRODUCT bottom: "data" top: "fc" blobs_lr: 1 blobs_lr: 2 weight_decay: 1 weight_decay: 0
  param: "w" blob_share_mode: PERMISSIVE inner_product_param { num_output: 5 bias_filler { type: "constant" } } }
"""
_SOLVER_TEXT = """
net: "net.prototxt" test_iter: 10 test_interval: 100 base_lr: 0.01 lr_policy: "multistep" stepvalue: [10, 20] gamma: 1e-1
momentum: 0.9 weight_decay: 0.0005 solver_type: NESTEROV snapshot_prefix: "models/x" solver_mode: CPU eval_type: "detection"
net_param { layers { name: "a" type: RELU bottom: "a" top: "a" } }
"""

# Bytes of a page of an LMDB.
_PAGE = 4096


def texts() -> list[bytes]:
    """Return nets as text: those of the project, and two that use rarer parts of the format."""
    folder = ROOT / "prototxt"
    nets = [path.read_bytes() for path in sorted(folder.rglob("*.prototxt")) if "solver" not in path.name]
    return [_TEXT.encode(), _V1_TEXT.encode(), *nets]


def solver_texts() -> list[bytes]:
    """Return solvers as text."""
    return [_SOLVER_TEXT.encode()]


def caffemodels() -> list[bytes]:
    """Return nets with weights, one of the V1 format, one current with a blob of NVIDIA's raw bytes."""
    weights = [
        array_to_blob(np.ones((2, 3, 3))),
        array_to_blob(np.zeros(2), legacy_shape=True),
        BlobProto(double_data=[1]),
    ]
    raw = BlobProto(raw_data=bytes(8), raw_data_type=BlobProto.FLOAT16, shape=BlobShape(dim=[4]))
    current = LayerParameter(name="c", type="Convolution", top=["b"], blobs=[*weights, raw])
    old = V1LayerParameter(name="c", type=V1LayerParameter.CONVOLUTION, blobs=weights, blobs_lr=[1, 2])
    clip = LayerParameter(name="clip", type="Clip")
    clip.clip_param.min = 0
    clip.clip_param.max = 6
    return [m.SerializeToString() for m in (NetParameter(name="n", layer=[current, clip]), NetParameter(layers=[old]))]


def solverstates() -> list[bytes]:
    """Return solver states."""
    history = [array_to_blob(np.ones((2, 3))), array_to_blob(np.zeros(4))]
    return [SolverState(iter=9, learned_net="x.caffemodel", current_step=1, history=history).SerializeToString()]


def hdf5_weights() -> list[bytes]:
    """Return weights in HDF5: a layer with a slash in its name, one without its first blob, one without any blob."""
    ones, zeros = np.ones((4, 3, 2), np.float32), np.zeros(4, np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "w")
        write_hdf5_weights(path, ["data", "a/b", "twin"], {"a/b": {0: ones, 1: zeros}, "twin": {1: zeros}})
        return [path.read_bytes()]


def hdf5_states() -> list[bytes]:
    """Return solver states in HDF5."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "s")
        write_hdf5_state(path, 9, "x.caffemodel.h5", [np.ones((2, 3), np.float32), np.zeros(4, np.float32)] * 2, 1)
        return [path.read_bytes()]


def means() -> list[bytes]:
    """Return mean images, one as Caffe writes them and one with a shape."""
    picture = np.arange(48.0).reshape(3, 4, 4)
    return [array_to_blob(picture, legacy).SerializeToString() for legacy in (True, False)]


def records() -> list[bytes]:
    """Return Datums: raw bytes, floats, a JPEG, a PNG."""
    import cv2

    picture = np.random.default_rng(0).integers(0, 256, (8, 9, 3), np.uint8)
    files = [cv2.imencode(kind, picture)[1].tobytes() for kind in (".jpg", ".png")]
    datums = [
        array_to_datum(picture.transpose(2, 0, 1), 3),
        Datum(channels=1, height=2, width=2, float_data=[1, 2, 3, 4]),
    ]
    return [datum.SerializeToString() for datum in (*datums, *(Datum(data=f, encoded=True, label=1) for f in files))]


def damaged(valid: list[bytes], chance: random.Random) -> bytes:
    """Make a file from one or two of `valid` by a few random changes. One file in twenty is random throughout."""
    if chance.random() < 0.05:
        return chance.randbytes(chance.choice((0, 1, 8, 100, 3000)))
    data = bytearray(chance.choice(valid))
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        chance.choice(_CHANGES)(data, valid, chance)
    return bytes(data)


def damaged_text(valid: list[bytes], chance: random.Random) -> bytes:
    """Make a text file from one of `valid`: half of them get other numbers, the others lose, gain or repeat words."""
    if chance.random() < 0.15:
        return damaged(valid, chance)
    text = chance.choice(valid).decode()
    if chance.random() < 0.5:
        rate = chance.choice((0.01, 0.1, 0.5))
        return re.sub(
            r"\b[0-9.]+\b", lambda n: chance.choice(_NUMBERS) if chance.random() < rate else n[0], text
        ).encode()
    words = text.split(" ")
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(len(words) + 1)
        kind = chance.randrange(5)
        if kind == 0:
            del words[at : at + chance.choice((1, 1, 5))]
        elif kind == 1:
            words.insert(at, chance.choice(_VOCABULARY))
        elif kind == 2:
            words[at:at] = words[at : at + chance.choice((1, 10))]
        elif kind == 3:
            words.insert(at, chance.choice(("{", "<", "[", "a {", "a: [", '"')) * chance.choice((1, 50, 3000)))
        elif words:
            words[at % len(words)] = words[at % len(words)] + chance.choice(_VOCABULARY)
    return " ".join(words).encode("utf-8", "surrogatepass")


def with_other_sizes(message: NetParameter | SolverState | BlobProto, chance: random.Random) -> bytes:
    """Replace the sizes of a message's blobs, mostly by absurd ones, and leave their data as they are."""
    for blob in _blobs(message):
        if chance.random() < 0.5:
            blob.shape.dim[:] = [chance.choice(_SIZES) for _ in range(chance.randrange(6))]
        else:
            for axis in ("num", "channels", "height", "width"):
                setattr(blob, axis, max(-(2**31), min(2**31 - 1, chance.choice(_SIZES))))
    return message.SerializeToString()


def _blobs(message: NetParameter | SolverState | BlobProto) -> list[BlobProto]:
    if isinstance(message, BlobProto):
        return [message]
    if isinstance(message, SolverState):
        return list(message.history)
    current = [blob for layer in message.layer for blob in layer.blobs]
    return current + [blob for layer in message.layers for blob in layer.blobs]


_Change = Callable[[bytearray, list[bytes], random.Random], None]


def _flip(data: bytearray, valid: list[bytes], chance: random.Random) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _set(data: bytearray, valid: list[bytes], chance: random.Random) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.choice((0, 0x7F, 0x80, 0xFF, chance.randrange(256)))


def _cut(data: bytearray, valid: list[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    del data[at : at + chance.choice((1, 4, 100, len(data)))]


def _insert(data: bytearray, valid: list[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = chance.choice((chance.randbytes(chance.randrange(1, 9)), b"\xff" * 9 + b"\x01", bytes(20)))


def _repeat(data: bytearray, valid: list[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = data[at : at + chance.randrange(1, 200)]


def _splice(data: bytearray, valid: list[bytes], chance: random.Random) -> None:
    other = chance.choice(valid)
    data[chance.randrange(len(data) + 1) :] = other[chance.randrange(len(other) + 1) :]


_CHANGES: tuple[_Change, ...] = (_flip, _flip, _set, _set, _cut, _insert, _repeat, _splice)


def cut_short(valid: bytes, chance: random.Random) -> bytes:
    """Return the beginning of a file."""
    return valid[: chance.randrange(len(valid) + 1)]


def damaged_words(valid: list[bytes], chance: random.Random, part: tuple[int, int | None]) -> bytes:
    """Return a file with other words of 4 bytes among the bytes of `part`, so that most of it is still in order."""
    data = bytearray(chance.choice(valid))
    begin, end = part
    words = range(begin, (len(data) if end is None else end) - 3, 4)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
        at, other = chance.choice(words), chance.choice(words)
        (word,) = struct.unpack_from("<I", data, at)
        kind = chance.randrange(4)
        if kind == 0:
            struct.pack_into("<I", data, at, chance.choice(_WHOLE_NUMBERS))
        elif kind == 1:
            struct.pack_into("<I", data, at, (word + chance.choice((-64, -4, -1, 1, 4, 64))) % (1 << 32))
        else:
            data[at : at + 4] = data[other : other + 4]
        if kind == 2:
            struct.pack_into("<I", data, other, word)
    return bytes(data)


def damaged_pages(valid: bytes, chance: random.Random) -> bytes:
    """Return a data.mdb with other bytes, most of them in the headers of pages and the nodes behind, which LMDB trusts."""
    data = bytearray(valid)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(0, len(data), _PAGE) + chance.randrange(chance.choice([32, 200, _PAGE]))
        data[at] = chance.randrange(256)
    return bytes(data)

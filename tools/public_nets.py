"""Tries to load every net of a folder of prototxts, and prints how many load, and why the others do not.

    python -m tools.public_nets FOLDER [--list FILE]

Each file is read and its net built, with all shapes, in a process of its own that has a minute and 4 GB. Weights are not
filled, nothing is trained, and no code that a net names is run. The data of such nets are not to be had, so an Input layer with
tops of the same sizes takes the place of each data layer, and a class of ours that of py-faster-rcnn's Python layers for
training. Such a net counts by itself: it needs --python-layers. A file with layers for training alone is built in phase TRAIN,
others in TEST.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import hashlib
import itertools
import json
import logging
import os
import re
import resource
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

import training.layers.base
from caffe_io.caffe_pb2 import TEST, TRAIN, FillerParameter, LayerParameter, NetParameter, Phase
from caffe_io.layer_types import LAYER_TYPES
from caffe_io.net_state import filter_net
from caffe_io.parameters.python_layers import with_known_layers
from caffe_io.prototxt import read_net, read_solver
from caffe_io.text.upgrade import upgrade_net
from common.commands import LOGGER, Parser, run
from common.errors import MokaError
from common.files import atomic_file
from training.layers import PythonCode
from training.layers.fillers import fill
from training.nets.net import Net

from .public_classes import SHAPES, give_classes

SECONDS = 60
MEMORY = 4 << 30
_SUFFIXES = (".prototxt", ".pt", ".ptxt")
_NET = re.compile(r"^\s*layers?\s*:?\s*\{", re.M)
_SOLVER = re.compile(r"^\s*(base_lr|net_param|train_net_param|test_iter)\b", re.M)
_SIZES = (224, 321, 512)
# The shapes of tops whose names say what they hold.
_BY_NAME = {"gt_boxes": (4, 5), "im_info": (1, 3), "rois": (4, 5)}
_NEEDS_CODE = "loads with its own Python layers (--python-layers)"
_LOADS = "loads"


@dataclass(frozen=True)
class Outcome:
    """What became of a file: `reason` is the row of the table, `message` what a user would read."""

    file: str
    reason: str
    message: str = ""


def main(argv: Sequence[str]) -> None:
    """Print the table, and with --list write what was said of each file."""
    parser = Parser("python -m tools.public_nets", "python -m tools.public_nets", "count the prototxts that load")
    parser.add_argument("folder", type=Path, help="prototxts, in any number of folders below it")
    parser.add_argument(
        "--list", type=Path, metavar="FILE", help="write a line of JSON for each file, with its message"
    )
    options = parser.parse_args(argv)
    outcomes = [try_file(path, options.folder) for path in net_files(options.folder)]
    print(as_table(outcomes))
    if options.list:
        with atomic_file(options.list, force=True) as temporary:
            temporary.write_text("".join(json.dumps(vars(outcome)) + "\n" for outcome in outcomes))


def net_files(folder: Path) -> Iterator[Path]:
    """Find the files that hold a net; of equal files one, and no solvers or label maps."""
    seen: set[bytes] = set()
    for path in sorted(folder.rglob("*")):
        if path.suffix not in _SUFFIXES or not path.is_file():
            continue
        data = path.read_bytes()
        digest = hashlib.sha256(data).digest()
        if digest not in seen and _NET.search(data.decode("latin-1")):
            seen.add(digest)
            yield path


def try_file(path: Path, folder: Path) -> Outcome:
    """Build the net of a file in a process of its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        with os.fdopen(writer, "w") as answer:
            answer.write(_limited(path))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answers:
        said = answers.read()
    status = os.waitpid(child, 0)[1]
    name = str(path.relative_to(folder))
    if status == 0:
        reason, message = json.loads(said)
        return Outcome(name, reason, message.replace(str(path), name))
    killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return Outcome(name, f"HANG: more than {SECONDS} s" if killed == signal.SIGALRM else f"CRASH: status {status}")


def as_table(outcomes: Sequence[Outcome]) -> str:
    """Return a table of the reasons, the most frequent first, after the share that loads."""
    count = Counter(outcome.reason for outcome in outcomes)
    good = [reason for reason in (_LOADS, _NEEDS_CODE) if count[reason]]
    refused = [outcome for outcome in outcomes if outcome.reason not in good]
    placeless = sum(not re.match(r"[^\n]*?:\d+", outcome.message) for outcome in refused)
    lines = ["| nets | share | outcome |", "|---|---|---|"]
    for reason in [*good, *(reason for reason, _ in count.most_common() if reason not in good)]:
        lines.append(f"| {count[reason]} | {count[reason] / len(outcomes):.1%} | {reason} |")
    lines += ["", f"{len(outcomes)} nets, {len(refused)} refused, {placeless} of these without a line number."]
    return "\n".join(lines)


def _limited(path: Path) -> str:
    """Set this process's limits, and return the JSON of [reason, message]."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(SECONDS)
    logging.getLogger(LOGGER).setLevel(logging.ERROR)
    try:
        return json.dumps(load(path))
    except BaseException as error:
        return json.dumps([f"CRASH: {type(error).__name__}", str(error)])


def load(path: Path) -> tuple[str, str]:
    """Build the net of a file; return the outcome's reason and message."""
    stand_ins: list[str] = []
    first: MokaError | None = None
    give_classes()
    vars(training.layers.base)["fill"] = _unfilled
    for size, dense in itertools.product(_SIZES, (False, True)):
        try:
            param = _read(path)
            phase = _phase(param)
            stand_ins = [layer.type for layer in param.layer if _feeds(layer)]
            for layer in param.layer:
                if _feeds(layer):
                    _replace(layer, size, dense)
            code = PythonCode.REFUSED
            if any((layer.python_param.module, layer.python_param.layer) in SHAPES for layer in param.layer):
                code = PythonCode.REPORTED
                stand_ins.append("Python")
                param = with_known_layers(filter_net(param, phase), str(path))
            Net(param, phase, str(path), python_code=code).close()
        except MokaError as error:
            first = first or error
            if not stand_ins or _names_type(str(error)):
                break
        else:
            return (_NEEDS_CODE if "Python" in stand_ins else _LOADS), ""
    return _reason(str(first), stand_ins), str(first)


def _unfilled(shape: tuple[int, ...], filler: FillerParameter, generator: torch.Generator, name: str) -> torch.Tensor:
    """Check a filler on a single number, and leave the weights as they are."""
    fill((1,) * len(shape), filler, generator, name)
    return torch.empty(shape)


def _read(path: Path) -> NetParameter:
    """Read a net, or the net that stands in a solver."""
    if not _SOLVER.search(path.read_text(errors="replace")):
        return read_net(path)
    solver = read_solver(path)
    return upgrade_net(next(net for net in (solver.net_param, solver.train_net_param) if net.layer), str(path))


def _phase(param: NetParameter) -> Phase.ValueType:
    rules = [rule for layer in param.layer for rule in layer.include]
    return TRAIN if any(rule.HasField("phase") and rule.phase == TRAIN for rule in rules) else TEST


def _feeds(layer: LayerParameter) -> bool:
    """Whether the layer reads data: a data layer that is known, or code without bottoms."""
    if layer.type in ("Input", "DummyData", "Parameter") or layer.bottom or not layer.top:
        return False
    return layer.type in LAYER_TYPES or layer.type.endswith("Data")


def _replace(layer: LayerParameter, any_size: int, dense: bool) -> None:
    """Make a data layer an Input layer with tops of the same sizes, as far as these are known; else of `any_size`.

    With `dense` there is a label for each pixel.
    """
    settings = [value for field, value in layer.ListFields() if field.name.endswith("_param")]
    batch = _first(settings, "batch_size", 1)
    size = _first(settings, "crop_size", 0)
    height, width = (size or _first(settings, name, any_size) for name in ("new_height", "new_width"))
    channels = _first(settings, "channels", 3)
    for field in ("data_param", "transform_param", "image_data_param", "hdf5_data_param", "memory_data_param"):
        layer.ClearField(field)
    boxes = layer.type == "AnnotatedData"
    layer.type = "Input"
    for number, top in enumerate(layer.top):
        shape: tuple[int, ...] = (batch, channels, height, width)
        if number:
            shape = (batch, 1, height, width) if dense else (1, 1, 8, 8) if boxes else (batch,)
        layer.input_param.shape.add(dim=_BY_NAME.get(top, shape))


def _first(settings: Sequence[object], field: str, default: int) -> int:
    return next((int(getattr(given, field)) for given in settings if getattr(given, field, 0)), default)


_TYPES = (
    (r'unknown layer type "([^"]*)"', "layer type {} is unknown"),
    (r'layer "[^"]*" is of type (\S+):', "layer type {}"),
)
_FIELDS = (
    (r'(\w+) has no field "(\w+)"', "field {}"),
    (r'"(\w+)" is no value of (\S+)', "value {}"),
)


def _names_type(message: str) -> bool:
    return any(re.search(pattern, message) for pattern, _ in (*_TYPES, *_FIELDS))


def _reason(message: str, stand_ins: Sequence[str]) -> str:
    for pattern, text in (*_TYPES, *_FIELDS):
        if found := re.search(pattern, message):
            return text.format(".".join(found.groups()))
    first = message.split("\n", 1)[0]
    first = re.sub(r"^\S*?:(\d+:?)*\s*", "", first)
    first = re.sub(r'"[^"]*"', "X", first)
    first = re.sub(r"\d+(x\d+)*", "N", first)
    kind = f"data not known ({', '.join(sorted(set(stand_ins)))}): " if stand_ins else ""
    return kind + first[:90]


if __name__ == "__main__":
    run(main)

"""A network about faces, and its files: train_test, deploy and solver prototxt, training.json, card.json.

Every layer is Caffe 1.0's own, and compiles for Myriad X. A net has a body, which makes features of "data", and a head for
each task. Labels come from a database of their own (docs/several_tasks.md), and an absent one, -1, counts in no loss.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from caffe_io.caffe_pb2 import TEST, TRAIN, NetParameter, Phase, SolverParameter
from caffe_io.prototxt import to_text
from common.tasks import TASKS

from .layers import Layers
from .residual import scores

ABSENT = -1
BATCH, TEST_BATCH = 64, 50
FINETUNE_ITERATIONS = 300
SETTLE_ITERATIONS = 60
"""The statistics remember some ten (layers.STATISTICS_KEPT)."""
_MATRIX = "data/soft/years.binaryproto"
_SCHEDULE: dict[str, Any] = {
    "schedule": {"warm_up": 0.15, "policy": "cosine"},
    "average": {"decay": 0.998},
}
_AUGMENTED: dict[str, Any] = {
    "augment": {
        "warp": {"rotate": 15, "scale": [0.86, 1.18], "shift": 0.075},
        # For cheap lenses and dim rooms: a net that has never seen noise takes noisy people for older.
        "blur": {"probability": 0.25, "sigma": [0.4, 1.3]},
        "light": {"brightness": 0.15, "contrast": 0.3, "colour": 0.15},
        "grey": {"probability": 0.1},
        "noise": {"probability": 0.2, "sigma": 0.05},
        "erase": {"probability": 0.3, "area": [0.02, 0.2]},
    },
    **_SCHEDULE,
}


@dataclass(frozen=True)
class Picture:
    """What the net sees: a random crop of a square picture in training, its centre otherwise."""

    side: int
    crop: int
    mean: tuple[float, ...]
    """One number a channel, BGR or grey: such a mean needs no file."""
    scale: float = 1.0


class Cut(NamedTuple):
    """How the faces were cut that a net learns from, in the terms of a card. docs/faces.md has the measurements."""

    crop_margin: float
    eye_level: float


CUTS = {"utkface": Cut(0.0, 0.29), "adience": Cut(0.4, 0.34)}
"""Data set -> how its own crops are cut. The recipes cut other sets as UTKFace."""


@dataclass(frozen=True)
class FaceNet:
    """A net: its name, its tasks with the weights of their losses, its layers, and its training."""

    name: str
    losses: Mapping[str, float]
    picture: Picture
    body: Callable[[Layers], str]
    """Adds everything from "data" to the features, and returns their blob."""
    iterations: int
    cut: Cut = CUTS["utkface"]
    head: Callable[[Layers, str, str, int], str] = scores
    """(layers, task, features, outputs) adds the scores of a task, and returns their blob."""
    dropout: float = 0.3
    """The share of the features that is dropped in training."""
    distribution: bool = True
    """Ages are learnt as distributions, by InfogainLoss; otherwise each year is a class of its own."""
    read: str = "expected_value"
    """How the card reads a distribution over years. The median has the least mean absolute error."""
    batch: int = BATCH
    solver: Mapping[str, Any] = field(default_factory=lambda: {"type": "Nesterov", "base_lr": 0.05})
    """Fields of the SolverParameter that differ from `_SOLVER`."""
    training: Mapping[str, Any] | None = field(default_factory=lambda: _AUGMENTED)
    """training.json; None: there is none, and the training is Caffe's."""
    our_rate: float | None = None
    """base_lr of `with_our_schedule`, where the published schedule is only good for far longer trainings."""

    @property
    def data(self) -> str:
        """What the names of its databases begin with."""
        return f"data/lmdb/{self.name}"


_SOLVER: dict[str, Any] = {
    # The rate falls to 0 in a straight line.
    "lr_policy": "poly",
    "power": 1,
    "momentum": 0.9,
    "weight_decay": 0.0005,
    "test_iter": [14],
    "display": 50,
    "random_seed": 1,
}


def outputs(task: str) -> int:
    """Return how many scores a task has."""
    return len(TASKS[task].classes or TASKS[task].bins)


def database_options(net: FaceNet) -> list[str]:
    """Return the options of create_lmdb that make a database for the net."""
    side = str(net.picture.side)
    grey = ["--gray"] if len(net.picture.mean) == 1 else []
    size = ["--resize_height", side, "--resize_width", side]
    return ["--tasks", ",".join(net.losses), "--absent", str(ABSENT), *size, *grey]


def train_test(net: FaceNet) -> NetParameter:
    """Return the net that is trained and tested."""
    param = NetParameter(name=net.name)
    layers = Layers(param)
    for phase, part in ((TRAIN, "train"), (TEST, "test")):
        _data(layers, net, phase, part)
    tasks = list(net.losses)
    if len(tasks) > 1:
        slices = layers.add("slice", "Slice", ["labels"], tasks)
        slices.slice_param.axis = 1
        slices.slice_param.slice_point.extend(range(1, len(tasks)))
    features = net.body(layers)
    if net.dropout:
        layers.dropout(features, net.dropout)
    for task, weight in net.losses.items():
        label = task if len(tasks) > 1 else "labels"
        blob = net.head(layers, task, features, outputs(task))
        soft = bool(TASKS[task].bins) and net.distribution
        loss = layers.add(
            f"{task}_loss", "InfogainLoss" if soft else "SoftmaxWithLoss", [blob, label], loss_weight=[weight]
        )
        loss.loss_param.ignore_label = ABSENT
        if soft:
            loss.infogain_loss_param.source = _MATRIX
        accuracy = layers.add(f"{task}_accuracy", "Accuracy", [blob, label])
        accuracy.accuracy_param.ignore_label = ABSENT
        accuracy.include.add(phase=TEST)
    return param


def _data(layers: Layers, net: FaceNet, phase: Phase.ValueType, part: str) -> None:
    pictures = layers.add(f"{part}_pictures", "Data", [], ["data"])
    transform = pictures.transform_param
    transform.crop_size = net.picture.crop
    transform.mean_value.extend(net.picture.mean)
    if net.picture.scale != 1:
        transform.scale = net.picture.scale
    if phase == TRAIN:
        transform.mirror = True
    labels = layers.add(f"{part}_labels", "Data", [], ["labels"])
    for layer, ending in ((pictures, ""), (labels, "_labels")):
        layer.include.add(phase=phase)
        layer.data_param.source = f"{net.data}_{part}{ending}"
        layer.data_param.batch_size = net.batch if phase == TRAIN else TEST_BATCH
        layer.data_param.backend = layer.data_param.LMDB


def deploy(net: FaceNet) -> NetParameter:
    """Return the net that answers: the probabilities of each task."""
    param = NetParameter(name=net.name)
    layers = Layers(param)
    shape = [1, len(net.picture.mean), net.picture.crop, net.picture.crop]
    layers.add("data", "Input", []).input_param.shape.add(dim=shape)
    features = net.body(layers)
    for task in net.losses:
        layers.add(f"{task}_prob", "Softmax", [net.head(layers, task, features, outputs(task))])
    return param


def with_our_schedule(net: FaceNet) -> FaceNet:
    """Return the net with a rate that rises and falls once, if its published one needs tens of thousands of iterations."""
    if net.our_rate is None:
        return net
    published = ("lr_policy", "gamma", "stepsize", "test_interval", "snapshot")
    kept = {field: value for field, value in net.solver.items() if field not in published}
    return replace(net, solver={**kept, "base_lr": net.our_rate}, training={**(net.training or {}), **_SCHEDULE})


def solver(net: FaceNet, iterations: int, rate: float = 1.0) -> SolverParameter:
    """Return the solver; `rate` multiplies its learning rate."""
    often = {"test_interval": max(100, iterations // 10), "snapshot": max(1, iterations // 4)}
    fields = {**often, **_SOLVER, **net.solver}
    fields["base_lr"] *= rate
    param = SolverParameter(
        net=f"prototxt/{net.name}/train_test.prototxt",
        max_iter=iterations,
        snapshot_prefix=f"models/{net.name}/{net.name}",
        **fields,
    )
    # The net's own are for net.iterations.
    if param.stepsize:
        param.stepsize = max(1, param.stepsize * iterations // net.iterations)
    param.stepvalue[:] = [max(1, value * iterations // net.iterations) for value in param.stepvalue]
    param.snapshot = min(param.snapshot, iterations)
    param.test_interval = min(param.test_interval, iterations)
    return param


def settle_solver(net: FaceNet) -> SolverParameter:
    """Return the solver of the last step, which changes no weight, but computes BatchNorm's statistics again.

    In training they are those of augmented pictures, which differ from those that the net is asked about. docs/recipes.md
    has what that costs.
    """
    normalised = any(layer.type == "BatchNorm" for layer in train_test(net).layer)
    iterations = SETTLE_ITERATIONS if normalised else 1
    return SolverParameter(
        net=f"prototxt/{net.name}/train_test.prototxt",
        base_lr=0,
        lr_policy="fixed",
        max_iter=iterations,
        display=20,
        snapshot=iterations,
        snapshot_prefix=f"models/{net.name}/{net.name}_settled",
        random_seed=1,
    )


def card(net: FaceNet) -> dict[str, Any]:
    """Return the net card."""
    readings: list[dict[str, Any]] = []
    for name in net.losses:
        task = TASKS[name]
        reading: dict[str, Any] = {"read": "argmax", "classes": list(task.classes)}
        if task.bins:
            reading = {"read": net.read, "bins": [int(value) for value in task.bins]}
        readings.append({"blob": f"{name}_prob", "task": name, **reading})
    order = "BGR" if len(net.picture.mean) == 3 else "GRAY"
    card = {"name": net.name, "channel_order": order, "resize": "stretch"}
    return {**card, **net.cut._asdict(), "outputs": readings}


def card_text(net: FaceNet) -> str:
    """Return the card as a person would write it: an output a line."""
    content = card(net)
    lines = ",\n".join(f"    {json.dumps(output)}" for output in content["outputs"])
    return json.dumps({**content, "outputs": []}, indent=2).replace("[]", f"[\n{lines}\n  ]") + "\n"


def files(net: FaceNet) -> dict[str, str]:
    """Return name -> contents of all files of a net.

    finetune_* starts from trained weights, with a lower rate; settle_* is what a training ends with.
    """
    note = "# Written by python -m recipes.nets.\n"
    texts = {
        "train_test.prototxt": note + to_text(train_test(net)),
        "deploy.prototxt": note + to_text(deploy(net)),
        "solver.prototxt": note + to_text(solver(net, net.iterations)),
        "finetune_solver.prototxt": note + to_text(solver(net, FINETUNE_ITERATIONS, 0.2)),
        "settle_solver.prototxt": note + to_text(settle_solver(net)),
        "card.json": card_text(net),
    }
    if net.training is not None:
        training = json.dumps(net.training, indent=2) + "\n"
        texts |= {"training.json": training, "finetune_training.json": training}
    return texts

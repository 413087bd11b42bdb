"""Writes the small residual nets of the recipes: prototxt/NAME/{train_test,deploy,solver}.prototxt, training.json, card.json.

finetune_solver.prototxt starts from trained weights, with a lower rate.

    python -m recipes.face_nets            writes them into prototxt/

Every layer is Caffe 1.0's own, and compiles for Myriad X. A net has 3x3 convolutions with BatchNorm, four stages of one
residual block, the mean over the last map, and a head for each task. Labels come from a database of their own
(docs/several_tasks.md), and an absent one, -1, counts in no loss.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caffe_io.caffe_pb2 import (
    TEST,
    TRAIN,
    EltwiseParameter,
    LayerParameter,
    NetParameter,
    ParamSpec,
    Phase,
    PoolingParameter,
    SolverParameter,
)
from caffe_io.prototxt import to_text
from common.commands import Parser, run
from common.files import atomic_file
from common.places import ROOT
from common.tasks import TASKS

ABSENT = -1
SIDE, CROP = 56, 48
MEAN = (105.0, 118.0, 151.0)
"""BGR, of faces; a mean of one number a channel needs no file."""
SCALE = 1 / 60
BATCH, TEST_BATCH = 64, 50
BASE_LR, FINETUNE_ITERATIONS = 0.05, 300
STATISTICS_KEPT = 0.9
"""The share of BatchNorm's sums that stays in each iteration. Caffe's 0.999 remembers a thousand iterations: after a short
training the statistics would be those of weights long gone, and the answers much too flat."""
_MATRIX = "data/soft/years.binaryproto"


@dataclass(frozen=True)
class FaceNet:
    """A net: its name, its tasks with the weights of their losses, the channels of the four stages, and its training."""

    name: str
    losses: dict[str, float]
    channels: tuple[int, int, int, int]
    iterations: int

    @property
    def data(self) -> str:
        """What the names of its databases begin with."""
        return f"data/lmdb/{self.name}"


NETS = (
    FaceNet("FaceRes", {"years": 1.0, "gender": 0.5}, (24, 48, 96, 160), 2600),
    FaceNet("SmileRes", {"smile": 1.0}, (24, 48, 96, 128), 1000),
)


class Layers:
    """Adds layers to a net; each method returns the name of the blob that its layers make."""

    def __init__(self, net: NetParameter) -> None:
        self.net = net

    def add(
        self, name: str, kind: str, bottoms: Sequence[str], tops: Sequence[str] = (), **settings: Any
    ) -> LayerParameter:
        """Add a layer; its top has its name unless `tops` says otherwise."""
        return self.net.layer.add(name=name, type=kind, bottom=bottoms, top=tops or [name], **settings)

    def convolution(self, name: str, bottom: str, channels: int, size: int, stride: int, relu: bool = True) -> str:
        """Add a convolution with BatchNorm and Scale, and a ReLU."""
        layer = self.add(name, "Convolution", [bottom], param=[ParamSpec(lr_mult=1, decay_mult=1)])
        p = layer.convolution_param
        p.num_output, p.bias_term = channels, False
        p.kernel_size.append(size)
        p.stride.append(stride)
        p.pad.append(size // 2)
        p.weight_filler.type = "msra"
        norm = self.add(f"{name}_bn", "BatchNorm", [name], [name])
        norm.batch_norm_param.moving_average_fraction = STATISTICS_KEPT
        free = ParamSpec(lr_mult=1, decay_mult=0)
        scale = self.add(f"{name}_scale", "Scale", [name], [name], param=[free, free])
        scale.scale_param.bias_term = True
        if relu:
            self.add(f"{name}_relu", "ReLU", [name], [name])
        return name

    def block(self, name: str, bottom: str, channels: int, stride: int, same: bool) -> str:
        """Add a residual block: two convolutions, and beside them the bottom itself or a 1x1 convolution of it."""
        first = self.convolution(f"{name}_a", bottom, channels, 3, stride)
        second = self.convolution(f"{name}_b", first, channels, 3, 1, relu=False)
        short = bottom if same else self.convolution(f"{name}_s", bottom, channels, 1, stride, relu=False)
        total = self.add(name, "Eltwise", [second, short])
        total.eltwise_param.operation = EltwiseParameter.SUM
        self.add(f"{name}_relu", "ReLU", [name], [name])
        return name

    def body(self, channels: Sequence[int]) -> str:
        """Add everything from "data" to the features."""
        blob = self.convolution("stem", "data", channels[0], 3, 2)
        before = channels[0]
        for number, count in enumerate(channels, start=1):
            stride = 1 if number == 1 else 2
            blob = self.block(f"res{number}", blob, count, stride, same=stride == 1 and count == before)
            before = count
        pool = self.add("features", "Pooling", [blob])
        pool.pooling_param.pool, pool.pooling_param.global_pooling = PoolingParameter.AVE, True
        return "features"

    def head(self, task: str, bottom: str) -> str:
        """Add the scores of a task."""
        params = [ParamSpec(lr_mult=1, decay_mult=1), ParamSpec(lr_mult=2, decay_mult=0)]
        layer = self.add(f"{task}_scores", "InnerProduct", [bottom], param=params)
        layer.inner_product_param.num_output = len(TASKS[task].classes or TASKS[task].bins)
        layer.inner_product_param.weight_filler.type = "gaussian"
        layer.inner_product_param.weight_filler.std = 0.01
        return f"{task}_scores"


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
    features = layers.body(net.channels)
    dropout = layers.add("dropout", "Dropout", [features], [features])
    dropout.dropout_param.dropout_ratio = 0.3
    for task, weight in net.losses.items():
        label = task if len(tasks) > 1 else "labels"
        scores = layers.head(task, features)
        bins = bool(TASKS[task].bins)
        loss = layers.add(
            f"{task}_loss", "InfogainLoss" if bins else "SoftmaxWithLoss", [scores, label], loss_weight=[weight]
        )
        loss.loss_param.ignore_label = ABSENT
        if bins:
            loss.infogain_loss_param.source = _MATRIX
        accuracy = layers.add(f"{task}_accuracy", "Accuracy", [scores, label])
        accuracy.accuracy_param.ignore_label = ABSENT
        accuracy.include.add(phase=TEST)
    return param


def _data(layers: Layers, net: FaceNet, phase: Phase.ValueType, part: str) -> None:
    batch = BATCH if phase == TRAIN else TEST_BATCH
    pictures = layers.add(f"{part}_pictures", "Data", [], ["data"])
    transform = pictures.transform_param
    transform.crop_size, transform.scale = CROP, SCALE
    transform.mean_value.extend(MEAN)
    if phase == TRAIN:
        transform.mirror = True
    labels = layers.add(f"{part}_labels", "Data", [], ["labels"])
    for layer, ending in ((pictures, ""), (labels, "_labels")):
        layer.include.add(phase=phase)
        layer.data_param.source = f"{net.data}_{part}{ending}"
        layer.data_param.batch_size = batch
        layer.data_param.backend = layer.data_param.LMDB


def deploy(net: FaceNet) -> NetParameter:
    """Return the net that answers: the probabilities of each task."""
    param = NetParameter(name=net.name)
    layers = Layers(param)
    layers.add("data", "Input", []).input_param.shape.add(dim=[1, 3, CROP, CROP])
    features = layers.body(net.channels)
    for task in net.losses:
        layers.add(f"{task}_prob", "Softmax", [layers.head(task, features)])
    return param


def solver(net: FaceNet, base_lr: float, iterations: int) -> SolverParameter:
    """Return a solver: Nesterov with a rate that falls to 0 in a straight line."""
    return SolverParameter(
        net=f"prototxt/{net.name}/train_test.prototxt",
        type="Nesterov",
        base_lr=base_lr,
        momentum=0.9,
        weight_decay=0.0005,
        lr_policy="poly",
        power=1,
        max_iter=iterations,
        test_iter=[14],
        test_interval=max(100, iterations // 10),
        display=50,
        snapshot=iterations,
        snapshot_prefix=f"models/{net.name}/{net.name}",
        random_seed=1,
    )


def training_file() -> dict[str, Any]:
    """Return training.json, which the nets have in common."""
    return {
        "augment": {
            "warp": {"rotate": 10, "scale": [0.9, 1.12], "shift": 0.05},
            "light": {"brightness": 0.1, "contrast": 0.2, "colour": 0.1},
            "grey": {"probability": 0.1},
            "erase": {"probability": 0.3, "area": [0.02, 0.2]},
        },
        "schedule": {"warm_up": 0.15, "policy": "cosine"},
        "average": {"decay": 0.998},
    }


def card(net: FaceNet) -> dict[str, Any]:
    """Return the net card."""
    outputs: list[dict[str, Any]] = []
    for name in net.losses:
        task = TASKS[name]
        reading: dict[str, Any] = {"read": "argmax", "classes": list(task.classes)}
        if task.bins:
            reading = {"read": "expected_value", "bins": [int(value) for value in task.bins]}
        outputs.append({"blob": f"{name}_prob", "task": name, **reading})
    return {"name": net.name, "channel_order": "BGR", "resize": "stretch", "crop_margin": 0.0, "outputs": outputs}


def card_text(net: FaceNet) -> str:
    """Return the card as a person would write it: an output a line."""
    content = card(net)
    outputs = ",\n".join(f"    {json.dumps(output)}" for output in content["outputs"])
    return json.dumps({**content, "outputs": []}, indent=2).replace("[]", f"[\n{outputs}\n  ]") + "\n"


def files(net: FaceNet) -> dict[str, str]:
    """Return name -> contents of all files of a net."""
    training = json.dumps(training_file(), indent=2) + "\n"
    note = "# Written by recipes/face_nets.py.\n"
    return {
        "train_test.prototxt": note + to_text(train_test(net)),
        "deploy.prototxt": note + to_text(deploy(net)),
        "solver.prototxt": note + to_text(solver(net, BASE_LR, net.iterations)),
        "training.json": training,
        "finetune_solver.prototxt": note + to_text(solver(net, BASE_LR / 5, FINETUNE_ITERATIONS)),
        "finetune_training.json": training,
        "card.json": card_text(net),
    }


def main(argv: Sequence[str]) -> None:
    """Write the files of all nets."""
    parser = Parser("python -m recipes.face_nets", "python -m recipes.face_nets", "write the nets of the recipes")
    parser.add_argument("--out", type=Path, default=ROOT / "prototxt", help="folder of the nets (default: %(default)s)")
    options = parser.parse_args(argv)
    for net in NETS:
        for name, text in files(net).items():
            with atomic_file(options.out / net.name / name, force=True) as temporary:
                temporary.write_text(text)


if __name__ == "__main__":
    run(main)

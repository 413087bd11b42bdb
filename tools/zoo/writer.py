"""Writes a deploy or train net as prototxt text, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_FILLER = 'weight_filler { type: "msra" } bias_filler { type: "constant" value: 0.1 }'
SOURCE = "data.txt"


@dataclass(frozen=True)
class Top:
    """A top of the data layer of a train net: the shape of one item, and its number of classes (0: real numbers)."""

    shape: tuple[int, ...]
    classes: int = 0


class Writer:
    """The layers of a net in order. Each method adds one layer or a few and returns the name of the top.

    With a `batch` it is a train net, with losses, and an HDF5Data layer for inputs and labels. `tops` says what they are
    like, and SOURCE lists the files. Dropout drops nothing then, because no two programs drop the same numbers.
    """

    def __init__(
        self, name: str, shape: tuple[int, ...], width: float = 1.0, inputs: Sequence[str] = ("data",), batch: int = 0
    ) -> None:
        self.name = name
        self.width = width
        self.batch = batch
        self.tops = {data: Top(shape) for data in inputs}
        self.lines: list[str] = []

    @property
    def text(self) -> str:
        """The net as prototxt text."""
        return "\n".join([f'name: "{self.name}"', *self._data(), *self.lines]) + "\n"

    @property
    def size(self) -> int:
        """Height and width of the pictures."""
        return self.tops["data"].shape[-1]

    def _data(self) -> list[str]:
        if self.batch:
            tops = " ".join(f'top: "{top}"' for top in self.tops)
            param = f'hdf5_data_param {{ source: "{SOURCE}" batch_size: {self.batch} }}'
            return [f'layer {{ name: "data" type: "HDF5Data" {tops} {param} }}']
        return [
            f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ dim: 1 '
            + " ".join(f"dim: {n}" for n in top.shape)
            + " } } }"
            for name, top in self.tops.items()
        ]

    def wide(self, channels: float) -> int:
        """Scale a number of channels by the width, and round it to a multiple of 4."""
        return max(4, round(channels * self.width / 4) * 4)

    def add(self, name: str, kind: str, bottoms: str | Sequence[str], setting: str = "", top: str = "") -> str:
        bottoms = [bottoms] if isinstance(bottoms, str) else bottoms
        names = " ".join(f'bottom: "{bottom}"' for bottom in bottoms)
        self.lines.append(f'layer {{ name: "{name}" type: "{kind}" {names} top: "{top or name}" {setting} }}')
        return top or name

    def conv(
        self,
        name: str,
        bottom: str,
        outputs: int,
        kernel: int,
        stride: int = 1,
        pad: int = 0,
        group: int = 1,
        bias: bool = True,
        extra: str = "",
        kind: str = "Convolution",
    ) -> str:
        param = f"num_output: {outputs} kernel_size: {kernel} stride: {stride} pad: {pad} group: {group} {_FILLER}"
        setting = f"convolution_param {{ {param}{'' if bias else ' bias_term: false'} }} {extra}"
        return self.add(name, kind, bottom, setting)

    def relu(self, blob: str, kind: str = "ReLU") -> str:
        return self.add(f"{blob}_{kind.lower()}", kind, blob, top=blob)

    def conv_relu(
        self, name: str, bottom: str, outputs: int, kernel: int, stride: int = 1, pad: int = 0, group: int = 1
    ) -> str:
        return self.relu(self.conv(name, bottom, outputs, kernel, stride, pad, group))

    def conv_bn(
        self,
        name: str,
        bottom: str,
        outputs: int,
        kernel: int,
        stride: int = 1,
        pad: int = 0,
        group: int = 1,
        act: str = "ReLU",
        factor: float = 1.0,
    ) -> str:
        """Add a convolution without bias, BatchNorm and Scale (by about `factor`) in place, and an activation.

        The activation "Clip" is ReLU6, for which Caffe 1.0 has no layer of its own.
        """
        blob = self.conv(name, bottom, outputs, kernel, stride, pad, group, bias=False)
        self.add(f"{name}_bn", "BatchNorm", blob, top=blob)
        factors = f'filler {{ type: "uniform" min: {0.8 * factor} max: {1.2 * factor} }}'
        biases = f'bias_filler {{ type: "gaussian" mean: {1 if act else 0} std: {0.3 * factor} }}'
        self.add(f"{name}_scale", "Scale", blob, f"scale_param {{ bias_term: true {factors} {biases} }}", top=blob)
        if act == "Clip":
            # Not in place, where Caffe's gradient is wrong.
            return self.add(f"{blob}_clip", "Clip", blob, "clip_param { min: 0 max: 6 }")
        return self.relu(blob, act) if act else blob

    def pool(self, name: str, bottom: str, kernel: int = 3, stride: int = 2, pad: int = 0, how: str = "MAX") -> str:
        setting = f"pooling_param {{ pool: {how} kernel_size: {kernel} stride: {stride} pad: {pad} }}"
        return self.add(name, "Pooling", bottom, setting)

    def mean(self, name: str, bottom: str) -> str:
        return self.add(name, "Pooling", bottom, "pooling_param { pool: AVE global_pooling: true }")

    def fc(self, name: str, bottom: str, outputs: int, extra: str = "") -> str:
        setting = f"inner_product_param {{ num_output: {outputs} {_FILLER} }} {extra}"
        return self.add(name, "InnerProduct", bottom, setting)

    def drop(self, name: str, blob: str) -> str:
        ratio = "dropout_param { dropout_ratio: 0 }" if self.batch else ""
        return self.add(name, "Dropout", blob, ratio, top=blob)

    def fc_relu_drop(self, name: str, bottom: str, outputs: int) -> str:
        return self.drop(f"{name}_drop", self.relu(self.fc(name, bottom, outputs)))

    def lrn(self, name: str, bottom: str) -> str:
        return self.add(name, "LRN", bottom, "lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }")

    def classify(self, bottom: str, classes: int, place: tuple[int, ...] = (), weight: float = 1.0) -> None:
        """End the net with probabilities "prob", or a loss for "label". `place` is the shape of an item's labels."""
        if self.batch:
            self.tops["label"] = Top(place, classes)
            self.loss("SoftmaxWithLoss", [bottom, "label"], weight)
        else:
            self.add("prob", "Softmax", bottom)

    def loss(self, kind: str, bottoms: Sequence[str], weight: float = 1.0, setting: str = "") -> None:
        """Add a loss with the name "BOTTOM_loss" to a train net. A deploy net gets none."""
        if self.batch:
            self.add(f"{bottoms[0]}_loss", kind, bottoms, f"loss_weight: {weight} {setting}")

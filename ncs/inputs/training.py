"""What a net's training did to its pictures: the transform_param of the data layers in its train_test prototxt."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from caffe_io.blobs import Array
from caffe_io.caffe_pb2 import TEST, TRAIN, LayerParameter, NetParameter, Phase, TransformationParameter
from caffe_io.layer_types import LAYER_TYPES
from caffe_io.mean import read_mean
from caffe_io.net_state import filter_net
from common.commands import LOGGER
from common.errors import MeanError, MokaError
from common.places import name_and_card, net_files

_logger = logging.getLogger(LOGGER)


@dataclass(frozen=True)
class Transform:
    """What the data layer `place` does to a picture: it subtracts a mean, multiplies by a scale, and crops.

    `layer` is that layer, if it is of interest where its pictures come from.
    """

    place: str
    param: TransformationParameter
    layer: LayerParameter | None = None

    @property
    def scale(self) -> float:
        """The factor, after the mean is subtracted."""
        return self.param.scale

    @property
    def crop(self) -> int:
        """The side of the square that is cut out; 0 if none is."""
        return self.param.crop_size

    def uncropped(self) -> tuple[int, int] | None:
        """Return height and width of the pictures before the crop, or None if the layer's settings and database do not say it."""
        # Here because LMDB is not needed for --help.
        from caffe_io.databases.backends import open_database
        from caffe_io.datum import datum_to_array, parse_datum

        layer = self.layer or LayerParameter()
        height, width = layer.image_data_param.new_height, layer.image_data_param.new_width
        if layer.type == "Data":
            try:
                with open_database(layer.data_param) as reader:
                    # As in Caffe, the first record speaks for all.
                    _, value = next(reader.items())
                    _, height, width = datum_to_array(parse_datum(value)).shape
            except (MokaError, OSError):
                # The network may be compiled on another machine than it was trained on.
                return None
        return (height, width) if height and width else None

    @property
    def mean_text(self) -> str:
        """The mean in words."""
        if self.param.mean_file:
            return f"the mean {self.param.mean_file}"
        values = " ".join(f"{value:g}" for value in self.param.mean_value)
        return f"the mean value {values}" if any(self.param.mean_value) else "no mean"

    @property
    def text(self) -> str:
        """All of it in words."""
        crop = f", crop_size {self.crop}" if self.crop else ""
        return f"{self.mean_text}, {self.scale_text}{crop}"

    @property
    def scale_text(self) -> str:
        """The scale in words."""
        return "no scale" if self.scale == 1 else f"scale: {self.scale:g}"

    def mean(self, channels: int) -> Array | None:
        """Return the mean (channels x height x width, or channels x 1 x 1), or None if there is none.

        Raises MeanError if its file cannot be read, or where Caffe refuses the settings.
        """
        values = list(self.param.mean_value)
        if self.param.HasField("mean_file") and values:
            raise MeanError(f"{self.place}: has both mean_file and mean_value. Write one of them.")
        if self.param.HasField("mean_file"):
            try:
                return read_mean(self.param.mean_file)
            except MeanError as error:
                raise MeanError(
                    f"{error}\n  {self.place} names it. File names are relative to the folder where the command runs; "
                    "--mean FILE names the same mean elsewhere."
                ) from error
        if not any(values):
            return None
        if len(values) not in (1, channels):
            raise MeanError(
                f"{self.place}: has {len(values)} mean_value, but the net takes {channels} channels; "
                f"expected 1 or {channels}."
            )
        return np.broadcast_to(np.array(values, np.float32)[:, None, None], (channels, 1, 1)).copy()


def find_train_test(net: str | None, deploy: Path) -> Path | None:
    """Return the train_test prototxt of --net `net`, or the one beside a deploy prototxt; None if there is none.

    Published nets often call it train_val.prototxt.
    """
    if net:
        file = net_files(net).train_test
        return file if file.exists() else None
    if deploy.stem == "deploy":
        names = ["train_test.prototxt", "train_val.prototxt"]
    else:
        name, _ = name_and_card(deploy)
        names = [f"{name}_train_test.prototxt", f"{name}_train_val.prototxt"]
    beside = (deploy.parent / name for name in names)
    return next((file for file in beside if file.exists() and file != deploy), None)


def read_transforms(
    net: NetParameter, file: str, pictures: Sequence[str], level: int = 0, stages: Sequence[str] = ()
) -> dict[str, Transform]:
    """Return what the train_test net in `file` does to the inputs `pictures` of the deploy net, by input.

    A data layer is meant for the input that its first top names. If no input is named so, all get what the only data
    layer does. It is what phase TEST does, in which a net is measured. A warning names a mean or scale that differs in
    TRAIN. Raises MeanError if several data layers differ and none is named after an input.
    """
    tops = {layer.top[0] for layer in net.layer if _transforms(layer) and layer.top}
    named = [name for name in pictures if name in tops]
    found = {name: _find(net, file, name, level, stages) for name in named or pictures}
    return {name: transform for name, transform in found.items() if transform is not None}


def _find(net: NetParameter, file: str, blob: str, level: int, stages: Sequence[str]) -> Transform | None:
    test, train = (
        _transform(filter_net(net, phase, level, stages).layer, file, blob, phase) for phase in (TEST, TRAIN)
    )
    if test is not None and train is not None and _differ(test.param, train.param):
        _logger.warning(
            "%s has %s and %s; %s has %s and %s. That of TEST is compiled.",
            *(train.place, train.mean_text, train.scale_text, test.place, test.mean_text, test.scale_text),
        )
    # The data layers of an all-in-one net may belong to other stages.
    return test or train or _transform(net.layer, file, blob, None)


def has_data_layers(net: NetParameter) -> bool:
    """Say whether any layer of `net`, in whatever phase or stage, transforms pictures."""
    return any(_transforms(layer) for layer in net.layer)


def _transforms(layer: LayerParameter) -> bool:
    return layer.type in LAYER_TYPES and LAYER_TYPES[layer.type].transforms


def _transform(
    layers: Iterable[LayerParameter], file: str, blob: str, phase: Phase.ValueType | None
) -> Transform | None:
    """Return the transform of the layer that makes `blob`. If none does, all data layers must have the same one."""
    layers = [layer for layer in layers if _transforms(layer)]
    named = [layer for layer in layers if layer.top[:1] == [blob]] or layers
    where = "" if phase is None else f" in phase {Phase.Name(phase)}"
    transforms = [
        Transform(f'{file}: layer "{layer.name}"{where or _rules(layer)}', layer.transform_param, layer)
        for layer in named
    ]
    for other in transforms[1:]:
        first = transforms[0]
        if _differ(first.param, other.param) or first.crop != other.crop:
            raise MeanError(
                f"{first.place} has {first.mean_text}, {first.scale_text} and crop_size {first.crop}; {other.place} has "
                f'{other.mean_text}, {other.scale_text} and crop_size {other.crop}. Which of them "{blob}" needs is '
                "unclear: make them equal, or call the top of one so."
            )
    return transforms[0] if transforms else None


def _rules(layer: LayerParameter) -> str:
    stages = [stage for rule in layer.include for stage in rule.stage]
    return f" in stage {', '.join(stages)}" if stages else ""


def _differ(one: TransformationParameter, other: TransformationParameter) -> bool:
    """Say whether mean or scale differ."""
    return one.scale != other.scale or _mean(one) != _mean(other)


def _mean(param: TransformationParameter) -> tuple[str, tuple[float, ...]]:
    values = tuple(param.mean_value) if any(param.mean_value) else ()
    return param.mean_file, values if len(set(values)) != 1 else values[:1]

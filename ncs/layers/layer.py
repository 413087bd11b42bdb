"""One Caffe layer with its weights, as the functions of this package receive it, and helpers for OpenVINO."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import openvino.opset1 as op
from openvino import Output
from openvino.op import Constant

from caffe_io.blobs import Array, same_shape
from caffe_io.caffe_pb2 import TRAIN, FillerParameter, LayerParameter
from caffe_io.graph import Node, Version
from caffe_io.parameters.fillers import FILLERS, layer_fillers, made_by_prototxt
from caffe_io.text.layer_place import place_of
from common.commands import LOGGER
from common.messages import shape_text

from ..errors import ConversionError

_logger = logging.getLogger(LOGGER)


@dataclass(frozen=True)
class TrainedLayer:
    """A layer: its parameters, its trained blobs in Caffe's order, and the files they came from, for messages.

    `only_consumer` says that no other layer reads its first bottom, so that it may be folded into its producer.
    `node` is its place in the graph, and `wanted` are the outputs that the user named. `taken` are the blobs that were asked
    for.
    """

    parameter: LayerParameter
    blobs: Sequence[Array]
    net_file: str
    weights_file: str
    only_consumer: bool = False
    node: Node | None = None
    wanted: Collection[Version] = ()
    taken: set[int] = field(default_factory=set)

    def weight(self, index: int, *expected: int) -> Array:
        """Return blob `index`, which must have the shape `expected`; leading ones (legacy files) are dropped.

        Raises ConversionError with layer, blob, the shape found and the shape expected.
        """
        self.taken.add(index)
        if index >= len(self.blobs):
            fillers = layer_fillers(self.parameter)
            if not self.blobs and made_by_prototxt(self.parameter, fillers):
                return self._filled(fillers[index], index, expected)
            raise self.error(
                f"needs {index + 1} or more blobs of weights, but {self.weights_file} has {len(self.blobs)} for it. "
                "Give the caffemodel that was trained with this net."
            )
        found = self.blobs[index].shape
        if not same_shape(found, expected):
            raise self.error(
                f"blob {index} in {self.weights_file} has shape {shape_text(found)}, expected {shape_text(expected)}. "
                "Give the caffemodel that was trained with this net."
            )
        return self.blobs[index].reshape(expected)

    def check_taken(self) -> None:
        """Raise ConversionError if the caffemodel has more blobs for the layer than it took; Caffe refuses that too."""
        if self.taken and len(self.blobs) > len(self.taken):
            raise self.error(
                f"takes {len(self.taken)} blobs of weights, but {self.weights_file} has {len(self.blobs)} for it. "
                "Is there a bias that bias_term: false leaves out? Give the net that was trained."
            )

    def _filled(self, filler: FillerParameter, index: int, shape: Sequence[int]) -> Array:
        """Make weights that the caffemodel lacks, because the filler alone says what they are."""
        try:
            values = FILLERS[filler.type](shape, filler)
        except ValueError as error:
            raise self.error(f'filler "{filler.type}": {error}.') from error
        if index == 0:
            _logger.warning(
                '%s: has no weights for layer "%s" (%s); its %s filler makes them, as in Caffe.',
                *(self.weights_file, self.parameter.name, self.parameter.type, filler.type),
            )
        return values

    def refuse_training(self, what: str) -> None:
        """Raise ConversionError if the layer's own `phase: TRAIN` makes it do `what`, as in Caffe, even in the TEST phase."""
        if self.parameter.HasField("phase") and self.parameter.phase == TRAIN:
            raise self.error(f"its own `phase: TRAIN` makes it {what}, even in TEST. Take that out of the deploy net.")

    def error(self, text: str) -> ConversionError:
        """Make an error about this layer, for the caller to raise."""
        place = place_of(self.net_file, self.parameter)
        return ConversionError(f'{place}: layer "{self.parameter.name}" ({self.parameter.type}): {text}')


Build = Callable[[TrainedLayer, list[Output]], list[Output]]
"""A function of this package: from a layer and its bottoms to its tops."""


def shape(output: Output) -> tuple[int, ...]:
    """Return the shape of a bottom; it is always known, because a deploy net fixes its input."""
    return tuple(output.get_shape())


def axis_of(layer: TrainedLayer, axis: int, axes: int) -> int:
    """Return Caffe's `axis` (a negative one counts from the end) as a number from 0 to axes - 1."""
    if not -axes <= axis < axes:
        raise layer.error(f"axis {axis} is out of range; its bottom has {axes} axes.")
    return axis % axes


def constant(values: npt.ArrayLike) -> Output:
    """Make a float32 constant of the network."""
    # Not opset1.constant, which makes a list of the numbers first.
    return Constant(np.array(values, dtype=np.float32, order="C")).output(0)


def integers(values: int | Sequence[int]) -> Output:
    """Make an int64 constant: axes, shapes, or one number."""
    return Constant(np.array(values, dtype=np.int64)).output(0)


def reshaped(output: Output, target: Sequence[int]) -> Output:
    """Give `output` another shape of the same size."""
    return op.reshape(output, integers(target), special_zero=False).output(0)


def per_channel(values: Array, axes: int, axis: int = 1) -> Output:
    """Make a constant that is broadcast over a blob of `axes` axes; its own axes begin at `axis`."""
    return constant(values.reshape((1,) * axis + values.shape + (1,) * (axes - axis - values.ndim)))

"""What every layer has in common: built from its LayerParameter, given the shapes of its bottoms, then run."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from caffe_io.blobs import too_many_numbers
from caffe_io.caffe_pb2 import TRAIN, FillerParameter, LayerParameter, Phase
from caffe_io.layer_types import InPlace, layer_type
from caffe_io.parameters.fillers import made_by_prototxt
from common.messages import shape_text

from ..errors import LayerError
from .fillers import fill

if TYPE_CHECKING:
    from .data.augment import Augmentation

Shape = tuple[int, ...]

# Caffe's own limit.
_MOST_AXES = 32


@dataclass(frozen=True)
class PythonCode:
    """Which modules layers of type Python may run (None: any), and what becomes of their code's exceptions.

    A LayerError names the layer and the exception, unless they are `raised` as they are, as in pycaffe, whose scripts may
    catch them.
    """

    modules: frozenset[str] | None
    raised: bool = False

    REFUSED: ClassVar[PythonCode]
    REPORTED: ClassVar[PythonCode]
    RAISED: ClassVar[PythonCode]

    def allows(self, module: str) -> bool:
        """Whether the code of `module` may run."""
        return self.modules is None or module in self.modules


PythonCode.REFUSED = PythonCode(frozenset())
PythonCode.REPORTED = PythonCode(None)
PythonCode.RAISED = PythonCode(None, raised=True)


@dataclass
class Context:
    """What the layers of one net share: its phase, the device, and the source of all its random numbers.

    The solver seeds `generator` again before each iteration, so that a resumed run draws what an unbroken one draws.
    Of several `workers` that train together, `worker` r of N takes the batches r, r + N, r + 2 N, ... of the data.
    `caffe_bugs` says whether gradients are lost where Caffe loses them (layers.gradients). `augmentation` is what
    training.json asks the data layers to do to training pictures.
    """

    phase: Phase.ValueType
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    generator: torch.Generator = field(default_factory=torch.Generator)
    seed: int = 0
    worker: int = 0
    workers: int = 1
    caffe_bugs: bool = True
    python_code: PythonCode = PythonCode.REFUSED
    augmentation: Augmentation | None = None

    def batch(self, own: int) -> int:
        """Turn the number of one of this worker's batches into the number counted over all workers."""
        return own * self.workers + self.worker

    @property
    def training(self) -> bool:
        """Whether the net is there to be trained; a layer may differ (Layer.training)."""
        return self.phase == TRAIN


class Layer:
    """One layer of a net.

    A subclass overrides `setup` (bottom shapes to top shapes; makes `blobs`) and `forward` (bottoms to tops). How many
    bottoms and tops it takes, and whether it is a loss, stands in its row of caffe_io/layer_types.py.

    `training` follows the layer's own `phase`; without one it follows the net's, as in Caffe. `only_shapes` makes `setup`
    leave the weights unfilled. `may_overwrite` says that nothing else needs the bottoms once the layer has run.
    `replaces_gradient` says that Caffe writes its first weight's gradient over the earlier ones (layers.gradients).

    PyTorch computes the gradients, so `forward` must not change its bottoms unless `may_overwrite` is set; otherwise an
    in-place top is a new tensor under the old name.
    """

    def __init__(self, param: LayerParameter, context: Context) -> None:
        self.param = param
        self.context = context
        self.name = param.name
        self.layer_type = layer_type(param.type)
        self.training = (param.phase if param.HasField("phase") else context.phase) == TRAIN
        self.blobs: list[Tensor] = []
        self._fillers: list[FillerParameter] = []
        self.only_shapes = False
        self.may_overwrite = False
        self.replaces_gradient = False
        if problem := self.layer_type.count_problem(param.bottom, param.top):
            raise self.error(problem)
        if self.layer_type.in_place is InPlace.REFUSED and set(param.top) & set(param.bottom):
            raise self.error("does not work in place. Give its top a name of its own.")

    @property
    def is_loss(self) -> bool:
        """Whether its first top counts in the objective, with weight 1 unless loss_weight says otherwise."""
        return self.layer_type.is_loss

    @property
    def in_place(self) -> bool:
        """Whether its first top has the name of its first bottom."""
        return bool(self.param.bottom) and self.param.top[:1] == self.param.bottom[:1]

    @property
    def filled_by_prototxt(self) -> bool:
        """Whether fillers without chance make its weights, as those of a Deconvolution that enlarges."""
        return made_by_prototxt(self.param, self._fillers)

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        """Take the shapes of the bottoms, make `blobs`, return the shapes of the tops."""
        return shapes

    def set_up(self, shapes: list[Shape]) -> list[Shape]:
        """Call `setup`. Raises LayerError for tops that Caffe has no room for, or this machine no memory."""
        tops = self.setup(shapes)
        for name, shape in zip(self.param.top, tops, strict=False):
            self.check_size(shape, f'its top "{name}"')
        return tops

    def check_size(self, shape: Shape, what: str) -> None:
        """Raise LayerError for a blob that Caffe has no room for, or, before it is allocated, this machine no memory."""
        count = math.prod(shape)
        if len(shape) > _MOST_AXES:
            raise self.error(f"{what} would have {len(shape)} axes; expected at most {_MOST_AXES}.")
        if min(shape, default=0) < 0:
            raise self.error(f"{what} would be {shape_text(shape)}; expected sizes of 0 or more.")
        if problem := too_many_numbers(shape):
            raise self.error(f"{what} {problem}")
        if not self.only_shapes and 4 * count > _memory():
            raise self.error(
                f"{what} would be {shape_text(shape)}, which needs {4e-9 * count:.1f} GB of memory; this machine has "
                f"{_memory() / 1e9:.1f} GB. Use smaller batches or sizes."
            )

    def reshape(self, shapes: list[Shape]) -> list[Shape]:
        """Adapt to bottoms of other shapes and keep the weights; return the shapes of the tops.

        Raises LayerError if the weights do not fit the new shapes.
        """
        kept = self.blobs
        self.blobs = []
        self.only_shapes = True
        try:
            tops = self.set_up(shapes)
            needed = [tuple(blob.shape) for blob in self.blobs]
        finally:
            self.blobs = kept
            self.only_shapes = False
        if needed != [tuple(blob.shape) for blob in kept]:
            raise self.error(
                f"its weights have the shapes {shape_list(blob.shape for blob in kept)}; bottoms of shapes "
                f"{shape_list(shapes)} would need {shape_list(needed)}."
            )
        return tops

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        """Compute the tops from the bottoms."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop whatever runs in the background."""

    def error(self, message: str) -> LayerError:
        """Make a LayerError that begins with the layer's name and type, for the caller to raise."""
        return LayerError(f'layer "{self.name}" ({self.param.type}): {message}')

    def add_blob(self, shape: Shape, filler: FillerParameter) -> None:
        """Append a weight of `shape` with its first values from `filler`."""
        self.check_size(shape, f"its blob {len(self.blobs)} of weights")
        if self.only_shapes:
            # Without memory.
            self.blobs.append(torch.empty(shape, device="meta"))
            return
        self._fillers.append(filler)
        values = fill(shape, filler, self.context.generator, self.name)
        self.blobs.append(values.to(self.context.device).requires_grad_(self.context.training))

    def resolve_axis(self, index: int, shape: Shape) -> int:
        """Return `index` as an axis of `shape` counted from the front; a negative one counts from the back."""
        if not -len(shape) <= index < len(shape):
            raise self.error(f"axis {index} is outside its bottom of shape {shape_text(shape)}.")
        return index % len(shape)


@functools.cache
def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def shape_list(shapes: Iterable[Sequence[int]]) -> str:
    """Write several shapes for a message: "2x3, 1x3x4x4", or "none"."""
    return ", ".join(map(shape_text, shapes)) or "none"

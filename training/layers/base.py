"""What every layer is: made from its LayerParameter, told the shapes of its bottoms, then run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from caffe_io.caffe_pb2 import TRAIN, FillerParameter, LayerParameter, Phase

from ..errors import LayerError
from .fillers import fill

Shape = tuple[int, ...]


@dataclass
class Context:
    """What layers of one net share: its phase, the device, and the source of all its random numbers.

    The solver seeds `generator` anew before each iteration, so that a resumed run draws what an unbroken one draws.
    Of several `workers` that train together, `worker` r of N takes the batches r, r + N, r + 2 N, ... of the data.
    """

    phase: Phase.ValueType
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    generator: torch.Generator = field(default_factory=torch.Generator)
    seed: int = 0
    worker: int = 0
    workers: int = 1

    def batch(self, own: int) -> int:
        """The number, counted over all workers, of this worker's batch number `own`."""
        return own * self.workers + self.worker

    @property
    def training(self) -> bool:
        """Whether the net is one to train; a layer may work otherwise (Layer.training)."""
        return self.phase == TRAIN


class Layer:
    """One layer of a net.

    A subclass overrides `setup` (bottom shapes to top shapes; makes `blobs`) and `forward` (bottoms to tops).
    `training` tells how it works: by its own `phase`, and only without one by the net's, as in Caffe.
    Gradients come from PyTorch, so `forward` must not change its bottoms, unless the net says that it `may_overwrite` them;
    an in-place top is else a new tensor under the old name.
    """

    bottoms: ClassVar[tuple[int, int | None]] = (1, 1)  # how many bottoms it takes: least, most (None: any number)
    tops: ClassVar[tuple[int, int | None]] = (1, 1)
    is_loss: ClassVar[bool] = (
        False  # its first top counts in the objective with weight 1 unless loss_weight says otherwise
    )

    def __init__(self, param: LayerParameter, context: Context) -> None:
        self.param, self.context = param, context
        self.name = param.name
        self.training = (param.phase if param.HasField("phase") else context.phase) == TRAIN
        self.blobs: list[Tensor] = []
        self.only_shapes = False  # of the weights, in `setup`: they are not filled
        self.may_overwrite = False  # the net needs its bottom no more once it has run
        for what, names, (least, most) in (("bottom", param.bottom, self.bottoms), ("top", param.top, self.tops)):
            if len(names) < least or (most is not None and len(names) > most):
                wanted = str(least) if least == most else f"{least} or more" if most is None else f"{least} to {most}"
                raise self.error(f"has {len(names)} {what} blob(s) ({', '.join(names) or 'none'}); wanted {wanted}.")

    @property
    def in_place(self) -> bool:
        """Whether its first top has the name of its first bottom."""
        return bool(self.param.bottom) and self.param.top[:1] == self.param.bottom[:1]

    def setup(self, shapes: list[Shape]) -> list[Shape]:
        """Take the shapes of the bottoms, make `blobs`, return the shapes of the tops."""
        return shapes

    def reshape(self, shapes: list[Shape]) -> list[Shape]:
        """Adapt to bottoms of other shapes and keep the weights; returns the shapes of the tops.

        Raises LayerError if the weights do not fit the new shapes.
        """
        kept, self.blobs, self.only_shapes = self.blobs, [], True
        try:
            tops = self.setup(shapes)
            wanted = [tuple(blob.shape) for blob in self.blobs]
        finally:
            self.blobs, self.only_shapes = kept, False
        if wanted != [tuple(blob.shape) for blob in kept]:
            raise self.error(
                f"its weights are {[list(blob.shape) for blob in kept]}; bottoms of {[list(s) for s in shapes]} would need "
                f"{[list(s) for s in wanted]}."
            )
        return tops

    def forward(self, bottoms: list[Tensor]) -> Sequence[Tensor]:
        """The tops, computed from the bottoms."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop what runs in the background, if anything does."""

    def error(self, message: str) -> LayerError:
        """A LayerError that begins with the layer's name and type; to be raised by the caller."""
        return LayerError(f'layer "{self.name}" ({self.param.type}): {message}')

    def add_blob(self, shape: Shape, filler: FillerParameter) -> None:
        """Append a weight of `shape` with its first values from `filler`."""
        if self.only_shapes:
            self.blobs.append(torch.empty(shape, device=self.context.device))
            return
        values = fill(shape, filler, self.context.generator, self.name)
        self.blobs.append(values.to(self.context.device).requires_grad_(self.context.training))

    def axis(self, index: int, shape: Shape) -> int:
        """`index` as an axis of `shape` counted from the front; negative ones count from the back."""
        if not -len(shape) <= index < len(shape):
            raise self.error(f"axis {index} is outside its bottom of shape {list(shape)}.")
        return index % len(shape)

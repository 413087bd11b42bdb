"""Layers of low rank: one matrix becomes the product of two thin ones, by the singular value decomposition (SVD).

A layer with n outputs of m inputs each has n x m weights. Of rank r it is two layers with r x m and n x r weights. The SVD
gives the best such product (Eckart and Young 1936): its error is the root of the sum of the squares of the singular values
left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from caffe_io.blobs import Array
from caffe_io.caffe_pb2 import LayerParameter, NetParameter

from ..errors import CompressError
from .model import Model

_AFTER = ("_a", "_b")
# What the window of a convolution is, which the 1x1 half does not have.
_WINDOW: tuple[str, ...] = (
    *("kernel_size", "kernel_h", "kernel_w", "stride", "stride_h", "stride_w", "pad", "pad_h", "pad_w", "dilation"),
)


@dataclass
class Factors:
    """The SVD of a layer's weights, which are n x m."""

    name: str
    matrix: npt.NDArray[np.float64]

    @cached_property
    def parts(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """U (n x k), the singular values (k, the largest first) and V (k x m); k is the smaller of n and m.

        It comes from the eigenvectors of the smaller of W W' and W'W, which takes a twentieth of the time of a whole SVD. Only
        singular values below 1e-8 of the largest are less exact so; float32 has none of them.
        """
        wide = self.shape[0] <= self.shape[1]
        matrix = self.matrix if wide else self.matrix.T
        vectors = np.linalg.eigh(matrix @ matrix.T)[1][:, ::-1]
        # U'W is diag(values) V, to rounding.
        scaled = vectors.T @ matrix
        values = np.linalg.norm(scaled, axis=1)
        order = np.argsort(-values, kind="stable")
        vectors, scaled, values = vectors[:, order], scaled[order], values[order]
        others = scaled / np.where(values > 0, values, 1)[:, None]
        return (vectors, values, others) if wide else (others.T, values, vectors.T)

    @property
    def shape(self) -> tuple[int, int]:
        """Outputs and inputs, n and m."""
        return len(self.matrix), len(self.matrix.T)

    @property
    def full_rank(self) -> int:
        """The rank with which nothing is lost."""
        return min(self.shape)

    @property
    def largest_useful(self) -> int:
        """The largest rank with fewer weights than the matrix has; 0 if no rank has."""
        return (self.matrix.size - 1) // sum(self.shape)

    def weights(self, rank: int) -> int:
        """How many weights the two matrices of this rank have."""
        return rank * sum(self.shape)

    def rank_for(self, energy: float) -> int:
        """The smallest rank, at least 1, that keeps this share of the sum of the squares of the singular values."""
        squares = np.cumsum(self.parts[1] ** 2)
        # Rounding must not ask for a singular value that is not there.
        return min(int(np.searchsorted(squares, energy * squares[-1] * (1 - 1e-12))) + 1, self.full_rank)

    def energy(self, rank: int) -> float:
        """The share that this rank keeps; 1 for a matrix of zeros."""
        squares = self.parts[1] ** 2
        total = float(squares.sum())
        return float(squares[:rank].sum()) / total if total else 1.0

    def worths(self) -> npt.NDArray[np.float64]:
        """Return, for each singular value, its share of the energy for each weight that it costs."""
        squares = self.parts[1] ** 2
        return squares / (max(float(squares.sum()), np.finfo(float).tiny) * sum(self.shape))

    def at(self, rank: int) -> tuple[Array, Array]:
        """Return A (rank x m) and B (n x rank), so that B A is the best product of this rank.

        Both carry the root of each singular value: such a pair trains well, and neither is large in FP16.
        """
        u, values, v = self.parts
        root = np.sqrt(values[:rank])
        return (root[:, None] * v[:rank]).astype(np.float32), (u[:, :rank] * root).astype(np.float32)


def why_not(model: Model, layer: LayerParameter) -> str:
    """Say why a layer cannot be split, as the rest of a sentence about it; empty if it can be."""
    if layer.type not in _SPLITS:
        return f"is of type {layer.type}; low rank is for {' and '.join(_SPLITS)}."
    if layer.type == "Convolution" and layer.convolution_param.group > 1:
        return f"has {layer.convolution_param.group} groups; low rank is for convolutions of one group."
    if layer.type == "Convolution" and (len(layer.bottom) > 1 or layer.convolution_param.axis != 1):
        return "has several bottoms or another axis than 1; low rank is for plain convolutions."
    if model.shares_weights(layer.name):
        return "shares its weights with another layer (param { name })."
    return ""


def factors_of(model: Model, layer: LayerParameter) -> Factors:
    """Return the SVD of a layer that can be split (see `why_not`); it is computed when it is needed."""
    weights = model.weights[layer.name][0].astype(np.float64)
    if layer.type == "InnerProduct" and layer.inner_product_param.transpose:
        weights = weights.T
    return Factors(layer.name, weights.reshape(len(weights), -1))


def split(model: Model, factors: Factors, rank: int) -> None:
    """Put two layers of this rank in the place of one, in all prototxts and in the weights.

    Layer X becomes X_a, without bias, and X_b, which has the bias and the top. Raises CompressError if a name is taken.
    """
    name = factors.name
    if not 1 <= rank <= factors.full_rank:
        raise CompressError(f"--rank {name}={rank}: expected a rank from 1 to {factors.full_rank}.")
    names = [name + ending for ending in _AFTER]
    for net in model.nets():
        for each in net.layer:
            if taken := {each.name, *each.top} & {*names}:
                raise CompressError(
                    f'layer "{each.name}": has the name {min(taken)} already, which half of {name} would get. '
                    f"Rename it, or leave {name} out."
                )
    old = model.layer(name, "--rank")
    first, second = factors.at(rank)
    shape = model.weights[name][0].shape
    if old.type == "Convolution":
        first, second = first.reshape(rank, *shape[1:]), second.reshape(*second.shape, *[1] * (len(shape) - 2))
    elif old.inner_product_param.transpose:
        first, second = first.T.copy(), second.T.copy()
    new: dict[str, list[Array]] = {}
    for owner, blobs in model.weights.items():
        if owner == name:
            new |= {names[0]: [first], names[1]: [second, *blobs[1:]]}
        else:
            new[owner] = blobs
    model.weights = new
    for net in model.nets():
        _split_in(net, name, rank)


def _split_in(net: NetParameter, name: str, rank: int) -> None:
    layers: list[LayerParameter] = []
    for layer in net.layer:
        layers += _halves(layer, rank) if layer.name == name else [layer]
    copies = [LayerParameter.FromString(layer.SerializePartialToString()) for layer in layers]
    del net.layer[:]
    net.layer.extend(copies)


def _halves(layer: LayerParameter, rank: int) -> list[LayerParameter]:
    """Return the two layers; both have the rules, rates and fillers of the one."""
    first, second = LayerParameter(), LayerParameter()
    for half, ending in zip((first, second), _AFTER, strict=True):
        half.CopyFrom(layer)
        half.name = layer.name + ending
    first.top[:] = [first.name]
    second.bottom[:] = [first.name]
    # A loss_weight belongs to the top, and propagate_down to the bottom.
    first.ClearField("loss_weight")
    second.ClearField("propagate_down")
    del first.param[1:]
    _SPLITS[layer.type](first, second, rank)
    return [first, second]


def _split_inner_product(first: LayerParameter, second: LayerParameter, rank: int) -> None:
    first.inner_product_param.num_output = rank
    first.inner_product_param.bias_term = False
    first.inner_product_param.ClearField("bias_filler")


def _split_convolution(first: LayerParameter, second: LayerParameter, rank: int) -> None:
    """The first half slides the window; the second is 1x1."""
    first.convolution_param.num_output = rank
    first.convolution_param.bias_term = False
    first.convolution_param.ClearField("bias_filler")
    window = second.convolution_param
    for field in _WINDOW:
        window.ClearField(field)  # type: ignore[arg-type]
    window.kernel_size.append(1)


_SPLITS = {"InnerProduct": _split_inner_product, "Convolution": _split_convolution}
"""What can be split: the function sets the two halves, which are copies of the layer."""

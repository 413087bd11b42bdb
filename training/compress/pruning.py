"""Leaves out channels: those with the smallest filters, with all weights that read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

import numpy as np
import numpy.typing as npt

from ..errors import CompressError
from .channels import Channels, Kept
from .model import Model
from .share import Share

Norm = Literal["L1", "L2"]


@dataclass
class Pruned:
    """What was left out: for each layer how many channels stay and were, and why others were left alone."""

    stayed: dict[str, tuple[int, int]]
    left_alone: dict[str, str]


def prune(model: Model, channels: Channels, shares: Mapping[str, Share], norm: Norm = "L2") -> Pruned:
    """Leave channels of the layers out, in all prototxts and in the weights.

    `shares` maps a layer's name, or a pattern such as conv*, to how many of its channels stay. The importance of a channel is
    the norm of its filter, or |gamma| where BatchNorm and Scale follow. Layers that Eltwise ties lose the same channels.
    A layer that a pattern means is left alone if it cannot be pruned; one that is named raises CompressError.
    """
    importance = _importance(model, channels, norm)
    gone = np.zeros(len(channels.groups), bool)
    left_alone: dict[str, str] = {}
    for pattern, share in shares.items():
        names = [name for name in channels.makers() if fnmatchcase(name, pattern)]
        if not names:
            names = [model.layer(pattern, "--channels").name]
        for name in names:
            if reason := channels.why_not(name):
                if name == pattern:
                    raise CompressError(f"--channels {name}: cannot be pruned: {reason}")
                left_alone[name] = reason
                continue
            _choose(channels, name, share, importance, gone)
    stays = ~gone[channels.groups]
    _shrink(model, channels, stays)
    stayed = {}
    for name, made in channels.made.items():
        if not stays[made].all():
            stayed[name] = (int(stays[made].sum()), len(made))
    return Pruned(stayed, left_alone)


def _choose(channels: Channels, name: str, share: Share, importance: npt.NDArray[np.float64], gone: Kept) -> None:
    """Mark the least important channels of a layer as gone, until as many stay as `share` says."""
    # With maxout, as in LightCNN, the two channels of a pair stay or go together.
    groups, sizes = np.unique(channels.groups[channels.made[name]], return_counts=True)
    together = int(sizes[0])
    count = len(groups) * together
    keep = share.of(count)
    if keep > count:
        raise CompressError(f"--channels {name}={keep}: the layer has {count} channels. Name a smaller number.")
    if keep % together and not share.percent:
        raise CompressError(
            f"--channels {name}={keep}: the net ties each {together} channels; expected a multiple of it."
        )
    left = groups[~gone[groups]]
    too_many = len(left) - max(1, keep // together)
    if too_many < 0 and not share.percent:
        tied = ", ".join(channels.tied(name))
        raise CompressError(
            f"--channels {name}={keep}: only {len(left) * together} stay, because the net ties them to {tied}."
        )
    order = np.argsort(importance[left], kind="stable")
    gone[left[order[: max(0, too_many)]]] = True


def _importance(model: Model, channels: Channels, norm: Norm) -> npt.NDArray[np.float64]:
    """Return, at the number of each group, the root of the sum of its squared |gamma|, or else of its filters' squared norms."""
    by_filter = np.zeros(len(channels.groups))
    for name, made in channels.made.items():
        filters = np.moveaxis(model.weights[name][0], channels.filters[name], 0).reshape(len(made), -1)
        np.add.at(by_filter, channels.groups[made], np.linalg.norm(filters, 1 if norm == "L1" else 2, axis=1) ** 2)
    by_gamma = np.zeros(len(channels.groups))
    has_gamma = np.zeros(len(channels.groups), bool)
    for name, numbers in channels.gammas.items():
        np.add.at(by_gamma, channels.groups[numbers], model.weights[name][0].astype(np.float64) ** 2)
        has_gamma[channels.groups[numbers]] = True
    return np.sqrt(np.where(has_gamma, by_gamma, by_filter))


def _shrink(model: Model, channels: Channels, stays: Kept) -> None:
    for (name, blob, axis), numbers in channels.uses.items():
        kept = stays[numbers]
        if not kept.all():
            model.weights[name][blob] = np.compress(kept, model.weights[name][blob], axis)
    for net in model.nets():
        for layer in net.layer:
            for resize, numbers in channels.resizes.get(layer.name, ()):
                if not stays[numbers].all():
                    resize(layer, stays[numbers])

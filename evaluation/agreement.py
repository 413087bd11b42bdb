"""Whether a compiled network does to its pictures what its train_test net does: else its figures say nothing of the net."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common.messages import COMPILE_AGAIN
from ncs.inputs.preprocessing import SAME_MEAN, SAME_SCALE

from .errors import EngineError

if TYPE_CHECKING:
    from common.card import ModelCard
    from ncs.inputs.training import Transform


def check_agreement(card: ModelCard, transform: Transform) -> None:
    """Raise EngineError if mean or scale of the card differ from those of training.

    A mean file that is not there cannot be compared.
    """
    mean = _different_mean(card, transform)
    if mean or not np.allclose(card.input.scale or [1.0], transform.scale, rtol=SAME_SCALE, atol=0):
        scale = (
            f"scale {' '.join(f'{factor:g}' for factor in dict.fromkeys(card.input.scale))}" if card.input.scale else ""
        )
        raise EngineError(
            f"{card.path}: the network has {mean or transform.mean_text} and {scale or 'no scale'} inside, but {transform.place} "
            f"has {transform.mean_text} and {transform.scale_text}. {COMPILE_AGAIN}"
        )


def _different_mean(card: ModelCard, transform: Transform) -> str:
    """Describe the mean of the card if it is another one than that of training."""
    from common.card import mean_hash

    file = transform.param.mean_file
    if file and not Path(file).exists():
        return ""
    mean = transform.mean(card.input.shape[1]) if card.input.is_picture else None
    trained = None if mean is None or not mean.any() else mean
    entry = card.mean
    if entry.kind == "none":
        return "" if trained is None else "no mean"
    if entry.kind == "image":
        same = trained is not None and mean_hash(trained) == entry.sha256
        return "" if same else "another mean image" if file else "a mean image"
    values = [0.0] if trained is None else trained.reshape(len(trained), -1).mean(1)
    if not entry.channel_means or np.allclose(entry.channel_means, values, rtol=0, atol=SAME_MEAN):
        return ""
    return f"the mean values {' '.join(f'{value:g}' for value in entry.channel_means)}"

"""The choice between fp32 and bf16."""

from __future__ import annotations

import pytest
import torch

from training.errors import TrainingError
from training.solvers import precision
from training.solvers.precision import autocast, choose_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("flags", "precision_name"),
    [({"avx512f", "avx512_bf16"}, "bf16"), ({"amx_bf16"}, "bf16"), ({"avx2", "avx512f"}, "fp32"), (set(), "fp32")],
)
def test_auto_asks_the_processor(flags: set[str], precision_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "cpu_flags", lambda: flags)
    assert choose_precision("auto", CPU) == precision_name
    assert choose_precision("fp32", CPU) == "fp32"
    assert choose_precision("bf16", CPU) == "bf16"


def test_an_unknown_precision() -> None:
    with pytest.raises(TrainingError, match='unknown precision "fp16"; expected one of fp32, bf16, auto'):
        choose_precision("fp16", CPU)


def test_autocast() -> None:
    a = torch.ones(4, 4)
    with autocast("bf16", CPU):
        assert (a @ a).dtype is torch.bfloat16
    with autocast("fp32", CPU):
        assert (a @ a).dtype is torch.float32

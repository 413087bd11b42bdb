"""--gpu: which GPU PyTorch is let see, and what is said where Caffe would have done more."""

from __future__ import annotations

import logging
import os

import pytest
import torch

from common.commands import LOGGER
from common.errors import UsageError
from training.commands import net_options
from training.commands.net_options import select_gpu


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine on which PyTorch sees a GPU."""
    monkeypatch.setattr(net_options, "choose_device", lambda: torch.device("cuda"))
    # Set first, so that what the test leaves there is taken away.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("gpu", "visible", "expected"),
    [
        ("", "5,7", "5,7"),
        ("0", None, "0"),
        ("3", None, "3"),
        ("0", "", ""),
        ("3", "5,7", ""),
        ("1", "5,7", "7"),
        ("1", "GPU-a,GPU-b", "GPU-b"),
        ("2,3", None, "2"),
        ("all", "5,7", "5,7"),
    ],
)
def test_the_gpu_that_is_seen(machine: pytest.MonkeyPatch, gpu: str, visible: str | None, expected: str) -> None:
    if visible is None:
        machine.delenv("CUDA_VISIBLE_DEVICES")
    else:
        machine.setenv("CUDA_VISIBLE_DEVICES", visible)
    select_gpu(gpu)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == expected


@pytest.mark.parametrize(("gpu", "said"), [("0", ""), ("0,1", "torchrun"), ("all", "torchrun")])
def test_several_gpus_are_for_torchrun(caplog: pytest.LogCaptureFixture, gpu: str, said: str) -> None:
    with caplog.at_level(logging.WARNING, LOGGER):
        select_gpu(gpu)
    assert len(caplog.messages) == bool(said) and all(said in message for message in caplog.messages)


def test_workers_of_torchrun_share_the_gpus_themselves(
    machine: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    machine.setenv("LOCAL_RANK", "1")
    select_gpu("0,1")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "" and caplog.messages == []


def test_without_a_gpu_the_cpu_computes(machine: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    machine.setattr(net_options, "choose_device", lambda: torch.device("cpu"))
    select_gpu("0")
    assert caplog.messages == ["--gpu 0: PyTorch sees no such GPU, so the CPU computes."]


@pytest.mark.parametrize("gpu", ["-1", "x", "0,", "0,x", "0 1", "²"])
def test_what_is_no_gpu(gpu: str) -> None:
    with pytest.raises(UsageError, match="expected the number of a GPU"):
        select_gpu(gpu)

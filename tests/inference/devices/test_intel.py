"""GPU and NPU: what is said where they are missing. Nothing here has run on one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from common.card import read_cards
from common.errors import UsageError
from inference.devices import intel, open_device
from inference.devices.intel import GPU, NPU, Accelerator, has_device, look_for
from inference.devices.intel.npu import NpuDevice
from inference.errors import DeviceError
from kits.inference import write_graph


def machine_with(folder: Path, accelerator: Accelerator, vendor: str = intel.INTEL) -> tuple[Path, Path]:
    """A /sys and a /dev with an accelerator."""
    name = accelerator.nodes.replace("D*", "D128").replace("*", "0")
    device = folder / "sys" / accelerator.listed / name / "device"
    device.mkdir(parents=True)
    (device / "vendor").write_text(vendor + "\n")
    node = folder / "dev" / accelerator.folder / name
    node.parent.mkdir(parents=True)
    node.touch()
    return folder / "sys", folder / "dev"


@pytest.mark.parametrize("accelerator", [GPU, NPU], ids=lambda each: each.name)
@pytest.mark.parametrize("vendor", ["", "0x10de", "0x1002"])
def test_none_or_one_of_another_maker(tmp_path: Path, accelerator: Accelerator, vendor: str) -> None:
    sysfs, dev = machine_with(tmp_path, accelerator, vendor) if vendor else (tmp_path, tmp_path)
    look = look_for(accelerator, sysfs, dev)
    assert (look.there, look.why) == (False, f"no {accelerator.what} of Intel")


@pytest.mark.parametrize("accelerator", [GPU, NPU], ids=lambda each: each.name)
def test_one_that_openvino_does_not_see(tmp_path: Path, accelerator: Accelerator) -> None:
    """So it is here: the files say there is one, and the driver is missing."""
    look = look_for(accelerator, *machine_with(tmp_path, accelerator))
    assert (look.there, look.ready) == (True, False)
    assert "but OpenVINO does not see it" in look.why
    assert look.steps == (accelerator.driver,)


def test_one_that_this_user_may_not_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intel.os, "access", lambda path, mode: False)
    look = look_for(GPU, *machine_with(tmp_path, GPU))
    assert look.why.endswith("but this user may not use it")
    assert "sudo usermod -aG render" in look.steps[0]


def test_one_that_is_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    core = SimpleNamespace(available_devices=["CPU", "GPU.0", "GPU.1"], get_property=lambda device, name: "Arc")
    monkeypatch.setattr("openvino.Core", lambda: core)
    look = look_for(GPU, *machine_with(tmp_path, GPU))
    assert (look.there, look.ready, look.details) == (True, True, ("Arc",))
    assert not has_device(core.available_devices, "NPU")


@pytest.mark.parametrize(("name", "what"), [("GPU", "graphics"), ("NPU", "neural")])
def test_asking_for_one_that_is_not_there(tmp_path: Path, name: str, what: str) -> None:
    cards = read_cards(write_graph(tmp_path))
    with pytest.raises(DeviceError, match=rf"OpenVINO has no {name}: .*{what} processor.* Or use --device CPU\."):
        open_device(name, cards)
    with pytest.raises(UsageError, match=r"is for the CPU; .* computes in .*\. Leave it out, or add --device CPU"):
        open_device(name, cards, "bf16")


def test_an_npu_is_asked_for_no_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same code on the CPU, which then says what it computes in."""
    monkeypatch.setattr(NpuDevice, "name", "CPU")
    device: Any = NpuDevice(read_cards(write_graph(tmp_path)))
    assert device.precision in ("f32", "bf16", "f16")

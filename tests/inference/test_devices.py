"""Which device is taken, by a /sys tree that the test makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import UsageError
from common.places import ROOT
from inference.devices import DEVICES, choose, find_sticks, myriad, open_device
from inference.errors import DeviceError
from kits.inference import sysfs_with

STICK, BOOTED, NCS1, OTHER = "03e7:2485", "03e7:f63b", "03e7:2150", "2485:03e7"


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Something that may be run, where the worker's Python is looked for."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    monkeypatch.setenv(myriad.VARIABLE, str(python))
    return python


@pytest.fixture
def no_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(myriad.VARIABLE, raising=False)
    monkeypatch.setattr("common.places.TOOLCHAIN", tmp_path / "toolchain")


@pytest.mark.parametrize(
    ("plugged", "found"),
    [([], []), ([STICK], [STICK]), ([BOOTED], [BOOTED]), ([NCS1, OTHER], []), ([STICK, BOOTED], [STICK, BOOTED])],
)
def test_sticks_are_found_by_their_ids(tmp_path: Path, plugged: list[str], found: list[str]) -> None:
    assert find_sticks(sysfs_with(tmp_path, *plugged)) == found


def test_no_usb_at_all(tmp_path: Path) -> None:
    assert find_sticks(tmp_path) == []


def test_a_device_pulled_out_while_looking(tmp_path: Path) -> None:
    sysfs = sysfs_with(tmp_path, STICK)
    (sysfs / "bus/usb/devices/1-3/idProduct").unlink()
    assert find_sticks(sysfs) == []


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize("one", [STICK, BOOTED])
def test_auto_takes_a_stick(tmp_path: Path, one: str) -> None:
    choice = choose("auto", sysfs_with(tmp_path, one))
    assert (choice.name, choice.why) == ("MYRIAD", f"stick {one} found")


def test_auto_without_a_stick(tmp_path: Path) -> None:
    choice = choose("auto", sysfs_with(tmp_path, NCS1))
    assert choice.name == "CPU"
    assert choice.why == "no Movidius stick on USB (03e7:2485, 03e7:f63b)"


@pytest.mark.usefixtures("no_chain")
def test_auto_with_a_stick_but_no_tool_chain(tmp_path: Path) -> None:
    choice = choose("auto", sysfs_with(tmp_path, STICK))
    assert choice.name == "CPU"
    assert choice.why.startswith("stick 03e7:2485 found, but the tool chain that drives it is missing")


@pytest.mark.usefixtures("no_chain")
def test_myriad_without_a_tool_chain(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"Install it: tools/toolchain\.sh movidius .*MOKA_MYRIAD_PYTHON"):
        choose("MYRIAD", sysfs_with(tmp_path, STICK))


def test_a_named_python_that_is_not_there(tmp_path: Path, chain: Path) -> None:
    chain.unlink()
    with pytest.raises(DeviceError, match=f"MOKA_MYRIAD_PYTHON={chain}: no such program"):
        choose("MYRIAD", sysfs_with(tmp_path, STICK))


@pytest.mark.usefixtures("chain")
def test_myriad_without_a_stick_is_one_line_with_what_to_check(tmp_path: Path) -> None:
    with pytest.raises(DeviceError) as caught:
        choose("MYRIAD", sysfs_with(tmp_path))
    message = str(caught.value)
    assert "\n" not in message
    for word in ("cable", "power of the hub", "udev rule", "tools/97-moka-myriad.rules", STICK, BOOTED, "--device CPU"):
        assert word in message
    assert caught.value.exit_code == 1


@pytest.mark.usefixtures("chain")
def test_where_there_is_no_sysfs_only_trying_tells(tmp_path: Path) -> None:
    assert choose("MYRIAD", tmp_path / "none").name == "MYRIAD"
    assert choose("auto", tmp_path / "none").name == "CPU"


@pytest.mark.parametrize("name", ["CPU", "cpu"])
def test_cpu_needs_no_look(tmp_path: Path, name: str) -> None:
    assert choose(name, tmp_path).name == "CPU"


def test_an_unknown_device(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r'--device MYRAID: unknown\. Known: auto, CPU, MYRIAD\. Did you mean "MYRIAD"\?'
    ):
        choose("MYRAID", tmp_path)


def test_precision_is_for_the_cpu() -> None:
    with pytest.raises(UsageError, match=r"--precision fp8: unknown\. Known: bf16, f32"):
        open_device("CPU", [], "fp8")
    with pytest.raises(UsageError, match=r"a stick computes in FP16\. Leave it out, or add --device CPU"):
        open_device("MYRIAD", [], "bf16")


def test_the_rules_file_the_message_and_the_look_agree() -> None:
    rules = (ROOT / "tools/97-moka-myriad.rules").read_text("ascii")
    for product in ("2485", "f63b"):
        assert f'ATTR{{idVendor}}=="03e7", ATTR{{idProduct}}=="{product}"' in rules
    assert set(DEVICES) == {"CPU", "MYRIAD"}

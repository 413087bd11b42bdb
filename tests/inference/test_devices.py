"""Which device is taken, by a /sys tree that the test makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.card import read_cards
from common.errors import UsageError
from common.places import ROOT
from inference.devices import DEVICES, Choice, choices, listing, myriad, oak, open_device, open_first
from inference.devices.intel import gpu
from inference.devices.look import Look
from inference.devices.usb import OAK_IDS, find_sticks, find_usb
from inference.errors import DeviceError
from kits.inference import sysfs_with, write_graph

STICK, BOOTED, NCS1, OTHER = "03e7:2485", "03e7:f63b", "03e7:2150", "2485:03e7"


@pytest.fixture(autouse=True)
def no_depthai(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developers' environment has it."""
    monkeypatch.setattr(oak, "depthai_version", lambda: "")


def choose(requested: str, sysfs: Path) -> Choice:
    """What is tried first."""
    return choices(requested, sysfs)[0]


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
        UsageError,
        match=r'--device MYRAID: unknown\. Known: auto, BLOB, CPU, GPU, MYRIAD, NPU, OAK, OPENCV\. Did you mean "MYRIAD"\?',
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
    for known in OAK_IDS:
        assert f'ATTR{{idProduct}}=="{known[5:]}"' in rules


@pytest.mark.usefixtures("no_chain")
def test_auto_takes_an_oak_camera_where_only_depthai_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sysfs = sysfs_with(tmp_path, STICK)
    monkeypatch.setattr(oak, "depthai_version", lambda: "3.12.0")
    assert choose("auto", sysfs) == Choice(
        "OAK", "Myriad X 03e7:2485 found, which is an OAK camera or a stick, and depthai 3.12.0"
    )
    monkeypatch.setattr(oak, "depthai_version", lambda: "1.0")
    choice = choose("auto", sysfs)
    assert choice.name == "CPU"
    assert choice.why.endswith("but depthai 1.0 is neither 2 nor 3")


@pytest.mark.usefixtures("chain")
def test_auto_prefers_the_stick_and_then_the_rest_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oak, "depthai_version", lambda: "2.30")
    monkeypatch.setattr(gpu, "look", lambda sysfs: Look(True, True, "graphics processor found"))
    found = [choice.name for choice in choices("auto", sysfs_with(tmp_path, STICK))]
    assert found == ["MYRIAD", "OAK", "GPU", "CPU"]
    assert list(DEVICES)[: list(DEVICES).index("CPU")] == ["MYRIAD", "OAK", "GPU", "NPU"]
    assert "BLOB" in DEVICES


def test_a_device_that_does_not_open_gives_way_to_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only under auto: whoever names a device wants that one."""
    (card,) = read_cards(write_graph(tmp_path))
    stick = Choice("OAK", "stick found")
    device, why = open_first([stick, Choice("CPU", "no stick")], [card])
    assert device.name == "CPU"
    assert why.startswith("stick found, but depthai, which drives an OAK camera, is missing.")
    device.close()
    with pytest.raises(DeviceError, match="depthai"):
        open_first([stick], [card])


def test_where_a_device_is_plugged_in(tmp_path: Path) -> None:
    sysfs = sysfs_with(tmp_path, STICK)
    folder = (sysfs / "bus/usb/devices/1-3").rename(sysfs / "bus/usb/devices/1-4.2")
    for name, text in (("busnum", "1"), ("devnum", "7"), ("speed", "480")):
        (folder / name).write_text(text + "\n")
    (device,) = find_usb((STICK,), sysfs, tmp_path)
    assert device.node == tmp_path / "bus/usb/001/007"
    assert device.allowed
    assert device.describe() == (
        "03e7:2485 at USB port 1-4.2, 480 Mbit/s (USB 2), behind a hub: if it drops out, the hub needs a power supply of its own"
    )


@pytest.mark.usefixtures("chain")
def test_a_stick_that_this_user_may_not_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sysfs = sysfs_with(tmp_path, STICK)
    monkeypatch.setattr("inference.devices.usb.UsbDevice.allowed", False)
    look = myriad.look(sysfs)
    assert (look.there, look.ready) == (True, False)
    assert look.why.startswith("stick 03e7:2485 found, but this user may not use it")
    assert "tools/97-moka-myriad.rules" in look.steps[0]


@pytest.mark.usefixtures("no_chain")
def test_the_list_says_what_is_missing_and_what_to_do(tmp_path: Path) -> None:
    lines = listing.list_devices(sysfs_with(tmp_path, STICK))
    rows = [line.split()[:2] for line in lines if not line.startswith(" ")]
    assert rows == [
        ["MYRIAD", "incomplete"],
        ["OAK", "incomplete"],
        ["GPU", "absent"],
        ["NPU", "absent"],
        ["CPU", "ready"],
        ["OPENCV", "ready"],
        ["BLOB", "ready"],
        ["auto", "CPU"],
    ]
    text = "\n".join(lines)
    assert "03e7:2485 at USB port 1-3" in text
    assert "to do: the tool chain that drives it is missing. Install it: tools/toolchain.sh movidius" in text
    assert "to do: install depthai" in text


@pytest.mark.usefixtures("no_chain")
def test_the_list_where_nothing_is_plugged_in(tmp_path: Path) -> None:
    lines = listing.list_devices(tmp_path)
    assert lines[0] == "MYRIAD  absent      no Movidius stick on USB (03e7:2485, 03e7:f63b)"
    assert "this system shows no USB at all" in lines[1]
    assert lines[-1] == "auto    CPU         no Movidius stick on USB (03e7:2485, 03e7:f63b)"

"""Lists the devices that can run the networks: what is there, what is missing, and what to do about it."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import DEVICES, choices, device_module
from .usb import SYSFS

EXAMPLE = "python -m inference devices"
READY, INCOMPLETE, ABSENT = "ready", "incomplete", "absent"


def add_options(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def main(options: argparse.Namespace) -> None:
    """Print the list."""
    print("\n".join(list_devices()))


def list_devices(sysfs: Path = SYSFS) -> list[str]:
    """Return the lines of the list."""
    lines = []
    indent = " " * 20
    for name in DEVICES:
        look = device_module(name).look(sysfs)
        state = READY if look.ready else INCOMPLETE if look.there else ABSENT
        lines.append(f"{name:8}{state:12}{look.why}")
        lines += [f"{indent}{detail}" for detail in look.details]
        lines += [f"{indent}to do: {step}" for step in look.steps]
    choice = choices("auto", sysfs)[0]
    lines.append(f"{'auto':8}{choice.name:12}{choice.why}")
    return lines

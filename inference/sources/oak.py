"""The camera of an OAK as a source: `oak`.

If the networks run on the same OAK, both are one program there: people.py hands its device to `oak_frames`. Otherwise the camera
is opened here, without a network.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import DeviceError
from ..frame import Frame, Unreadable

if TYPE_CHECKING:
    from ..devices.oak import OakDevice

WORD = "oak"
PAUSE = 0.003
"""Seconds between two looks for a frame. Meanwhile networks on the same device are asked."""


def is_oak(word: str) -> bool:
    """Return whether a word means the camera of an OAK."""
    return word == WORD


def open_oak(_: str) -> Iterator[Frame | Unreadable]:
    """Return the frames of an OAK on which no network runs."""
    return _own_frames(square=False)


def open_square(_: str) -> Iterator[Frame | Unreadable]:
    """Return the squares in the middle of these frames, for networks that are shown whole pictures as faces."""
    return _own_frames(square=True)


def _own_frames(square: bool) -> Iterator[Frame | Unreadable]:
    from ..devices.oak import INSTALL, OakDevice, depthai_version

    if not depthai_version():
        yield Unreadable(WORD, f"depthai is missing. {INSTALL[0].upper()}{INSTALL[1:]}")
        return
    try:
        device = OakDevice([])
    except DeviceError as error:
        yield Unreadable(WORD, str(error))
        return
    try:
        device.start_camera(square)
        yield from oak_frames(device)
    except DeviceError as error:
        yield Unreadable(WORD, str(error))
    finally:
        device.close()


def oak_frames(device: OakDevice) -> Iterator[Frame | Unreadable]:
    """Yield the frames of a device whose camera has been started, without an end. Raises DeviceError if it is lost for good."""
    opened, begun, last = time.monotonic(), 0, -1
    while True:
        shot = device.shoot()
        if shot is None:
            time.sleep(PAUSE)
            continue
        if begun + shot.number <= last:
            # It was opened again, and counts from the beginning.
            begun = last + 1 - shot.number
        last = begun + shot.number
        seconds = time.monotonic() - opened
        yield Frame(WORD, shot.picture, last, seconds, True, shot.milliseconds, True, shot.outputs or None)

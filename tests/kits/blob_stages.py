"""The stages of a Myriad X blob, as far as tests look at them. Numbers are those of blobs of OpenVINO 2021.4.2."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

_NAMES = {0: "Conv", 2: "AvgPool", 8: "DepthConv", 13: "Prod", 19: "Copy", 38: "Unit", 71: "Pad", 111: "Convert"}
_UNIT = 38
_BORDER = 0x7F83FF19
_STAGES_AT, _COUNT_AT = 124, 76


@dataclass(frozen=True)
class Stage:
    """A stage: its kind, and for the convolution and pooling unit what it does (Convolution, MaxPool, Average)."""

    kind: str
    parameters: bytes

    @property
    def words(self) -> tuple[int, ...]:
        """The parameters as whole numbers."""
        return struct.unpack(f"<{len(self.parameters) // 4}I", self.parameters[: len(self.parameters) // 4 * 4])


def stages(blob: Path) -> list[Stage]:
    """Return the stages in the order in which they run. A stage that the unit runs beside another is not listed."""
    data = blob.read_bytes()
    (place,), (count,) = (struct.unpack_from("<I", data, at) for at in (_STAGES_AT, _COUNT_AT))
    found = []
    for _ in range(count):
        length, kind, _, size = struct.unpack_from("<4I", data, place)
        assert struct.unpack_from("<2I", data, place + length - 8) == (kind, _BORDER)
        parameters = data[place + 16 : place + 12 + size]
        found.append(Stage(_unit(parameters) if kind == _UNIT else _NAMES.get(kind, str(kind)), parameters))
        place += length
    return found


def _unit(parameters: bytes) -> str:
    """What the first descriptor of a stage of the unit does."""
    _, kind, method = struct.unpack_from("<3I", parameters)
    return ("MaxPool in the unit", "Average in the unit")[method] if kind == 4 else "Convolution in the unit"

"""What the estimate knows of the chip: facts that are published, and a few constants fitted to published frame rates.

`python -m tools.blob_cost` makes the fit again from published.json and prints both tables of this module.
"""

from __future__ import annotations

from dataclasses import dataclass

CLOCK = 700e6
"""Hz of the chip, of its convolution unit as of its SHAVEs. Published by the vendor."""
SHAVES = 16
"""SHAVEs of the chip."""
SLICES = 19
"""CMX slices that networks may have."""
UNITS = 2
"""Convolution units of the chip. An inference has one of them, if two run at a time."""
MODE_CYCLES = (0, 5, 11, 19, 31)
"""Cycles that the unit adds for each pixel of a job, by mode. The vendor's compiler divides the work by these numbers."""
USB3 = 350e6
"""Bytes/s over USB 3, as a camera of the same chip sends its pictures (docs.luxonis.com/software/depthai/optimizing)."""
MOST_INFERENCES = 561.0
"""Inferences/s of an NCS2 with next to nothing to compute, a net of 28 x 28 pixels with four requests in flight.

Measured at blog.csdn.net/weixin_43978579/article/details/107690552 with OpenVINO 2020.4. The host and the USB take the time.
"""
SOFTWARE_MULTIPLY_ADDS = 1.5e9
"""Multiply-adds/s of a SHAVE in a convolution without the unit: what the first stick's SHAVEs do, at this chip's clock.

GoogLeNet takes that stick 105 ms (github.com/opencv/opencv/pull/11587): 1.6 G multiply-adds on 12 SHAVEs at 600 MHz. No
figure of a Myriad X with its unit off was found, so this is rough.
"""


@dataclass(frozen=True)
class Constants:
    """Bytes/s that the memory moves, elements/s of a SHAVE, and seconds that every stage takes beside its work.

    `memory` is for one inference alone, `memory_of_two` for each of two at a time. `plain` is for sums, copies and the like,
    `hard` for functions such as exp.
    """

    memory: float
    memory_of_two: float
    plain: float
    hard: float
    stage: float


@dataclass(frozen=True)
class Fit:
    """How good the estimate was for nets that the fit had not seen, each left out in its turn.

    `median` and `most` are factors, up or down: half of the nets and nine in ten of them are within these; `worst` is the
    largest one.
    """

    nets: int
    median: float
    most: float
    worst: float


FITTED = Constants(memory=4.885e9, memory_of_two=2.734e9, plain=343.6e6, hard=116.9e6, stage=18.26e-6)
RATES = Fit(nets=22, median=1.11, most=1.29, worst=1.88)
"""Frames/s of two inferences at a time on 8 SHAVEs each."""
LATENCIES = Fit(nets=9, median=1.10, most=1.25, worst=1.25)
"""Milliseconds of one inference on 8 SHAVEs."""

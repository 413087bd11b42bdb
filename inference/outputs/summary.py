"""The figures of a run: pictures, faces, rate, and how long each stage took. `--benchmark` prints these alone."""

from __future__ import annotations

import json
import math
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.process.cores import cores

if TYPE_CHECKING:
    from ..analyzer import Analysis
    from ..frame import Frame, Unreadable
    from .output import About

STAGES = {"read": "reading", "detect": "detecting", "prepare": "preparing", "compute": "computing", "draw": "drawing"}
"""Name in JSON and in Analysis.milliseconds -> name in the text."""
TOGETHER = "together"
"""The stages of a picture one after another. Where they overlap, as in a pipeline, the rate is higher than this suggests."""
PERCENTILES = (50, 90, 99)
STEP = 1.001
"""Times that differ by less than this factor are counted as one, so that memory is bounded."""
SHORTEST = 1e-4
"""Milliseconds. Shorter times are counted as this one."""


class Times:
    """How often each time occurred. A percentile is exact to 0.1 %, and memory does not grow with the number of times."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.total = 0.0
        self.count = 0

    def add(self, ms: float) -> None:
        """Count a time in milliseconds."""
        self._counts[round(math.log(max(SHORTEST, ms)) / math.log(STEP))] += 1
        self.total += ms
        self.count += 1

    def percentile(self, percent: float) -> float:
        """Return the time that so many percent of the times do not exceed (the nearest rank); 0 without any."""
        left = max(1, math.ceil(percent / 100 * self.count))
        for place in sorted(self._counts):
            left -= self._counts[place]
            if left <= 0:
                return float(STEP**place)
        return 0.0


class Summary:
    """Collects the figures of a run. `dropped` is how many frames of cameras were dropped."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._begun = clock()
        self._ended = self._begun
        self.first: float | None = None
        self.pictures = 0
        self.with_faces = 0
        self.faces = 0
        self.detections = 0
        # Whether networks that detect were asked, and whether anybody looked for faces.
        self.asked = False
        self.sought = False
        self.unreadable = 0
        self.dropped = 0
        self._times = {name: Times() for name in (*STAGES, TOGETHER)}

    def add(self, frame: Frame, analysis: Analysis, drawing: float = 0.0) -> None:
        """Count a picture. `drawing` is the milliseconds that all outputs took, drawing included."""
        spent = {"read": frame.milliseconds, **analysis.milliseconds, "draw": drawing}
        for name, ms in spent.items():
            if name in self._times:
                self._times[name].add(ms)
        self._times[TOGETHER].add(sum(spent.values()))
        self.pictures += 1
        self.faces += len(analysis.faces)
        self.with_faces += bool(analysis.faces)
        self.detections += len(analysis.detections)
        self.asked |= bool(analysis.frame)
        self.sought |= analysis.sought
        self._ended = self._clock()
        if self.first is None:
            self.first = (self._ended - self._begun) * 1e3

    def left_out(self, unreadable: Unreadable) -> None:
        """Count what could not be read."""
        self.unreadable += 1

    def as_text(self, about: About) -> str:
        """Return the figures as a table for people."""
        content = self.fields(about)
        device = content["device"]
        counts = [
            ", ".join(
                [
                    f"{self.pictures:,} pictures",
                    *(
                        [f"{self.faces:,} faces in {self.with_faces:,} of them"]
                        if self.sought or not self.asked
                        else []
                    ),
                    *([f"{self.detections:,} detections"] if self.asked else []),
                ]
            ),
            *([f"{self.unreadable:,} left out"] if self.unreadable else []),
            *([f"{self.dropped:,} frames dropped"] if self.dropped else []),
        ]
        rate = f"{content['pictures_per_second']:.1f} pictures"
        rate += (
            f" and {content['faces_per_second']:.1f} faces a second" if self.sought or not self.asked else " a second"
        )
        rows = [
            ("done", "; ".join(counts)),
            ("rate", f"{rate}, {content['seconds']:.2f} s in all"),
            ("device", f"{device['name']}, {device['runtime']}, {device['precision']}: {device['why']}"),
            ("nets", about.networks),
            ("start", f"load {about.load:.0f} ms, warm-up {about.warm_up:.1f} ms"),
            ("memory", f"{content['peak_memory_mib']:.0f} MiB at most"),
            ("on", f"{content['processor']}, {content['cores']} cores"),
        ]
        if self.first is not None:
            rows[4] = ("start", f"{rows[4][1]}, first picture {self.first:.1f} ms")
        table = [("", *(f"p{percent}" for percent in PERCENTILES), "mean")]
        for name, label in [*STAGES.items(), (TOGETHER, TOGETHER)]:
            times = content["milliseconds"][name]
            table.append((label, *(f"{ms:.2f}" for ms in times.values())))
        lines = [f"{name:10}{text}" for name, text in rows]
        lines += [f"{name:10}" + "".join(f"{cell:>10}" for cell in cells) for name, *cells in table]
        lines[len(rows)] += "   ms a picture"
        return "\n".join(lines)

    def as_json(self, about: About) -> str:
        """Return the figures as one JSON object."""
        return json.dumps(self.fields(about), indent=2)

    def fields(self, about: About) -> dict[str, Any]:
        """Return the figures with their names."""
        seconds = self._ended - self._begun
        return {
            "pictures": self.pictures,
            "pictures_with_faces": self.with_faces,
            "faces": self.faces,
            **({"detections": self.detections} if self.asked else {}),
            "left_out": self.unreadable,
            "dropped": self.dropped,
            "seconds": round(seconds, 3),
            "pictures_per_second": round(self.pictures / seconds, 3) if seconds else 0.0,
            "faces_per_second": round(self.faces / seconds, 3) if seconds else 0.0,
            "milliseconds": {name: _figures(times) for name, times in self._times.items()},
            "load_ms": round(about.load, 3),
            "warm_up_ms": round(about.warm_up, 3),
            "first_picture_ms": None if self.first is None else round(self.first, 3),
            "device": {
                "name": about.device,
                "runtime": about.runtime,
                "precision": about.precision,
                "why": about.why,
            },
            "networks": [card.name for card in about.cards],
            "peak_memory_mib": round(peak_memory() / 2**20, 1),
            "processor": processor(),
            "cores": cores(),
        }


def _figures(times: Times) -> dict[str, float]:
    figures = {f"p{percent}": round(times.percentile(percent), 3) for percent in PERCENTILES}
    return {**figures, "mean": round(times.total / times.count, 3) if times.count else 0.0}


def peak_memory() -> int:
    """Return the most memory that this process ever had, in bytes; 0 where the system does not say."""
    if sys.platform == "win32":
        return 0
    # On Linux, getrusage also counts what the program that started this one had.
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def processor() -> str:
    """Return the name of the processor, or of the whole board where that is known better."""
    for path in (Path("/proc/device-tree/model"), Path("/proc/cpuinfo")):
        try:
            text = path.read_text("utf-8", "replace")
        except OSError:
            continue
        if path.name == "model":
            return text.strip("\x00\n ")
        for line in text.splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

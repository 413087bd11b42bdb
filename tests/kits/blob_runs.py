"""Whole nets through the MYRIAD compiler and the machine of myriad/execution, beside OpenVINO's CPU plugin on the same IR."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.helper import Helper
from common.places import ROOT
from kits.ncs import run_feed
from kits.oracle import movidius
from myriad import read_blob
from myriad.execution import Machine, Outcome
from ncs.compiler import HARMLESS, WORKER
from ncs.ir import write_ir

SOFTWARE = ROOT / "tests/oracle/software_worker.py"
Feed = Mapping[str, NDArray[Any]]
Off = dict[str, float]
"""Output -> its largest difference, as a share of the output's largest number."""


class Runner:
    """Compiles many models in one process of the tool chain, and runs them. With `software`, all stages run on SHAVEs."""

    def __init__(self, software: bool = False) -> None:
        self.software = software
        python = movidius("python")
        self._helper = Helper("the MYRIAD compiler", python, SOFTWARE if software else WORKER, HARMLESS)

    def __enter__(self) -> Runner:
        self._helper.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._helper.__exit__(kind, error, trace)

    def run(self, model: Any, feed: Feed, folder: Path) -> tuple[dict[str, NDArray[np.float32]], Outcome, Outcome]:
        """Return what OpenVINO computes from the IR, and the blob from float32 memory and as the chip."""
        xml, bin, blob = (folder / f"net.{kind}" for kind in ("xml", "bin", "blob"))
        write_ir(model, xml, bin)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            paths = {"xml": xml, "bin": bin, "blob": blob, "scratch": scratch}
            request = {key: str(path) for key, path in paths.items()}
            self._helper.call("compile", {**request, "shaves": 4, "cmx_slices": 4, "streams": 1}, seconds=200)
        read = read_blob(blob)
        # Scratch memory that begins as NaN shows a stage that reads what no stage wrote.
        wide = Machine(read, wide=True, fill=255).run(feed)
        return run_feed(str(xml), feed), wide, Machine(read).run(feed)


def differences(expected: Mapping[str, NDArray[np.float32]], found: Outcome) -> Off:
    """Compare outputs. The plugin numbers those of an operation that has two."""
    off = {}
    for name, values in expected.items():
        ours = found.outputs.get(name, found.outputs.get(f"{name}.0"))
        assert ours is not None, (name, list(found.outputs))
        assert ours.size == values.size, name
        scale = float(np.abs(values).max()) or 1.0
        off[name] = float(np.abs(ours.ravel() - values.astype(np.float32).ravel()).max()) / scale
    return off

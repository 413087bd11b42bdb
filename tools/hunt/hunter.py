"""Compiles random nets and compares each blob with its IR."""

from __future__ import annotations

import collections
import tempfile
import time
from pathlib import Path

from caffe_io.prototxt import to_text
from caffe_io.weights import write_weights
from common.errors import MokaError
from common.helper import Helper, HelperError
from common.places import toolchain_program
from ncs import compiler
from ncs.checking import Check, check_blob
from ncs.converter import convert
from ncs.ir import write_ir

from .nets import RandomNet, random_net

RESOURCES = tuple(
    {"shaves": shaves, "cmx_slices": slices, "streams": 1}
    for shaves, slices in ((8, 8), (8, 8), (4, 4), (16, 16), (1, 1), (6, 9))
)
"""What of the chip a net may use; how a layer is cut into stages depends on it."""
SECONDS = 60.0


class Hunter:
    """Compiles and checks nets, one after another, with one process of the tool chain."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._helper: Helper | None = None

    def check(self, drawn: RandomNet) -> Check:
        """Compile a net and compare. Raises MokaError if it cannot be compiled, or computes something else."""
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            files = {kind: Path(name, f"net.{kind}") for kind in ("xml", "bin", "blob", "dot")}
            write_ir(convert(drawn.net, drawn.weights), files["xml"], files["bin"])
            paths = {
                "xml": files["xml"],
                "bin": files["bin"],
                "blob": files["blob"],
                "dump": files["dot"],
                "scratch": name,
            }
            self._compile({**{key: str(path) for key, path in paths.items()}, **RESOURCES[drawn.seed % len(RESOURCES)]})
            return check_blob(files["xml"], files["blob"], files["dot"])

    def _compile(self, request: dict[str, object]) -> None:
        if self._helper is None:
            python = toolchain_program("movidius", "python")
            self._helper = Helper("the MYRIAD compiler", python, compiler.WORKER, compiler.HARMLESS)
        try:
            self._helper.call("compile", request, seconds=SECONDS)
        except HelperError:
            self.close()
            raise

    def close(self) -> None:
        """End the tool chain's process."""
        if self._helper:
            self._helper.close()
            self._helper = None


def hunt(hunter: Hunter, seeds: range, failures: Path) -> int:
    """Check the nets of these seeds, a line each, and return how many part."""
    counts: collections.Counter[str] = collections.Counter()
    start = time.perf_counter()
    for seed in seeds:
        drawn = random_net(seed)
        outcome, words = judged(hunter, drawn)
        counts[outcome] += 1
        print(f"{seed} {outcome} [{' '.join(drawn.kinds)}] {words}", flush=True)
        if outcome == "PARTS":
            keep(drawn, failures, words)
    total = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
    print(f"{len(seeds)} nets in {time.perf_counter() - start:.0f} s: {total}")
    return counts["PARTS"]


def judged(hunter: Hunter, drawn: RandomNet) -> tuple[str, str]:
    """Return what became of a net in a word, and more."""
    try:
        found = hunter.check(drawn)
    except MokaError as error:
        words = " ".join(str(error).split())
        return ("PARTS" if "made something else" in words else "refused"), words
    if found.not_checked:
        return "unchecked", found.not_checked
    misnamed = f", misnamed {' '.join(found.misnamed)}" if found.misnamed else ""
    return "agrees", f"{found.wide:.0e} in {found.layers} layers, {found.zero} zero{misnamed}"


def keep(drawn: RandomNet, failures: Path, words: str) -> None:
    """Write what shows the failure again."""
    failures.mkdir(parents=True, exist_ok=True)
    (failures / f"{drawn.seed}.prototxt").write_text(f"# {words}\n{to_text(drawn.net)}")
    write_weights(failures / f"{drawn.seed}.caffemodel", drawn.net, drawn.weights, force=True)

"""Tries to load every net of a folder of prototxts, and prints how many load, and why the others do not.

    python -m tools.public_nets FOLDER [--list FILE]

Each file is read and its net built, with all shapes, in a process of its own that has a minute and 4 GB. Weights are not
filled, nothing is trained, and no code that a net names is run. The data of such nets are not to be had, so an Input layer with
tops of the same sizes takes the place of each data layer, and a class of ours that of py-faster-rcnn's Python layers for
training. Such a net counts by itself: it needs --python-layers. So does one whose data layers alone have fields of a fork that
are refused. A file with layers for training alone is built in phase TRAIN,
others in TEST.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import hashlib
import json
import logging
import os
import re
import resource
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.commands import LOGGER, Parser, run
from common.files import atomic_file

from . import FORKS_DATA, LOADS, NEEDS_CODE

SECONDS = 60
MEMORY = 4 << 30
_SUFFIXES = (".prototxt", ".pt", ".ptxt")
_NET = re.compile(r"^\s*layers?\s*:?\s*\{", re.M)


@dataclass(frozen=True)
class Outcome:
    """What became of a file: `reason` is the row of the table, `message` what a user would read."""

    file: str
    reason: str
    message: str = ""


def main(argv: Sequence[str]) -> None:
    """Print the table, and with --list write what was said of each file."""
    parser = Parser("python -m tools.public_nets", "python -m tools.public_nets", "count the prototxts that load")
    parser.add_argument("folder", type=Path, help="prototxts, in any number of folders below it")
    parser.add_argument(
        "--list", type=Path, metavar="FILE", help="write a line of JSON for each file, with its message"
    )
    options = parser.parse_args(argv)
    # Once, before the processes part.
    from . import load  # noqa: F401

    outcomes = [try_file(path, options.folder) for path in net_files(options.folder)]
    print(as_table(outcomes))
    if options.list:
        with atomic_file(options.list, force=True) as temporary:
            temporary.write_text("".join(json.dumps(vars(outcome)) + "\n" for outcome in outcomes))


def net_files(folder: Path) -> Iterator[Path]:
    """Find the files that hold a net; of equal files one, and no solvers or label maps."""
    seen: set[bytes] = set()
    for path in sorted(folder.rglob("*")):
        if path.suffix not in _SUFFIXES or not path.is_file():
            continue
        data = path.read_bytes()
        digest = hashlib.sha256(data).digest()
        if digest not in seen and _NET.search(data.decode("latin-1")):
            seen.add(digest)
            yield path


def try_file(path: Path, folder: Path) -> Outcome:
    """Build the net of a file in a process of its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        with os.fdopen(writer, "w") as answer:
            answer.write(_limited(path))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answers:
        said = answers.read()
    status = os.waitpid(child, 0)[1]
    name = str(path.relative_to(folder))
    if status == 0:
        reason, message = json.loads(said)
        return Outcome(name, reason, message.replace(str(path), name))
    killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return Outcome(name, f"HANG: more than {SECONDS} s" if killed == signal.SIGALRM else f"CRASH: status {status}")


def as_table(outcomes: Sequence[Outcome]) -> str:
    """Return a table of the reasons, the most frequent first, after the share that loads."""
    count = Counter(outcome.reason for outcome in outcomes)
    good = [reason for reason in (LOADS, NEEDS_CODE, FORKS_DATA) if count[reason]]
    refused = [outcome for outcome in outcomes if outcome.reason not in good]
    placeless = sum(not re.match(r"[^\n]*?:\d+", outcome.message) for outcome in refused)
    lines = ["| nets | share | outcome |", "|---|---|---|"]
    for reason in [*good, *(reason for reason, _ in count.most_common() if reason not in good)]:
        lines.append(f"| {count[reason]} | {count[reason] / len(outcomes):.1%} | {reason} |")
    lines += ["", f"{len(outcomes)} nets, {len(refused)} refused, {placeless} of these without a line number."]
    return "\n".join(lines)


def _limited(path: Path) -> str:
    """Set this process's limits, and return the JSON of [reason, message]."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(SECONDS)
    logging.getLogger(LOGGER).setLevel(logging.ERROR)
    try:
        import torch

        from .load import load

        # A pool of threads does not outlive a fork.
        torch.set_num_threads(1)
        return json.dumps(load(path))
    except BaseException as error:
        return json.dumps([f"CRASH: {type(error).__name__}", str(error)])


if __name__ == "__main__":
    run(main)

"""What a killed create_lmdb leaves, and how a later run knows that it may go on from there.

Both databases are written beside their places, in folders called .NAME.*.part. A file in each says which run writes them
and from what: tasks, options, and a hash of all pictures, labels and their order. The run holds a lock on the folder of the
pictures. It ends with the process, however that ends, so a folder without it belongs to nobody.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from common.errors import MokaError, UsageError
from common.files import atomic_file
from common.inputs import read_input

from ..lock import lock_folder
from ..parallel import say
from ..records import Recipe
from .label_tables import LabelSet

MARK = "unfinished.json"
_LARGEST_MARK = 1 << 20
_ORDER = "pictures, labels or order"


@dataclass(frozen=True)
class Begun:
    """What a run writes, and the folders in which an earlier run began to, if there are any.

    With `keep` a run that a signal ends leaves its folders.
    """

    what: Mapping[str, object]
    pictures: Path | None = None
    labels: Path | None = None
    keep: bool = False

    @contextmanager
    def marked(self, pictures: Path, labels: Path) -> Iterator[None]:
        """Mark the two folders as those of this run until the block ends without an error."""
        with ExitStack() as stack:
            if not self.pictures:
                stack.enter_context(_locked(pictures))
                text = json.dumps({"run": secrets.token_hex(8), "what": self.what})
                for folder in (labels, pictures):
                    with atomic_file(folder / MARK) as temporary:
                        temporary.write_text(text)
            yield
            for folder in (pictures, labels):
                (folder / MARK).unlink(missing_ok=True)


def identity(found: LabelSet, tasks: Sequence[str], absent: int | None, recipe: Recipe) -> dict[str, object]:
    """Return what two runs must have in common if one may go on from the other."""
    digest = hashlib.sha256()
    for path in found.paths:
        digest.update(path.encode("utf-8", "surrogateescape") + b"\0")
    digest.update(np.ascontiguousarray(found.labels).tobytes())
    digest.update(np.fromiter(found.order, np.int64, len(found.order)).tobytes())
    options = {"tasks": list(tasks), "absent": absent, **asdict(recipe)}
    return {**options, "records": len(found.order), _ORDER: digest.hexdigest()}


@contextmanager
def find_begun(pictures: str, labels: str, what: Mapping[str, object]) -> Iterator[Begun]:
    """Yield what an earlier run of the same command left, or that there is nothing, and keep other runs away from it.

    Raises UsageError if there are only folders of runs with other options or tables; MokaError if one of them runs still.
    """
    others = []
    with ExitStack() as stack:
        for run, (there, folder) in _marks(Path(pictures)).items():
            _, beside = _marks(Path(labels)).get(run, ({}, None))
            if beside is None:
                # Killed while it made the folders. There is nothing in them.
                continue
            if there != what:
                others.append((folder, there))
                continue
            stack.enter_context(_locked(folder, needed=True))
            say(f"{pictures}: going on in {folder.name}")
            with _said_if_stopped(pictures):
                yield Begun(what, folder, beside, keep=True)
            return
        if others:
            folder, there = others[0]
            differing = [name for name in what if there.get(name) != what[name]]
            raise UsageError(
                f"{folder}: was begun with other {' and '.join(differing)}. Give --resume with the tables and options of that "
                "run, or leave --resume out to start again."
            )
        say(f"{pictures}: nothing to go on from; starting with the first picture")
        with _said_if_stopped(pictures):
            yield Begun(what, keep=True)


@contextmanager
def _said_if_stopped(pictures: str) -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        say(f"{pictures}: stopped; the same command goes on from here")
        raise


def _marks(path: Path) -> dict[str, tuple[dict[str, object], Path]]:
    """Return what each run that has not finished writes to `path`, and the folder in which it does, by the run's number."""
    name = re.compile(re.escape(f".{path.name}.") + r"[0-9a-f]{8}\.part")
    found = {}
    for folder in sorted(path.parent.iterdir()) if path.parent.is_dir() else ():
        if not name.fullmatch(folder.name) or folder.is_symlink():
            continue
        try:
            mark = json.loads(read_input(folder / MARK, _LARGEST_MARK))
            found[str(mark["run"])] = dict(mark["what"]), folder
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            # Of a run that was killed too early or too late, or of another verb.
            continue
    return found


@contextmanager
def _locked(folder: Path, needed: bool = False) -> Iterator[None]:
    """Hold the lock of a folder. Raises MokaError if another run has it, or if `needed` and the file system has no locks."""
    with lock_folder(folder, "Wait for it, or end it.") as lacking:
        if lacking and needed:
            raise MokaError(
                f"{folder}: cannot be locked ({lacking.strerror}), so nobody knows whether its run has ended. Leave "
                "--resume out to start again."
            ) from lacking
        yield

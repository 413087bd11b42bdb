"""How a bundle starts: this file is the `__main__.py` inside moka-edge.pyz.

1. It unpacks the bundle into ~/.cache/moka-edge/ unless the same contents are there already. OpenVINO, the stick's worker and
   the page read files, which a zip does not have; and Python keeps its bytecode there, so that later starts are quicker.
2. If packages are missing, it goes on in .venv beside the bundle, which install_pi.sh makes.
3. It runs the verb: infer, unless the first word names another one.

It is loaded before the Python is known to be new enough, so it must parse and run in Python 3.6.
"""

# ruff: noqa: UP006, UP035 (Python 3.6 has no dict[str, ...])

import atexit
import contextlib
import json
import os
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Dict, NoReturn

OLDEST_PYTHON = (3, 10)
LISTING = "bundle.json"
"""In the bundle and beside the unpacked files: {"contents": SHA-256 of all files, "files": {path: size}}."""


def main(archive: Path) -> None:
    """Run the bundle `archive` with the words of the command line, and exit."""
    if sys.version_info < OLDEST_PYTHON:
        _fail("this is Python {}.{}, and Moka needs 3.10 or newer.".format(*sys.version_info))
    try:
        root = _unpacked(archive)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        _fail(
            f"{archive}: cannot be unpacked ({reason}). Copy it again if it is damaged; otherwise free some space, or name "
            "another folder in XDG_CACHE_HOME."
        )
    except KeyboardInterrupt:
        sys.exit(130)
    sys.path[0] = str(root)
    import common.process.start  # noqa: F401 (what it does has to come first)
    from common.commands import run, run_verb
    from common.environment import missing_modules
    from inference.__main__ import ROOM

    words = sys.argv[1:]
    name = words.pop(0) if words and words[0] in ROOM.verbs else ROOM.default
    group = ROOM.verbs[name].group or ROOM.group
    missing = missing_modules(group)
    if missing:
        _go_on_in_venv(archive, f"has no module {missing[0]}", root / "locks" / f"{group}.txt")
    prog = " ".join(["python3", archive.name, *([] if name == ROOM.default else [name])])
    others = ROOM.other_verbs(f"python3 {archive.name}") if name == ROOM.default else ""
    run(lambda argv: run_verb(ROOM.verbs[name], argv, prog, others), words, group)


def _go_on_in_venv(archive: Path, reason: str, lock: Path) -> NoReturn:
    """Start again with .venv beside the bundle. If that is this Python, or there is none, say how to make it."""
    venv = archive.resolve().parent / ".venv"
    python = venv / "bin" / "python"
    # The environment's Python is a link, so only its prefix tells it from the system's.
    if os.access(python, os.X_OK) and Path(sys.prefix).resolve() != venv.resolve():
        os.execv(python, [str(python), str(archive), *sys.argv[1:]])
    page = " --page" if lock.stem == "page" else ""
    _fail(
        f"{sys.executable}: {reason}. Run ./install_pi.sh{page}, or make an environment beside the bundle:\n"
        f"  python3 -m venv {venv} && {venv}/bin/pip install -r {lock}"
    )


def _unpacked(archive: Path) -> Path:
    """Return the folder that holds the files of the bundle, which are unpacked unless they are there."""
    with zipfile.ZipFile(archive) as bundle:
        listing = json.loads(bundle.read(LISTING).decode("utf-8"))
        folder = _own_folder()
        if folder:
            # A disk may be full or read only.
            with contextlib.suppress(OSError):
                return _keep(bundle, listing, folder)
        made = Path(tempfile.mkdtemp(prefix="moka-edge-"))
        atexit.register(shutil.rmtree, made, True)
        _unpack(bundle, listing, made)
        return made


def _own_folder() -> Path | None:
    """Return the folder that keeps unpacked bundles; None if this user has none. Code in another user's is never run."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        folder = (base if base.is_absolute() else Path.home() / ".cache") / "moka-edge"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder if folder.is_absolute() and folder.stat().st_uid == os.geteuid() else None
    except (OSError, RuntimeError):
        # RuntimeError: this user has no home folder.
        return None


def _keep(bundle: zipfile.ZipFile, listing: Dict[str, Any], folder: Path) -> Path:
    """Return the complete folder for these contents. Several processes may start at once: the first rename wins."""
    kept = folder / str(listing["contents"])
    if _is_complete(kept, listing["files"]):
        return kept
    made = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=str(folder)))
    try:
        _unpack(bundle, listing, made)
        for _ in range(3):
            try:
                made.rename(kept)
                break
            except OSError:
                if _is_complete(kept, listing["files"]):
                    break
                # Somebody deleted a part of it.
                shutil.rmtree(kept, ignore_errors=True)
        if not _is_complete(kept, listing["files"]):
            raise OSError(f"{kept} cannot be replaced")
        return kept
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _is_complete(folder: Path, sizes: Dict[str, int]) -> bool:
    try:
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except OSError:
        return False


def _unpack(bundle: zipfile.ZipFile, listing: Dict[str, Any], folder: Path) -> None:
    """Unpack the files of the listing, and nothing else. Raises ValueError if their sizes differ from the listing."""
    bundle.extractall(folder, [LISTING, *listing["files"]])
    if not _is_complete(folder, listing["files"]):
        raise ValueError("it does not hold what it lists")


def _fail(message: str) -> NoReturn:
    sys.exit(f"error: {message}")


if __name__ == "__main__":
    # Inside a zip, __file__ is ARCHIVE/__main__.py.
    main(Path(__file__).absolute().parent)

"""Shells and machines that are not as expected: closed pipes, full disks, odd encodings, folders that are gone."""

from __future__ import annotations

from dataclasses import replace

from .cases import Case, Ends
from .world import WEIGHTS

# Commands that print something and end soon.
_COMMANDS: dict[str, str] = {
    "help": "--help",
    "draw": "draw --force --out new.svg --model prototxt/Tiny/deploy.prototxt",
    "types": "types",
    "mean": "mean --force data/mean/mean.binaryproto new.npy",
    "test": f"test --model prototxt/Tiny/train_test.prototxt --iterations 1 --weights {WEIGHTS}",
    "infer": "infer --device CPU --image_path face.jpg",
    "compute_image_mean": "compute_image_mean data/lmdb/test_lmdb new.binaryproto",
}
# A new process has to load its libraries.
_SECONDS = 60
_MEGABYTES = 900


def _case(name: str, script: str, ends: Ends = Ends.DONE, codes: tuple[int, ...] = (), **environment: str) -> Case:
    return Case(
        name, (script,), ends, seconds=_SECONDS, megabytes=_MEGABYTES, shell=True, codes=codes, environment=environment
    )


def cases() -> list[Case]:
    """Return the cases."""
    found = []
    for name, words in _COMMANDS.items():
        found += [
            _case(f"{name}/pipe that nobody reads", f"$MOKA {words} | true"),
            _case(f"{name}/stdout closed", f"$MOKA {words} >&-"),
            _case(f"{name}/stderr closed", f"$MOKA {words} 2>&-"),
            _case(f"{name}/both closed", f"$MOKA {words} >&- 2>&-"),
            _case(f"{name}/ASCII", f"$MOKA {words}", LC_ALL="C", PYTHONIOENCODING="ascii"),
            _case(f"{name}/Latin-1", f"$MOKA {words}", PYTHONIOENCODING="latin-1"),
            _case(f"{name}/HOME that cannot be written", f"$MOKA {words}", HOME="/proc"),
        ]
    for name in ("types", "mean", "test", "infer"):
        # As Caffe does, test writes to stderr alone.
        ends = Ends.DONE if name == "test" else Ends.REFUSED
        # By the time that the line about new.npy is lost, the file is complete.
        lost = _case(f"{name}/full disk as stdout", f"$MOKA {_COMMANDS[name]} > /dev/full", ends)
        found.append(replace(lost, may_change=("work/new.npy",)))
        gone = f"mkdir gone && cd gone && rmdir ../gone && $MOKA {_COMMANDS[name]}"
        found.append(_case(f"{name}/folder that is gone", gone, Ends.EITHER))
    full = f"$MOKA {_COMMANDS['test']} 2> /dev/full || {{ echo error: code $? >&2; exit 1; }}"
    found += [
        _case("test/full disk as stderr", full, Ends.REFUSED),
        _case(
            "user's random.py",
            f"echo 'raise SystemExit(\"mine ran\")' | tee random.py numpy.py training.py; $MOKA {_COMMANDS['mean']}",
        ),
        _case(
            "train/WORLD_SIZE of words",
            "$MOKA train --force --solver prototxt/Tiny/solver.prototxt",
            Ends.EITHER,
            WORLD_SIZE="x",
        ),
        _case(
            "infer/OpenCV's limit of words",
            f"$MOKA {_COMMANDS['infer']}",
            Ends.EITHER,
            OPENCV_IO_MAX_IMAGE_PIXELS="abc",
        ),
    ]
    return found

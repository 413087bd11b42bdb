"""Reads imdb.mat or wiki.mat with scipy, and writes the fields to stdout as plain arrays (.npz).

scipy's reader can crash at a damaged file. So this file runs as a process of its own, started by imdb_wiki.py, and imports
nothing of ours. Exit code 3: the reason is on stderr.
"""

from __future__ import annotations

import contextlib
import io
import math
import sys
from typing import Any

NUMBERS = ("dob", "photo_taken", "gender", "face_score", "second_face_score")
TEXTS = ("full_path", "name")
BOXES = "face_location"
REFUSED = 3
# Bytes. A damaged file may ask for any amount of memory; the published files need a fiftieth of this.
_MOST_MEMORY = 16 << 30


def main(path: str, kind: str) -> None:
    """Write the fields of the variable `kind` of the file at `path`."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    import numpy as np
    from scipy.io import loadmat

    record = loadmat(path, variable_names=[kind]).get(kind)
    if record is None:
        _refuse(f"holds no variable {kind}. Expected the file of IMDB-WIKI")
    fields = _fields(record, kind)
    out: dict[str, Any] = {name: np.array([_number(name, value) for value in fields[name]], float) for name in NUMBERS}
    for name in TEXTS:
        texts = [str(value.reshape(-1)[0]) if getattr(value, "size", 0) else "" for value in fields[name]]
        # Names in a .mat are UTF-16 or Latin-1; none holds a NUL.
        joined = "\0".join(text.replace("\0", "") for text in texts)
        out[name] = np.frombuffer(joined.encode("utf-8", "surrogatepass"), np.uint8)
    out[BOXES] = np.array([_box(value) for value in fields[BOXES]], float).reshape(-1, 4)
    data = io.BytesIO()
    np.savez(data, **out)
    sys.stdout.buffer.write(data.getvalue())


def _fields(record: Any, kind: str) -> dict[str, Any]:
    names = (*NUMBERS, *TEXTS, BOXES)
    present = record.dtype.names or ()
    for name in names:
        if name not in present:
            _refuse(f"{kind} has no field {name}. Found {', '.join(present) or 'none'}; expected {', '.join(names)}")
    if record.size != 1:
        _refuse(f"{kind} has {record.size} records, expected one")
    fields = {name: record.reshape(-1)[0][name].reshape(-1) for name in names}
    sizes = {name: len(values) for name, values in fields.items()}
    if len(set(sizes.values())) != 1:
        _refuse(f"the fields of {kind} have different numbers of entries: {sizes}")
    return fields


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        _refuse(f"{name} holds {str(value)[:60]!r} where a number was expected")
        raise


def _box(value: Any) -> list[float]:
    corners = [float(each) for each in value.reshape(-1)] if hasattr(value, "reshape") else []
    return corners if len(corners) == 4 else [math.nan] * 4


def _refuse(reason: str) -> None:
    print(reason, file=sys.stderr)
    sys.exit(REFUSED)


if __name__ == "__main__":
    main(*sys.argv[1:])

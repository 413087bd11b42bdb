"""Runs a worker's functions in another Python and answers the requests of common/helper.py.

`PYTHON helper_worker.py WORKER.py` loads the file WORKER.py, whose table FUNCTIONS maps a name to a function:

    def infer(values, arrays):
        tensor = numpy.asarray(arrays["data"])
        return {"any": "JSON"}, {"name": some_numpy_array}

    FUNCTIONS = {"infer": infer}

A frame is one line of JSON, then the bytes of the arrays that the line lists, one array after the other:

    {"call": "infer", "values": {...}, "arrays": [{"name": "data", "dtype": "|u1", "shape": [1, 3, 60, 60]}]}
    {"values": {...}, "arrays": [...]}
    {"error": {"type": "RuntimeError", "text": "..."}, "arrays": []}

The first is a request, the second its answer, the third the answer of a function that raised an exception.
This file is read by Python 3.6 to 3.13. It needs no numpy and imports nothing of the project.
"""

# ruff: noqa: UP006, UP035 (Python 3.6 has no dict[str, ...])

import json
import os
import runpy
import select
import sys
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO, Dict, List, Mapping, Sequence, Tuple

SECONDS_TO_FINISH = 10.0  # for a call that is running when the other side has gone
PLAIN_KINDS = "biuf"  # numpy's letters for booleans, integers and floats


class RawArray:
    """The bytes of an array. numpy.asarray turns it into a writable array without a copy."""

    def __init__(self, dtype: str, shape: Sequence[int], data: bytes) -> None:
        self.__array_interface__ = {"version": 3, "typestr": dtype, "shape": tuple(shape), "data": bytearray(data)}


def pack(header: Mapping[str, Any], arrays: Mapping[str, Any]) -> List[bytes]:
    """Turn a header and its numpy arrays into the pieces of one frame."""
    entries, pieces = [], []
    for name, array in arrays.items():
        if array.dtype.kind not in PLAIN_KINDS:
            raise TypeError(f"array {name}: holds {array.dtype}; expected numbers.")
        entries.append({"name": name, "dtype": array.dtype.str, "shape": list(array.shape)})
        pieces.append(array.tobytes())
    line = json.dumps(dict(header, arrays=entries)) + "\n"
    return [line.encode("ascii"), *pieces]


def array_sizes(header: Mapping[str, Any]) -> List[int]:
    """Return the number of bytes of each array that a header lists. Raises ValueError for an entry that is no array."""
    sizes = []
    for entry in header["arrays"]:
        kind, item = entry["dtype"][1], int(entry["dtype"][2:])
        if kind not in PLAIN_KINDS or not all(isinstance(side, int) and side >= 0 for side in entry["shape"]):
            raise ValueError(f"no array: {entry}")
        size = item
        for side in entry["shape"]:
            size *= side
        sizes.append(size)
    return sizes


def unpack(header: Mapping[str, Any], pieces: List[bytes]) -> "Dict[str, RawArray]":
    """Return the arrays that a header lists, by name."""
    arrays = {}
    for entry, piece in zip(header["arrays"], pieces):  # noqa: B905 (Python 3.6 knows no strict=)
        arrays[entry["name"]] = RawArray(entry["dtype"], entry["shape"], piece)
    return arrays


def main(worker: str) -> None:
    """Answer requests until stdin ends."""
    requests, answers = _take_pipes()
    threading.Thread(target=_end_with, args=(requests,), daemon=True).start()
    functions = {}  # type: Dict[str, Any]
    while True:
        line = requests.readline()
        if not line.endswith(b"\n"):
            return
        header = json.loads(line.decode("ascii"))
        pieces = [requests.read(size) for size in array_sizes(header)]
        try:
            functions = functions or runpy.run_path(worker)["FUNCTIONS"]
            values, arrays = functions[header["call"]](header["values"], unpack(header, pieces))
            frame = pack({"values": values}, arrays)
        except Exception as error:  # whatever it is, the other side waits for an answer
            frame = pack({"error": {"type": type(error).__name__, "text": str(error).strip()}}, {})
        try:
            for piece in frame:
                answers.write(piece)
            answers.flush()
        except BrokenPipeError:  # nobody waits for it any more
            return


def _take_pipes() -> Tuple[BinaryIO, BinaryIO]:
    """Return stdin and stdout for the frames alone, and give the libraries /dev/null instead.

    OpenVINO's MYRIAD plugin prints to stdout, a million lines where USB is missing.
    """
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return requests, answers


def _end_with(requests: BinaryIO) -> None:
    """End this process when the other side has gone, even if a call hangs: nobody else would ever stop it."""
    poll = select.poll()
    poll.register(requests, 0)  # reports only that the pipe was closed
    poll.poll()
    time.sleep(SECONDS_TO_FINISH)
    os._exit(1)


if __name__ == "__main__":
    # OpenVINO's package sends something to its makers through this one. See common/__init__.py.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    # A library's own `import errors` must not find the one in this folder.
    folder = Path(__file__).resolve().parent
    sys.path[:] = [path for path in sys.path if Path(path).resolve() != folder]
    main(sys.argv[1])

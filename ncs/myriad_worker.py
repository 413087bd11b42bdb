"""Runs inside the tool chain (Python 3.6 to 3.9, openvino 2021.4.2), never inside the project's own Python.

One JSON object a line on stdin, one a line on stdout:
  {"xml", "bin", "blob", "scratch", "shaves", "cmx_slices", "streams"} -> {"openvino"} or {"error"}
compiles the IR for Myriad X with no stick attached and writes the blob.
"""

import json
import os
import sys
from pathlib import Path

PLATFORM = "VPU_MYRIAD_2480"  # Myriad X: compile for it without asking a stick
BLOB_START = b"\x7felf"
# The Python binding always asks for an infer request, which needs the stick; by then the cache holds the network.
EXPECTED = "there is no available devices with platform"


def compile_blob(request: dict) -> dict:
    """Compile request["xml"], bytes for pictures, FP16 for all else; the blob is what the model cache keeps of it."""
    from openvino.inference_engine import IECore, get_version

    engine = IECore()
    cache = Path(request["scratch"], "cache")
    engine.set_config({"CACHE_DIR": str(cache)}, "")
    network = engine.read_network(model=request["xml"], weights=request["bin"])
    for source in network.input_info.values():
        source.precision = "U8" if len(source.input_data.shape) == 4 else "FP16"
    for output in network.outputs.values():
        output.precision = "FP16"
    config = {
        "VPU_MYRIAD_PLATFORM": PLATFORM,
        "MYRIAD_NUMBER_OF_SHAVES": str(request["shaves"]),
        "MYRIAD_NUMBER_OF_CMX_SLICES": str(request["cmx_slices"]),
        "MYRIAD_THROUGHPUT_STREAMS": str(request["streams"]),
    }
    try:
        engine.load_network(network, "MYRIAD", config)
    except RuntimeError as error:
        if EXPECTED not in str(error):
            raise
    kept = list(cache.iterdir()) if cache.is_dir() else []
    if len(kept) != 1:
        raise RuntimeError(f"the compiler left {len(kept)} files in its cache, wanted one")
    content = kept[0].read_bytes()
    begin = content.find(BLOB_START)  # before it: a line of XML about the cache
    if begin < 0:
        raise RuntimeError(f"the compiler's cache file of {len(content)} bytes holds no blob")
    Path(request["blob"]).write_bytes(content[begin:])
    return {"openvino": get_version()}


def main() -> None:
    """Answer each line of stdin. The runtime prints to stdout too (a million lines where USB is missing): not there."""
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    for line in sys.stdin:
        try:
            answer = compile_blob(json.loads(line))
        except Exception as error:  # whatever it is, the other side wants one line
            answer = {"error": f"{type(error).__name__}: {str(error).strip()}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()

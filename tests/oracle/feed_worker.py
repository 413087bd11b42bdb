"""Runs inside the tool chain's Python: what OpenVINO 2021.4.2's CPU plugin makes of an IR with any inputs, in float32.

One JSON object a line on stdin, one a line on stdout: {"model", "weights", "feed", "answers"}. `feed` is an .npz, input name ->
array; `answers` is the .npz to write, output name -> array.
"""

import json
import os
import sys

import numpy as np
from openvino.inference_engine import IECore


def main():
    answers = os.fdopen(os.dup(1), "w")  # what the engine prints on stdout goes to stderr
    os.dup2(2, 1)
    engine = IECore()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            network = engine.read_network(model=request["model"], weights=request["weights"])
            feed = np.load(request["feed"])
            given = {}
            for name, info in network.input_info.items():
                given[name] = feed[name].astype(np.uint8 if info.precision == "U8" else np.float32)
            loaded = engine.load_network(network, "CPU", config={"ENFORCE_BF16": "NO"})
            np.savez(request["answers"], **loaded.infer(given))
            reply = {}
        except Exception as error:
            reply = {"error": str(error)}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()

"""Runs inside the tool chain: compiles as ncs/myriad_worker.py does, and has the compiler dump its graph.

One JSON object a line on stdin, one a line on stdout: {"worker": the path of myriad_worker.py, "dump": the file to write, and
what myriad_worker.py takes}.
"""

import importlib.util
import json
import os
import sys

import openvino.inference_engine as inference_engine


def main():
    answers = os.fdopen(os.dup(1), "w")  # what the compiler prints on stdout goes to stderr
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        dump = request["dump"]

        class Core(inference_engine.IECore):
            def load_network(self, network, device, config, dump=dump):
                return super().load_network(network, device, dict(config, MYRIAD_DUMP_INTERNAL_GRAPH_FILE_NAME=dump))

        spec = importlib.util.spec_from_file_location("myriad_worker", request["worker"])
        worker = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(worker)
        original, inference_engine.IECore = inference_engine.IECore, Core
        try:
            worker.compile_blob(request, {})
        finally:
            inference_engine.IECore = original
        answers.write("{}\n")
        answers.flush()


if __name__ == "__main__":
    main()

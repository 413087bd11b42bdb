"""Compiles an IR for Myriad X. common/helper.py runs it in the tool chain: Python 3.6 to 3.9, openvino 2021.4.2.

compile: {"xml", "bin", "blob", "scratch", "shaves", "cmx_slices", "streams", "dump"} -> {"openvino": version}
"dump" may be left out. It is a file for the compiler's own drawing of its graph, which has the names that the blob lacks.
infer: {"xml", "bin"} and an array for each input -> an array for each output, by the CPU plugin of the same OpenVINO
"""

from pathlib import Path

# Myriad X. The compiler asks a stick only if it does not know the platform.
PLATFORM = "VPU_MYRIAD_2480"
# The plugin opens a stick before it compiles, and searches for one for five seconds, at work all the while. It refuses a
# time-out below 0 before it searches, and then compiles for the platform named. A stick that is there is left alone.
NO_SEARCH = "-1"
BLOB_START = b"\x7felf"
# The Python binding always asks for an infer request, which needs the stick. By then the network is in the cache.
EXPECTED = "there is no available devices with platform"


def compile_blob(values, arrays):
    """Compile values["xml"] and write the blob, which is the file that the compiler leaves in its cache.

    Pictures go in as bytes and everything else as FP16; all outputs are FP16.
    """
    from openvino.inference_engine import IECore, get_version

    engine = IECore()
    cache = Path(values["scratch"], "cache")
    engine.set_config({"CACHE_DIR": str(cache)}, "")
    network = engine.read_network(model=values["xml"], weights=values["bin"])
    for source in network.input_info.values():
        # The IR says which inputs take bytes. Numbers of FP16 appear here as FP32.
        source.precision = "U8" if source.precision == "U8" else "FP16"
    for output in network.outputs.values():
        output.precision = "FP16"
    config = {
        "VPU_MYRIAD_PLATFORM": PLATFORM,
        "MYRIAD_DEVICE_CONNECT_TIMEOUT": NO_SEARCH,
        # With it, the plugin sets the batch to 1, and fails where a Reshape names the batch.
        "MYRIAD_DETECT_NETWORK_BATCH": "NO",
        "MYRIAD_NUMBER_OF_SHAVES": str(values["shaves"]),
        "MYRIAD_NUMBER_OF_CMX_SLICES": str(values["cmx_slices"]),
        "MYRIAD_THROUGHPUT_STREAMS": str(values["streams"]),
    }
    if "dump" in values:
        config["MYRIAD_DUMP_INTERNAL_GRAPH_FILE_NAME"] = values["dump"]
    try:
        engine.load_network(network, "MYRIAD", config)
    except RuntimeError as error:
        if EXPECTED not in str(error):
            raise
    kept = list(cache.iterdir()) if cache.is_dir() else []
    if len(kept) != 1:
        raise RuntimeError(f"the compiler left {len(kept)} files in its cache, expected one")
    content = kept[0].read_bytes()
    # A line of XML about the cache comes first.
    begin = content.find(BLOB_START)
    if begin < 0:
        raise RuntimeError(f"the compiler's cache file of {len(content)} bytes holds no blob")
    Path(values["blob"]).write_bytes(content[begin:])
    return {"openvino": get_version()}, {}


def infer(values, arrays):
    """Compute the IR on the CPU, in float32. Inputs of bytes are bytes, all others are given as float32."""
    import numpy
    from openvino.inference_engine import IECore

    inputs = {name: numpy.asarray(array) for name, array in arrays.items()}
    engine = IECore()
    network = engine.read_network(model=values["xml"], weights=values["bin"])
    for name, source in network.input_info.items():
        source.precision = "U8" if inputs[name].dtype == numpy.uint8 else "FP32"
    for output in network.outputs.values():
        output.precision = "FP32"
    loaded = engine.load_network(network, "CPU", {"ENFORCE_BF16": "NO"})
    return {}, loaded.infer(inputs)


FUNCTIONS = {"compile": compile_blob, "infer": infer}

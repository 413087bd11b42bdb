"""The worker in the tool chain's Python, with the MYRIAD plugin itself and a blob it compiled, up to the stick.

No stick has been available, so what is shown ends where the plugin looks for one; the rest of the worker is run with
the same OpenVINO's CPU plugin.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from common.card import read_cards
from common.places import toolchain_program
from inference import DeviceError, Runner
from inference.devices import myriad, oak
from inference.devices.cpu import CpuDevice
from inference.devices.usb import OAK_IDS, find_sticks, find_usb
from kits.inference import card_of, sysfs_with, write_card, write_graph, write_network

PYTHON = toolchain_program("movidius", "python")
pytestmark = [
    pytest.mark.oracle,
    pytest.mark.skipif(not os.access(PYTHON, os.X_OK), reason="no tool chain: tools/toolchain.sh movidius"),
]
no_stick = pytest.mark.skipif(bool(find_sticks()), reason="a stick is plugged in")

COMPILE = """
import sys
from openvino.inference_engine import IECore
xml, cache = sys.argv[1:]
core = IECore()
core.set_config({"CACHE_DIR": cache}, "")
network = core.read_network(xml, xml[:-3] + "bin")
network.input_info["data"].precision = "U8"
network.outputs["prob"].precision = "FP16"
try:
    # The second option keeps the plugin from a search for a stick, as in ncs/myriad_worker.py.
    config = {"VPU_MYRIAD_PLATFORM": "VPU_MYRIAD_2480", "MYRIAD_DEVICE_CONNECT_TIMEOUT": "-1"}
    core.load_network(network, "MYRIAD", config)
except RuntimeError as error:  # the blob is made by then; only the infer request wants a stick
    assert "Can not create infer request" in str(error), error
"""


@pytest.fixture(autouse=True)
def toolchain_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(myriad.VARIABLE, raising=False)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with a blob that 2021.4.2 compiled for Myriad X."""
    folder, cache = tmp_path_factory.mktemp("graph"), tmp_path_factory.mktemp("cache")
    write_network(folder, card_of())
    subprocess.run([PYTHON, "-c", COMPILE, folder / "ColourNet.xml", cache], check=True, timeout=120)
    (cached,) = cache.iterdir()
    content = cached.read_bytes()
    blob = content[content.index(b"\x7felf") :]
    (folder / "ColourNet.blob").write_bytes(blob)
    write_card(folder, card_of(blob={"file": "ColourNet.blob", "sha256": hashlib.sha256(blob).hexdigest()}))
    return folder


@no_stick
def test_import_network_without_a_stick_is_told_in_human_words(graph: Path, tmp_path: Path) -> None:
    """/sys shows a stick, so the worker is started, but the plugin finds none: so it is without a udev rule as well."""
    with pytest.raises(DeviceError) as caught:
        Runner(graph, "MYRIAD", sysfs=sysfs_with(tmp_path / "sys", "03e7:2485"))
    assert str(caught.value) == myriad.NOT_OPENED


@no_stick
def test_the_texts_the_message_rests_on(graph: Path) -> None:
    """What the plugin itself says, so that a changed text is noticed."""
    script = "import sys; from openvino.inference_engine import IECore; IECore().import_network(sys.argv[1], 'MYRIAD')"
    done = subprocess.run(
        [PYTHON, "-c", script, graph / "ColourNet.blob"],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "Can not init Myriad device: NC_ERROR" in done.stderr


@pytest.mark.skipif(bool(find_usb(OAK_IDS)), reason="a camera is plugged in")
@pytest.mark.skipif(not oak.depthai_version(), reason="no depthai")
def test_depthai_takes_the_blob_up_to_the_camera(graph: Path) -> None:
    """It reads the blob and builds its pipeline; then it looks for a camera."""
    with pytest.raises(DeviceError, match=r"The OAK camera is missing or does not answer \("):
        oak.OakDevice(read_cards(graph))


PIPELINES = """
import json, runpy, sys
worker, blob = sys.argv[1:]
networks = {
    "A": {"blob": blob, "size": [20, 24], "share": [1, 1], "type": "BGR888p"},
    "B": {"blob": blob, "size": [20, 24], "share": [0.8, 0.75], "type": "RGB888p"},
}
version = runpy.run_path(worker)["Version2"]()
for mode in ("", "frames", "square"):
    for height in (3040, 800, 720):
        built = version.build(networks, mode, height).serializeToJson()["pipeline"]
        nodes = {node["id"]: node for _, node in built["nodes"]}
        links = [
            [nodes[each["node1Id"]]["name"], each["node1Output"], nodes[each["node2Id"]]["name"], each["node2Input"]]
            for each in built["connections"]
        ]
        print(json.dumps({"nodes": [[node["name"], node["properties"]] for node in nodes.values()], "links": sorted(links)}))
"""


@pytest.mark.skipif(
    not oak.depthai_version().startswith("2."), reason="no depthai 2, which builds a pipeline without a camera"
)
def test_the_cameras_pipeline_is_one_that_depthai_builds(graph: Path) -> None:
    """With the real package and a real blob, for each mode and sensor, up to what would be sent to a camera."""
    words = [sys.executable, "-c", PIPELINES, oak.WORKER, graph / "ColourNet.blob"]
    done = subprocess.run(words, check=True, timeout=120, capture_output=True, encoding="utf-8")
    built = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(built) == 9
    to_host = ["NeuralNetwork", "out", "XLinkOut", "in"]
    from_host = ["XLinkIn", "out", "NeuralNetwork", "in"]
    shown = ["ColorCamera", "preview", "XLinkOut", "in"]
    fed = [["ColorCamera", "preview", "ImageManip", "inputImage"], ["ImageManip", "out", "NeuralNetwork", "in"]]
    assert all(each["links"] == sorted([to_host, from_host] * 2) for each in built[:3])
    assert all(each["links"] == sorted([shown, *[to_host, from_host] * 2]) for each in built[3:6])
    assert all(each["links"] == sorted([shown, *[to_host, *fed] * 2]) for each in built[6:])
    cameras = [properties for each in built for name, properties in each["nodes"] if name == "ColorCamera"]
    sizes = [(camera["previewWidth"], camera["previewHeight"]) for camera in cameras]
    assert sizes == [(1280, 720)] * 3 + [(720, 720)] * 3
    # 1080, 800 and 720 rows; the first is brought to 720.
    assert [camera["ispScale"]["vertNumerator"] for camera in cameras[:3]] == [2, 0, 0]
    assert len({camera["resolution"] for camera in cameras}) == 3
    crops = [properties["initialConfig"] for name, properties in built[6]["nodes"] if name == "ImageManip"]
    assert [crop["enableCrop"] for crop in crops] == [False, True]
    assert crops[1]["cropConfig"]["cropRect"] == pytest.approx({"xmin": 0.1, "xmax": 0.9, "ymin": 0.125, "ymax": 0.875})
    assert [(crop["resizeConfig"]["width"], crop["resizeConfig"]["height"]) for crop in crops] == [(20, 24)] * 2


def test_the_same_worker_on_this_openvinos_cpu(tmp_path: Path) -> None:
    """Loading, the protocol and inference in the old runtime, against today's OpenVINO; only the device is no stick."""
    cards = read_cards(write_graph(tmp_path, card_of("One"), card_of("Two")))
    device = myriad.MyriadDevice(cards, PYTHON, "CPU")
    try:
        assert device.runtime == "OpenVINO 2021.4.2"
        reference = CpuDevice(cards)
        for card in cards:
            # Several at a time, and more than it is sent in one call.
            tensors = list(np.random.default_rng(4).integers(0, 256, (19, *card.input.shape), dtype=np.uint8))
            found = zip(device.infer_many(card, tensors), reference.infer_many(card, tensors), strict=True)
            for old, new in [(old["prob"].ravel(), new["prob"].ravel()) for old, new in found]:
                # The old runtime computes in bf16 where the CPU can.
                assert np.abs(old - new).max() < 5e-2
    finally:
        device.close()

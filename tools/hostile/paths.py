"""Paths that lead to nothing, or to what no command should read or replace: FIFOs, devices, links in a circle."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

from .cases import Case, Ends
from .world import STATE, WEIGHTS

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22e\nsize 45640000\n"
PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Sign in to download</body></html>\n"

# Options that name an input, with the words of the command; {} is the path.
INPUTS: dict[str, str] = {
    "train --solver": "train --solver {}",
    "train --weights": "train --solver prototxt/Tiny/solver.prototxt --force --weights {}",
    "train --snapshot": "train --solver prototxt/Tiny/solver.prototxt --force --snapshot {}",
    "test --model": f"test --weights {WEIGHTS} --iterations 1 --model {{}}",
    "test --weights": "test --model prototxt/Tiny/train_test.prototxt --iterations 1 --weights {}",
    "time --model": "time --iterations 1 --model {}",
    "draw --model": "draw --out new.svg --model {}",
    "upgrade IN": "upgrade {} new.prototxt",
    "upgrade IN, solver": "upgrade --kind solver {} new.prototxt",
    "extract_features WEIGHTS": "extract_features {} prototxt/Tiny/train_test.prototxt fc new_lmdb 1 lmdb",
    "extract_features MODEL": f"extract_features {WEIGHTS} {{}} fc new_lmdb 1 lmdb",
    "evaluate --model": f"evaluate --weights {WEIGHTS} --model {{}}",
    "evaluate --weights": "evaluate --model prototxt/Tiny/train_test.prototxt --weights {}",
    "evaluate --card": f"evaluate --model prototxt/Tiny/train_test.prototxt --weights {WEIGHTS} --card {{}}",
    "evaluate --ir": "evaluate --model prototxt/Tiny/train_test.prototxt --engine openvino --ir {}",
    "evaluate --predictions": "evaluate --predictions {}",
    "evaluate --net": "evaluate --net {}",
    "compile --model": f"compile --out new --weights {WEIGHTS} --model {{}}",
    "compile --weights": "compile --out new --model prototxt/Tiny/deploy.prototxt --weights {}",
    "compile --mean": f"compile --out new --model prototxt/Tiny/deploy.prototxt --weights {WEIGHTS} --mean {{}}",
    "compile --card": f"compile --out new --model prototxt/Tiny/deploy.prototxt --weights {WEIGHTS} --card {{}}",
    "compile --net": "compile --out new --net {}",
    "mean IN": "mean {} new.npy",
    "infer --image_path": "infer --device CPU --image_path {}",
    "infer --graph": "infer --device CPU --image_path face.jpg --graph {}",
    "infer --mean_file": "infer --device CPU --image_path face.jpg --mean_file {}",
    "convert_imageset LIST": "convert_imageset ./ {} new_lmdb",
    "convert_imageset ROOT": "convert_imageset {} list.txt new_lmdb --resize_height 16 --resize_width 16",
    "compute_image_mean DB": "compute_image_mean {} new.binaryproto",
    "compute_image_mean DB, LevelDB": "compute_image_mean --backend leveldb {} new.binaryproto",
    "unpack": "unpack {}",
    "build_dataset --images": "build_dataset --images {}",
}

# Options that name an output.
OUTPUTS: dict[str, str] = {
    "draw --out": "draw --model prototxt/Tiny/deploy.prototxt --out {}",
    "upgrade OUT": "upgrade prototxt/Tiny/deploy.prototxt {}",
    "compute_image_mean OUT": "compute_image_mean data/lmdb/test_lmdb {}",
    "compute_image_mean --npy": "compute_image_mean data/lmdb/test_lmdb new.binaryproto --npy {}",
    "mean OUT": "mean data/mean/mean.binaryproto {}",
    "infer --output": "infer --device CPU --image_path face.jpg --output {}",
    "convert_imageset DB": "convert_imageset ./ list.txt {} --resize_height 16 --resize_width 16",
    "convert_imageset DB, LevelDB": (
        "convert_imageset --backend leveldb ./ list.txt {} --resize_height 16 --resize_width 16"
    ),
    "extract_features LMDB": f"extract_features {WEIGHTS} prototxt/Tiny/train_test.prototxt fc {{}} 1 lmdb",
    "compile --out": "compile --net Tiny --out {}",
    "evaluate --out": f"evaluate --model prototxt/Tiny/train_test.prototxt --weights {WEIGHTS} --out {{}}",
}

Prepare = Callable[[Path], object]


def fifo(folder: Path) -> None:
    """Make a FIFO `it` without a writer."""
    os.mkfifo(folder / "it")


def _socket(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        before = Path.cwd()
        # The path of a socket may have 108 bytes only.
        os.chdir(folder)
        try:
            made.bind("it")
        finally:
            os.chdir(before)


def link_to(target: str) -> Prepare:
    """Return what makes a link `it` to `target`."""
    return lambda folder: (folder / "it").symlink_to(target)


def file_of(data: bytes) -> Prepare:
    """Return what writes a file `it`."""
    return lambda folder: (folder / "it").write_bytes(data)


def _sparse(folder: Path) -> None:
    with (folder / "it").open("wb") as file:
        file.truncate(1 << 40)


def _precious(folder: Path) -> None:
    shutil.copytree(folder / "faces", folder / "it")


# What an input may be -> the path, and what makes it.
_INPUT_KINDS: dict[str, tuple[str, Prepare | None]] = {
    "missing": ("nowhere/it", None),
    "current folder": (".", None),
    "long name": ("x" * 300, None),
    "long path": ("x/" * 3000 + "x", None),
    "empty": ("", None),
    "NUL": ("a\0b", None),
    "not UTF-8": (os.fsdecode(b"\xff\xfe"), None),
    "control characters": ("a\n\x1b[31mb", None),
    "below a file": ("face.jpg/it", None),
    "folder": ("models", None),
    "FIFO": ("it", fifo),
    "socket": ("it", _socket),
    "/dev/zero": ("/dev/zero", None),
    "link to /dev/zero": ("it", link_to("/dev/zero")),
    "links in a circle": ("it", link_to("it")),
    "/proc/self/mem": ("/proc/self/mem", None),
    "empty file": ("it", file_of(b"")),
    "random bytes": ("it", file_of(bytes(range(256)) * 20)),
    "a terabyte of zeros": ("it", _sparse),
    "Git LFS pointer": ("it", file_of(POINTER)),
    "web page": ("it", file_of(PAGE)),
}

# What may be where an output should go -> the path, what makes it, and more words.
_OUTPUT_KINDS: dict[str, tuple[str, Prepare | None, str]] = {
    "long name": ("x" * 300, None, ""),
    "empty": ("", None, ""),
    "NUL": ("a\0b", None, ""),
    "below a file": ("face.jpg/it", None, ""),
    "FIFO": ("it", fifo, ""),
    "FIFO, --force": ("it", fifo, "--force"),
    "link to a device, --force": ("it", link_to("/dev/null"), "--force"),
    "link to a folder, --force": ("it", link_to("faces"), "--force"),
    "links in a circle, --force": ("it", link_to("it"), "--force"),
    "folder of pictures": ("it", _precious, ""),
    "folder of pictures, --force": ("it", _precious, "--force"),
    "current folder, --force": (".", None, "--force"),
    "the folder above, --force": ("..", None, "--force"),
    "below /proc": ("/proc/it", None, ""),
}

# Not every command must refuse every kind.
_OTHER_ENDS: dict[str, Ends] = {
    # Caffe's lists may hold paths from anywhere, and then its scripts give an empty root, or "./".
    "convert_imageset/ROOT/empty": Ends.DONE,
    "convert_imageset/ROOT/current folder": Ends.DONE,
    # A folder of pictures is what it asks for; those of the world have labels in their names.
    "build_dataset/--images/current folder": Ends.DONE,
    # Caffe's scripts write --snapshot= if they have none. The training of the world is then done once more.
    "train/--snapshot/empty": Ends.DONE,
    "train/--weights/empty": Ends.DONE,
    # A text without a layer is a net to Caffe's tool, and one without a setting a solver. upgrade runs none.
    "upgrade/IN/empty file": Ends.DONE,
    "upgrade/IN, solver/empty file": Ends.DONE,
    # Its files have other names than the pictures.
    "compile/--out/folder of pictures": Ends.DONE,
    "compile/--out/folder of pictures, --force": Ends.DONE,
    "evaluate/--out/folder of pictures": Ends.DONE,
    # The link is a folder above its files, such as a folder on another disk.
    "compile/--out/link to a folder, --force": Ends.DONE,
    # It adds its files to a folder.
    "compile/--out/current folder, --force": Ends.DONE,
    "compile/--out/the folder above, --force": Ends.DONE,
}
_WITHOUT_FORCE = ("evaluate --out",)


def cases() -> list[Case]:
    """Return the cases."""
    found = []
    for option, words in INPUTS.items():
        for kind, (path, prepare) in _INPUT_KINDS.items():
            found.append(_case(option, words, kind, path, prepare))
    for option, words in OUTPUTS.items():
        for kind, (path, prepare, more) in _OUTPUT_KINDS.items():
            if not (more and option in _WITHOUT_FORCE):
                found.append(_case(option, f"{words} {more}".strip(), kind, path, prepare))
    found.append(_case("train --snapshot", f"train --solver {STATE} {{}}", "another file for the solver", STATE, None))
    return found


def _case(option: str, words: str, kind: str, path: str, prepare: Prepare | None) -> Case:
    name = f"{option.replace(' ', '/', 1)}/{kind}"
    command = tuple(path if word == "{}" else word for word in words.split(" "))
    trained = ("work/models/Tiny/*",) if name.startswith("train/") and kind == "empty" else ()
    return Case(name, command, _OTHER_ENDS.get(name, Ends.REFUSED), prepare, may_change=trained)

"""The house's rules that no single room can keep by itself: who imports whom, what --help may load, what no file may name."""

from __future__ import annotations

import ast
import importlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from common.commands import inner_verbs
from common.places import ROOT
from kits.commands import run_process

MAY_IMPORT = {
    "common": set(),
    "caffe_io": {"common"},
    "host": {"common"},
    "faces": {"common", "host"},
    "myriad": {"common", "host"},
    "lmdb_build": {"common", "caffe_io", "faces"},
    "training": {"common", "caffe_io"},
    "ncs": {"common", "caffe_io", "myriad", "host"},
    "inference": {"common", "faces", "myriad", "host"},
    "evaluation": {"common", "caffe_io", "faces", "myriad", "lmdb_build", "training", "ncs", "inference", "host"},
    "recipes": {"common", "caffe_io"},
    "python": {"common", "caffe_io", "training"},
    "tools": {
        "common",
        "caffe_io",
        "faces",
        "host",
        "myriad",
        "lmdb_build",
        "training",
        "ncs",
        "inference",
        "evaluation",
        "recipes",
    },
}
# What a room must never load. Those that the runner needs stay light enough for a Raspberry Pi.
LIGHT = {"torch", "google", "lmdb", "matplotlib", "h5py"}
NEVER = {
    "common": {*LIGHT, "cv2", "openvino", "numpy"},
    "faces": LIGHT,
    "host": {*LIGHT, "cv2", "openvino"},
    "myriad": LIGHT,
    "inference": LIGHT,
    "caffe_io": {"torch"},
    "lmdb_build": {"torch"},
}
HEAVY = {"torch", "openvino", "depthai", "matplotlib", "tensorboard", "pydantic"}
COMMANDS = ["lmdb_build", "training", "ncs", "inference", "evaluation"]  # the rooms with verbs


def imports(source: str, package: str, whole: bool) -> Iterator[str]:
    """Full names of the modules that `source`, a module of `package`, imports, also by importlib; without `whole` only
    what happens when the module itself is imported: not in functions, not for type checkers alone."""

    def walk(node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
            yield ast.unparse(node.args[0]).strip("f'\"")
        if whole or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for child in ast.iter_child_nodes(node):
                if whole or not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)):
                    yield from walk(child)

    return walk(ast.parse(source))


def top(name: str) -> str:
    return name.split(".")[0]


@cache
def modules(room: str) -> dict[str, Path]:
    """Full name -> file of every module of a room."""
    files = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / room).rglob("*.py")}
    return {name.removesuffix(".__init__"): path for path, name in files.items()}


def package_of(name: str, path: Path) -> str:
    return name if path.name == "__init__.py" else name.rpartition(".")[0]


def test_the_finder_of_imports() -> None:
    source = """
import a.b
from . import c
from ..d import e
if TYPE_CHECKING:
    import f
class K:
    import g
    def method(self):
        import h
        importlib.import_module(f"i.{j}")
"""
    loaded = set(imports(source, "room.sub", whole=False))
    assert loaded == {"a.b", "room.sub", "room.sub.c", "room.d", "room.d.e", "g"}
    assert set(imports(source, "room.sub", whole=True)) - loaded == {"f", "h", "i.{j}"}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_arrows_between_the_rooms(room: str) -> None:
    assert len(modules(room)) > 1
    others = set(MAY_IMPORT) - {room} - MAY_IMPORT[room]
    for name, path in modules(room).items():
        found = {top(each) for each in imports(path.read_text("utf-8"), package_of(name, path), whole=True)}
        assert not found & others, f"{path}: a module of {room} imports {found & others}"
        assert not found & NEVER.get(room, set()), f"{path}: {room} must never import {found & NEVER[room]}"


def test_nobody_imports_tools() -> None:
    """tools/ is for developers alone."""
    scripts = [*ROOT.glob("*.py"), ROOT / "moka"]
    assert len(scripts) > 1
    for path in scripts:
        assert "tools" not in {top(each) for each in imports(path.read_text("utf-8"), "", whole=True)}, path


WINGS = ["layers", "nets", "solvers", "pycaffe", "drawing", "compress", "commands"]
"""The wings of training from the ground up."""


def test_no_wing_of_training_imports_upward() -> None:
    """A wing may import those before it. pycaffe and drawing stand side by side."""
    for number, wing in enumerate(WINGS):
        above = {f"training.{each}" for each in WINGS[number + 1 :]}
        for name, path in modules("training").items():
            if not name.startswith(f"training.{wing}"):
                continue
            for each in imports(path.read_text("utf-8"), package_of(name, path), whole=True):
                assert ".".join(each.split(".")[:2]) not in above, f"{path} imports {each}"


def test_no_circles() -> None:
    """Modules that import each other in a loop, lazily or not, cannot be understood one by one."""
    known = {name: path for room in MAY_IMPORT for name, path in modules(room).items()}
    arrows: dict[str, set[str]] = {}
    for name, path in known.items():
        found = set()
        for each in imports(path.read_text("utf-8"), package_of(name, path), whole=True):
            if each in known and each != name and not name.startswith(f"{each}."):
                found.add(each)
        arrows[name] = found
    while arrows:
        leaves = {name for name, found in arrows.items() if not found & set(arrows)}
        assert leaves, f"these import each other in a circle: {sorted(arrows)}"
        for name in leaves:
            del arrows[name]


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_rooms_are_small(room: str) -> None:
    """No module above 300 lines, no folder above 16 modules, of code that we write by hand."""
    folders: dict[Path, int] = {}
    for path in modules(room).values():
        if path.name == "caffe_pb2.py":
            continue
        folders[path.parent] = folders.get(path.parent, 0) + 1
        assert len(path.read_text("utf-8").splitlines()) <= 300, path
    for folder, count in folders.items():
        assert count <= 16, f"{folder} holds {count} modules"


def entries() -> list[str]:
    """The modules that a command line loads first: every __main__, the module of each of its verbs, and the tools and
    recipes that are commands themselves."""
    found = []
    for room in COMMANDS:
        found.append(f"{room}.__main__")
        verbs = importlib.import_module(f"{room}.__main__").ROOM.verbs
        assert verbs
        found += [verb.module for verb in verbs.values()]
        found += [inner.module for verb in verbs.values() for inner in inner_verbs(verb).values()]
    for name, path in [*modules("tools").items(), *modules("recipes").items()]:
        if not name.endswith("_worker") and '__name__ == "__main__"' in path.read_text("utf-8"):
            found.append(name)
    return found


@pytest.mark.parametrize("entry", entries())
def test_nothing_heavy_is_loaded_before_it_is_needed(entry: str) -> None:
    """Followed from module to module: what is imported at the top of any of them is loaded before the options are read."""
    known = {name: path for room in MAY_IMPORT for name, path in modules(room).items()}
    assert entry in known
    reached, waiting = {entry: entry}, [entry]
    while waiting:
        name = waiting.pop()
        path = known[name]
        for each in imports(path.read_text("utf-8"), package_of(name, path), whole=False):
            assert top(each) not in HEAVY, (
                f"{reached[name]} imports {each} at once; do it in the function that needs it"
            )
            parts = each.split(".")
            for length in range(1, len(parts) + 1):
                loaded = ".".join(parts[:length])
                if loaded in known and loaded not in reached:
                    reached[loaded] = f"{reached[name]} -> {loaded}"
                    waiting.append(loaded)


@pytest.mark.parametrize("words", [*(["-m", room] for room in COMMANDS), ["build_dataset.py"], ["run_inference.py"]])
def test_every_command_answers_help(words: list[str], tmp_path: Path) -> None:
    place = words if words[0] == "-m" else [ROOT / words[0]]
    done = run_process(*place, "--help", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert Path(words[-1]).stem in done.stdout
    assert list(tmp_path.iterdir()) == []


def helps() -> list[list[str]]:
    """Every command line that asks a room or one of its verbs for help."""
    found = []
    for room in COMMANDS:
        found.append([room, "--help"])
        for name, verb in importlib.import_module(f"{room}.__main__").ROOM.verbs.items():
            found.append([room, name, "--help"])
            found += [[room, name, inner, "--help"] for inner in inner_verbs(verb)]
    return found


@pytest.mark.parametrize("words", helps(), ids=" ".join)
def test_help_does_not_load_the_heavy_libraries(words: list[str], tmp_path: Path) -> None:
    code = (
        "import sys, runpy\n"
        f"sys.argv[1:] = {words[1:]!r}\n"
        f"try:\n    runpy.run_module({words[0]!r}, run_name='__main__')\n"
        "except SystemExit as end:\n    print('code', end.code)\n"
        f"print('heavy', sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = run_process("-c", code, folder=tmp_path)
    assert done.stderr == ""
    assert f"usage: python -m {words[0]}" in done.stdout
    assert done.stdout.endswith("code 0\nheavy []\n")


def tracked() -> list[Path]:
    """The files of the checkout that git knows."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in names.split("\0") if name and (path := ROOT / name).is_file()]


# Written in pieces, so that this file does not break its own rule.
HOSTS = [
    "py" + "pi",
    "python" + "hosted",
    "ana" + "conda",
    "debian",
    "ubuntu",
    "npm" + "js",
    "golang",
    "crates",
    "launch" + "pad",
]
STORES = ["artifact" + "ory", "dev" + "pi", "jf" + "rog"]
PRIVATE = [
    r"10\.",
    r"192\.168\.",
    r"172\.(?:1[6-9]|2\d|3[01])\.",
    r"[\w-]+[:/]",
    r"[\w.-]+\.(?:internal|local|corp|lan)\b",
]
FOLDERS = ["wo" + "rk", "tm" + "p", "op" + "t", "ro" + "ot", "ho" + "me", "Us" + "ers"]
WRITERS = [
    "cl" + "aude",
    "anth" + "ropic",
    "chat" + "gpt",
    "open" + "ai",
    "co" + "pilot",
    "sub" + "agents?",
    "l" + "lms?",
]
FORBIDDEN = {
    "a package host": rf"(?i)\b(?:{'|'.join(HOSTS)})\.(?:org|com|io|net)\b|\b(?:{'|'.join(STORES)})\b",
    "a host of a private network": rf"https?://(?:{'|'.join(PRIVATE)})",
    "a path of some machine": rf"(?<![\w.~$}}])/(?:{'|'.join(FOLDERS)})(?:/|\b)|\.py" + "env",
    "who or what wrote it": rf"(?i)\b(?:{'|'.join(WRITERS)})\b",
}


@pytest.mark.parametrize(
    ("what", "bad", "good"),
    [
        ("a package host", "https://py" + "pi.org/simple", "pip install"),
        ("a package host", "http://deb.debian" + ".org/debian", "Debian 11"),
        ("a host of a private network", "http://1" + "0.0.0.3:8080/x", "version 10.0.0"),
        ("a host of a private network", "https://pro" + "xy:3128", "https://susanqq.github.io/UTKFace/"),
        ("a host of a private network", "http://x.inter" + "nal/y", "threading.local"),
        ("a path of some machine", "cd /wo" + "rk/main", "network/work"),
        ("a path of some machine", "~/.py" + "env/shims", "{folder}/tmp"),
        ("who or what wrote it", "asked Cl" + "aude", "clauses"),
    ],
)
def test_the_patterns_find_what_they_should(what: str, bad: str, good: str) -> None:
    assert re.search(FORBIDDEN[what], bad)
    assert not re.search(FORBIDDEN[what], good)


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = []
    for path in tracked():
        data = path.read_bytes()
        if b"\0" in data:  # a picture
            continue
        for number, line in enumerate(data.decode("utf-8").splitlines(), 1):
            line = re.sub(r"https?://(?:127\.0\.0\.1|localhost|[\w.-]*\.example)\b", "", line)
            if match := pattern.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {match.group()}")
    assert not found, f"files name {what}:\n" + "\n".join(found)

"""Where the parts of a checkout are: its root, its Python, the tool chain, the files of a net."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .errors import MokaError

ROOT = Path(__file__).resolve().parents[1]
VENV_PYTHON = ROOT / ".venv" / "bin" / "python"
TOOLCHAIN = ROOT / ".toolchain"
BUNDLED = (ROOT / "bundle.json").is_file()
"""Whether this is an unpacked bundle (inference/bundle/), which brings its networks, and no checkout."""
GRAPH = ROOT / "graph" if BUNDLED else Path("graph")
"""The folder of compiled networks that a command takes if none is named."""


def make_toolchain(part: str) -> str:
    """Return the command that installs a part of the tool chain: movidius or caffe."""
    return f"tools/toolchain.sh {part}"


def toolchain_program(part: str, program: str) -> Path:
    """Return the path of a program of the tool chain (movidius: python, mo; caffe: python, caffe, ...).

    The file may be missing. `toolchain_has` says whether it is there; `require_toolchain` raises an error if not.
    """
    return TOOLCHAIN / part / "bin" / program


def toolchain_has(part: str, program: str = "python") -> bool:
    """Say whether the tool chain has the program."""
    return toolchain_program(part, program).exists()


def require_toolchain(part: str, program: str, error: type[MokaError] = MokaError) -> Path:
    """Return the path of a program of the tool chain. If it is missing, raise `error`, which says how to get it."""
    path = toolchain_program(part, program)
    if not path.exists():
        raise error(f"{path}: not found. Install this part of the tool chain: {make_toolchain(part)}")
    return path


@dataclass(frozen=True)
class NetFiles:
    """The paths of one net's files. A file may be missing."""

    train_test: Path
    solver: Path
    deploy: Path
    card: Path


def net_files(name: str, folder: Path = Path("prototxt")) -> NetFiles:
    """Return the paths of the net `name`: folder/NAME/deploy.prototxt and so on.

    Older checkouts had no folder for each net. If there is none but a file such as folder/NAME_deploy.prototxt, the
    paths of that flat layout are returned.
    """
    flat = NetFiles(
        train_test=folder / f"{name}_train_test.prototxt",
        solver=folder / f"{name}_solver.prototxt",
        deploy=folder / f"{name}_deploy.prototxt",
        card=folder / f"{name}.json",
    )
    own = folder / name
    if not own.is_dir() and any(file.exists() for file in (flat.train_test, flat.deploy, flat.card)):
        return flat
    return NetFiles(
        train_test=own / "train_test.prototxt",
        solver=own / "solver.prototxt",
        deploy=own / "deploy.prototxt",
        card=own / "card.json",
    )


def name_and_card(deploy: Path) -> tuple[str, Path]:
    """Return the name of the net whose deploy prototxt is given, and the path of the card beside it, in either layout."""
    if deploy.stem == "deploy":
        return deploy.resolve().parent.name, deploy.parent / "card.json"
    name = deploy.stem.removesuffix("_deploy")
    # Not with_name, which raises for the current folder.
    return name, deploy.parent / f"{name}.json"

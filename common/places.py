"""Where things are in a checkout: its root, its Python, the tool chain, the files of a net."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .errors import MokaError

ROOT = Path(__file__).resolve().parents[1]
VENV_PYTHON = ROOT / ".venv" / "bin" / "python"
TOOLCHAIN = ROOT / ".toolchain"


def make_toolchain(part: str) -> str:
    """Return the command that installs a part of the tool chain (movidius or caffe)."""
    return f"tools/toolchain.sh {part}"


def toolchain_program(part: str, program: str) -> Path:
    """Return the launcher of a program of the tool chain (movidius: python, mo; caffe: python, caffe, ...).

    The file need not exist: ask `toolchain_has` first, or call `require_toolchain`.
    """
    return TOOLCHAIN / part / "bin" / program


def toolchain_has(part: str, program: str = "python") -> bool:
    """Tell whether the tool chain holds the program."""
    return toolchain_program(part, program).exists()


def require_toolchain(part: str, program: str, error: type[MokaError] = MokaError) -> Path:
    """Return the launcher of a program of the tool chain. Raises `error`, which says how to get it, if it is missing."""
    path = toolchain_program(part, program)
    if not path.exists():
        raise error(f"{path}: not there. Install this part of the tool chain: {make_toolchain(part)}")
    return path


@dataclass(frozen=True)
class NetFiles:
    """The files of one net, which need not exist."""

    train_test: Path
    solver: Path
    deploy: Path
    card: Path


def net_files(name: str, folder: Path = Path("prototxt")) -> NetFiles:
    """Return the files of the net `name`: folder/NAME/deploy.prototxt and so on.

    If there is no folder of that name but a file of the flat layout (NAME_deploy.prototxt, NAME_train_test.prototxt or
    NAME.json), the names of the flat layout are returned.
    """
    flat = NetFiles(
        train_test=folder / f"{name}_train_test.prototxt",
        solver=folder / f"{name}_solver.prototxt",
        deploy=folder / f"{name}_deploy.prototxt",
        card=folder / f"{name}.json",
    )
    home = folder / name
    if not home.is_dir() and any(file.exists() for file in (flat.train_test, flat.deploy, flat.card)):
        return flat
    return NetFiles(
        train_test=home / "train_test.prototxt",
        solver=home / "solver.prototxt",
        deploy=home / "deploy.prototxt",
        card=home / "card.json",
    )

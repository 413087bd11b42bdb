"""Where the originals are. A test that asks for one that is missing is skipped, and says how to get it."""

from __future__ import annotations

from pathlib import Path

import pytest

TOOLCHAIN = Path(__file__).resolve().parents[2] / ".toolchain"


def caffe(program: str) -> str:
    """The path of one of Caffe's programs in the tool chain (caffe, python, convert_imageset, ...)."""
    return _launcher("caffe", program)


def movidius(program: str) -> str:
    """The path of one of the Movidius tools in the tool chain (python, mo)."""
    return _launcher("movidius", program)


def _launcher(part: str, program: str) -> str:
    path = TOOLCHAIN / part / "bin" / program
    if not path.exists():
        pytest.skip(f"{part} tool chain is not there: tools/toolchain.sh {part}")
    return str(path)

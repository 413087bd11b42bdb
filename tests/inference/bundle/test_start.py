"""The start of a bundle, which is loaded by whatever Python the other machine has."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path

import pytest

from inference.bundle import start


def test_python_3_6_can_read_it() -> None:
    """Otherwise an old Python would show a syntax error instead of our message."""
    ast.parse(Path(start.__file__).read_text("utf-8"), feature_version=(3, 6))


def test_an_old_python_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(SystemExit, match=r"this is Python 3\.9, and Moka needs 3\.10 or newer"):
        start.main(Path("moka-edge.pyz"))


def test_no_code_is_kept_where_there_is_no_home(monkeypatch: pytest.MonkeyPatch, working_folder: Path) -> None:
    """A relative folder would be another one in every current folder, and a user without a home has none."""
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    monkeypatch.setenv("HOME", str(working_folder / "home"))
    assert start._own_folder() == working_folder / "home/.cache/moka-edge"

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert start._own_folder() is None


def test_no_code_is_kept_in_a_folder_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert start._own_folder() == tmp_path / "moka-edge"
    monkeypatch.setattr(os, "geteuid", lambda: 12345678)
    assert start._own_folder() is None

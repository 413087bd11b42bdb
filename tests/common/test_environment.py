"""common.environment: which Python a command ends up in. Nothing is installed and no process is replaced here."""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import pytest

from common import environment
from common.environment import MODULES, ROOT, ensure

VENV = ROOT / ".venv/bin/python"


class Started(Exception):
    """os.execv was called, which would have ended this process."""


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The shell commands that ensure runs; each succeeds."""
    found: list[list[str]] = []

    def run(command: list[str], check: bool) -> subprocess.CompletedProcess[str]:
        found.append(command)
        return subprocess.CompletedProcess(command, 0)

    def execv(program: str, words: list[str]) -> None:
        raise Started(program, words)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(os, "execv", execv)
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    monkeypatch.setattr(sys, "argv", ["run_inference.py", "--image_path", "a b.jpg"])
    return found


def without(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """Let this Python seem to lack one module."""

    def find_spec(name: str) -> object:
        if name.split(".")[0] == missing:
            if "." in name:
                raise ModuleNotFoundError(missing)
            return None
        return object()

    monkeypatch.setattr(environment, "find_spec", find_spec)


@pytest.mark.parametrize("group", MODULES)
def test_a_python_with_the_packages_goes_on(
    group: str, calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "a_module_that_nobody_needs")
    ensure(group)
    assert calls == []


@pytest.mark.parametrize(("group", "missing"), [("runner", "openvino"), ("train", "torch"), ("train", "google")])
def test_a_python_without_a_module_gives_way_to_the_venv(
    group: str, missing: str, calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, missing)
    with pytest.raises(Started) as started:
        ensure(group)
    assert calls == [["bash", "-c", '. "$1/tools/env.sh" "$2"', "env.sh", str(ROOT), group]]
    assert started.value.args == (str(VENV), [str(VENV), "run_inference.py", "--image_path", "a b.jpg"])


def test_the_runner_does_not_need_the_packages_of_training(
    calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "torch")
    ensure("runner")
    assert calls == []


def test_a_python_that_is_too_old_gives_way_to_the_venv(
    calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "a_module_that_nobody_needs")
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    with pytest.raises(Started):
        ensure("runner")
    assert len(calls) == 1


def test_the_venv_itself_is_not_started_again(calls: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "openvino")
    monkeypatch.setattr(sys, "executable", str(VENV))
    with pytest.raises(
        SystemExit, match=r"^error: .*cannot import all of .*openvino.*locks/runner\.txt\n .* delete .*\.venv,"
    ):
        ensure("runner")
    assert calls == []


def test_a_venv_that_cannot_be_made_ends_the_command(calls: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "cv2")
    monkeypatch.setattr(subprocess, "run", lambda command, check: subprocess.CompletedProcess(command, 3))
    with pytest.raises(SystemExit) as ended:
        ensure("runner")
    assert ended.value.code == 3


@pytest.mark.parametrize(
    "path", ["common/__init__.py", "common/environment.py", "moka", "build_dataset.py", "run_inference.py"]
)
def test_an_old_python_can_read_what_it_loads_first(path: str) -> None:
    ast.parse((ROOT / path).read_text("utf-8"), feature_version=(3, 6))

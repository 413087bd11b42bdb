"""The compiler's limits and its worker's ways to fail; a stand-in takes the tool chain's place (tests/oracle has it)."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest

from common.errors import UsageError
from myriad.errors import BlobError
from ncs import compiler
from ncs.errors import CompilerError


@pytest.mark.parametrize(
    ("shaves", "slices", "streams"),
    [(1, 1, 2), (4, 8, 2), (8, 8, 2), (8, 9, 2), (5, 6, 3), (16, 16, 1), (16, 19, 1), (14, 17, 1)],
)
def test_what_the_chip_has(shaves: int, slices: int, streams: int) -> None:
    compiler.Resources(shaves, slices, streams)


@pytest.mark.parametrize(
    ("shaves", "slices", "streams", "words"),
    [
        (0, 8, 2, "--shaves 0: expected 1 to 16"),
        (17, 17, 1, "--shaves 17: expected 1 to 16"),
        (8, 20, 1, "--cmx_slices 20: expected 1 to 19"),
        (8, 8, 0, "--streams 0: expected 1 to 3"),
        (2, 2, 4, "--streams 4: expected 1 to 3"),
        (8, 4, 2, "at least as many CMX slices"),
        (10, 10, 2, "need 20 in all.*--shaves 8 or less, or --streams 1"),
        (8, 16, 2, "need 32 in all.*--cmx_slices 9 or less"),
        (6, 6, 3, "need 18 in all.*--shaves 5 or less, or --streams 2"),
    ],
)
def test_what_it_has_not(shaves: int, slices: int, streams: int, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        compiler.Resources(shaves, slices, streams)
    assert caught.value.exit_code == 2


def compile_with(
    monkeypatch: pytest.MonkeyPatch, folder: Path, code: str, limit: float = compiler.TIMEOUT
) -> compiler.Compiled:
    """Compile with a worker whose function `compile` runs `code` on the request `ask`."""
    lines = ["import os, sys, time", "def compile_blob(ask, arrays):"]
    lines += [f"    {line}" for line in code.splitlines()]
    lines += ["FUNCTIONS = {'compile': compile_blob}"]
    worker = folder / "worker.py"
    worker.write_text("\n".join(lines))
    monkeypatch.setattr(compiler, "toolchain_program", lambda *_: Path(sys.executable))
    monkeypatch.setattr(compiler, "WORKER", worker)
    files = [folder / f"net.{kind}" for kind in ("xml", "bin", "blob")]
    return compiler.compile_blob(*files, folder, compiler.Resources(6, 7, 2), limit)


HEADER = (
    b"\x7felf".ljust(52, b"\0") + struct.pack("<20I", 9709, 132, 6, 0, 1, 1, 35, 9, 9, 1, 9, 7, 6, *[132] * 7)
).hex()


def test_request_and_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = (
        "assert (ask['shaves'], ask['cmx_slices'], ask['streams']) == (6, 7, 2), ask\n"
        f"open(ask['blob'], 'wb').write(bytes.fromhex('{HEADER}'))\n"
        "print('[Warning][VPU][Config] Deprecated option was used : VPU_MYRIAD_PLATFORM', file=sys.stderr)\n"
        "return {'openvino': '2021.4.2-3974-e2a469a3450-releases/2021/4'}, {}"
    )
    compiled = compile_with(monkeypatch, tmp_path, code)
    assert (compiled.header.stages, compiled.header.shaves, compiled.openvino) == (35, 6, "2021.4.2")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            "raise RuntimeError('Cannot allocate')",
            "net.xml: the MYRIAD compiler says: RuntimeError: Cannot allocate",
        ),
        ("print('why', file=sys.stderr); sys.exit(3)", "exit code 3.\n  why\n.*toolchain"),
        ("os.abort()", r"ended by signal 6 \(SIGABRT\)"),
        ("return 'no values', 'no arrays'", "says: AttributeError"),
    ],
)
def test_failures_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, words: str) -> None:
    with pytest.raises(CompilerError, match=words):
        compile_with(monkeypatch, tmp_path, code)


def test_harmless_noise_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = (
        "for _ in range(5000): print('E: [xLinkUsb] Library has not been initialized', file=sys.stderr)\n"
        "print('the reason', file=sys.stderr)\nraise RuntimeError('no')"
    )
    with pytest.raises(CompilerError) as caught:
        compile_with(monkeypatch, tmp_path, code)
    assert str(caught.value).splitlines() == ["net.xml: the MYRIAD compiler says: RuntimeError: no", "  the reason"]


def test_too_long(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = "print('layer 7', file=sys.stderr, flush=True); time.sleep(60)"
    with pytest.raises(CompilerError) as caught:
        compile_with(monkeypatch, tmp_path, code, limit=1.5)
    lines = str(caught.value).splitlines()
    assert lines[:2] == ["net.xml: the MYRIAD compiler was still at work after 1.5 s and was stopped.", "  layer 7"]
    assert "--time_limit SECONDS" in lines[2]
    assert "--output" in lines[2]


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf"), 1e300])
def test_no_limit(limit: float) -> None:
    with pytest.raises(UsageError, match=r"--time_limit .*expected seconds above 0"):
        compiler.check_limit(limit)


def test_long_work_shows_progress(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compiler, "PROGRESS", 0.05)
    code = (
        f"time.sleep(1); open(ask['blob'], 'wb').write(bytes.fromhex('{HEADER}'))\nreturn {{'openvino': '2021'}}, {{}}"
    )
    compile_with(monkeypatch, tmp_path, code)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 1
    assert all(line.startswith("  net.xml: the MYRIAD compiler is at work, ") for line in lines)


def test_blob_that_was_never_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(BlobError, match=r"net\.blob"):
        compile_with(monkeypatch, tmp_path, "return {'openvino': '2021.4.2'}, {}")


def test_blob_for_other_resources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    header = HEADER.replace("0700000006000000", "0900000006000000")
    code = f"open(ask['blob'], 'wb').write(bytes.fromhex('{header}'))\nreturn {{'openvino': '2021.4.2'}}, {{}}"
    with pytest.raises(CompilerError, match="9 CMX slices, expected 6 and 7"):
        compile_with(monkeypatch, tmp_path, code)


def test_launcher_that_does_not_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    launcher = tmp_path / "python"
    launcher.write_text("#!/no/such/interpreter\n")
    launcher.chmod(0o755)
    monkeypatch.setattr(compiler, "toolchain_program", lambda *_: launcher)
    with pytest.raises(CompilerError, match=r"(?s)does not start.*toolchain\.sh movidius"):
        compiler.compile_blob(tmp_path, tmp_path, tmp_path, tmp_path, compiler.Resources())

"""Helper processes that answer, refuse, die, hang or talk nonsense, each a real process."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from common import child, helper
from common.errors import MokaError
from common.helper import Helper, HelperEnded, HelperError, HelperNotStarted, HelperRefused, HelperTimeout

PYTHON = Path(sys.executable)
WORKER = """
import os, signal, subprocess, sys, time

def echo(values, arrays):
    if arrays:
        import numpy
        arrays = {name: numpy.asarray(array) for name, array in arrays.items()}
    return values, arrays

def twice(values, arrays):
    import numpy
    print("this goes nowhere")
    os.write(1, b"neither does this\\n")
    return {"stdin": sys.stdin.read()}, {name: numpy.asarray(array) * 2 for name, array in arrays.items()}

def refuse(values, arrays):
    print("E: [usb] noise\\n" * 10_000 + "the reason", file=sys.stderr, flush=True)
    raise RuntimeError(" cannot do it\\n")

def silent_error(values, arrays):
    raise RuntimeError

def leave(values, arrays):
    print("why", file=sys.stderr, flush=True)
    os._exit(values["code"])

def abort(values, arrays):
    os.abort()

def hang(values, arrays):
    child = subprocess.Popen(["sleep", "60"])
    open(values["children"], "w").write(f"{os.getpid()} {child.pid}")
    time.sleep(60)

def environment(values, arrays):
    return {name: os.environ.get(name) for name in ("PYTHONPATH", "PYTHONHOME", "HOME")}, {}

def path(values, arrays):
    return {"path": sys.path, "numpy": "numpy" in sys.modules}, {}

def garbage(values, arrays):
    os.write(values["pipe"], b"not a frame\\n")
    time.sleep(60)

def loud(values, arrays):
    print("x" * 3_000_000, file=sys.stderr, flush=True)
    return {}, {}

def objects(values, arrays):
    import numpy
    return {}, {"one": numpy.array([None])}

def loud_leave(values, arrays):
    import atexit
    atexit.register(lambda: sys.stderr.write("bye\\n" * 100_000))
    return {}, {}

FUNCTIONS = dict(globals())
"""


@pytest.fixture
def worker(tmp_path: Path) -> Path:
    (tmp_path / "worker.py").write_text(WORKER)
    return tmp_path / "worker.py"


def start(worker: Path, **options: Any) -> Helper:
    return Helper("the worker", PYTHON, worker, **options)


def is_running(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int, seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while is_running(pid):
        assert time.monotonic() < end, f"process {pid} still runs"
        time.sleep(0.02)


def test_values_and_arrays_go_both_ways(worker: Path) -> None:
    arrays: dict[str, NDArray[Any]] = {
        "picture": np.random.default_rng(1).integers(0, 256, (1, 3, 227, 227), dtype=np.uint8),
        "large": np.arange(2_000_000, dtype=np.float32),  # far more than a pipe holds
        "strided": np.arange(24, dtype=np.int16).reshape(4, 6)[::2, ::-1],
        "number": np.array(2.5),
        "nothing": np.empty((0, 3), np.float16),
        "switch": np.array([True, False]),
    }
    values: dict[str, Any] = {"text": "Zürich\n \udcff", "list": [1, 2.5, None, True], "folder": {"a": {}}}
    with start(worker) as one:
        for _ in range(3):
            answer = one.call("echo", values, arrays, seconds=20)
            assert answer.values == values
            assert list(answer.arrays) == list(arrays)
            for name, array in arrays.items():
                received = np.asarray(answer.arrays[name])
                np.testing.assert_array_equal(received, array)
                assert received.dtype == array.dtype
                assert received.shape == array.shape
                assert received.flags.writeable


def test_what_the_worker_prints_is_no_answer(worker: Path) -> None:
    with start(worker) as one:
        answer = one.call("twice", {}, {"a": np.array([1, 2], np.float32)}, seconds=20)
        assert answer.values == {"stdin": ""}
        assert np.asarray(answer.arrays["a"]).tolist() == [2, 4]
        assert one.call("echo", {}, seconds=20).values == {}


def test_numpy_is_left_to_the_workers(worker: Path) -> None:
    with start(worker) as one:
        assert one.call("path", {}, seconds=20).values["numpy"] is False
        one.call("echo", {}, {"a": np.zeros(1)}, seconds=20)
        assert one.call("path", {}, seconds=20).values["numpy"] is True


def test_our_side_needs_no_numpy(worker: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from common.helper import Helper\n"
        f"with Helper('x', Path({str(PYTHON)!r}), Path({str(worker)!r})) as one: one.call('echo', {{}}, seconds=20)\n"
        "assert 'numpy' not in sys.modules"
    )
    subprocess.run([PYTHON, "-c", code], check=True, timeout=60)


def test_modules_of_this_project_are_not_on_the_workers_path(worker: Path) -> None:
    with start(worker) as one:
        path = one.call("path", {}, seconds=20).values["path"]
    assert not {str(helper.LOADER.parent), str(worker.parent), str(Path.cwd())} & set(path)
    assert path


def test_a_worker_that_refuses_goes_on(worker: Path) -> None:
    with start(worker, harmless=["[usb]"]) as one:
        for _ in range(2):
            with pytest.raises(HelperRefused) as caught:
                one.call("refuse", {}, seconds=20)
            assert (caught.value.kind, caught.value.reason) == ("RuntimeError", "cannot do it")
            assert str(caught.value) == "the worker says: RuntimeError: cannot do it\n  the reason"
        with pytest.raises(HelperRefused) as caught:
            one.call("silent_error", {}, seconds=20)
        assert str(caught.value) == "the worker says: RuntimeError"
        with pytest.raises(HelperRefused, match="KeyError: 'unknown'"):
            one.call("unknown", {}, seconds=20)
        with pytest.raises(HelperRefused, match="array one: holds object; expected numbers"):
            one.call("objects", {}, seconds=20)
        assert one.call("echo", {"a": 1}, seconds=20).values == {"a": 1}


def test_all_errors_are_ours() -> None:
    assert issubclass(HelperError, MokaError)
    for each in (HelperNotStarted, HelperTimeout, HelperEnded, HelperRefused):
        assert issubclass(each, HelperError)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("leave", "the worker ended with exit code 3.\n  why"),
        ("abort", "the worker was ended by signal 6 (SIGABRT)."),
    ],
)
def test_a_worker_that_dies(worker: Path, function: str, words: str) -> None:
    with start(worker) as one:
        for _ in range(2):  # what is said once is said again
            with pytest.raises(HelperEnded) as caught:
                one.call(function, {"code": 3}, seconds=20)
            assert str(caught.value) == words


def test_a_worker_that_leaves_without_a_fault(worker: Path) -> None:
    with start(worker) as one, pytest.raises(HelperEnded, match="ended with exit code 0"):
        one.call("leave", {"code": 0}, seconds=20)


def test_a_worker_that_died_between_two_calls(worker: Path) -> None:
    with start(worker) as one:
        one.call("echo", {}, seconds=20)
        os.kill(one.pid, signal.SIGKILL)
        with pytest.raises(HelperEnded, match=r"the worker was ended by signal 9 \(SIGKILL\)\."):
            one.call("echo", {}, {"large": np.zeros(1_000_000)}, seconds=20)


def test_a_worker_that_hangs_is_stopped_with_all_it_started(worker: Path, tmp_path: Path) -> None:
    begin = time.monotonic()
    with start(worker) as one:
        with pytest.raises(HelperTimeout, match=r"^the worker gave no answer in 1.5 s and was stopped\.$"):
            one.call("hang", {"children": str(tmp_path / "pids")}, seconds=1.5)
        assert time.monotonic() - begin < 10
        for pid in (tmp_path / "pids").read_text().split():
            wait_until_gone(int(pid))
        with pytest.raises(HelperEnded, match=r"gave no answer in 1\.5 s and was stopped"):
            one.call("echo", {}, seconds=20)


def test_a_program_that_reads_nothing(tmp_path: Path) -> None:
    """The request is larger than the pipe, so writing it is what takes for ever."""
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nsleep 60\n")
    program.chmod(0o755)
    with Helper("the worker", program, tmp_path / "worker.py") as one, pytest.raises(HelperTimeout):
        one.call("echo", {}, {"large": np.zeros(1_000_000)}, seconds=0.5)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("echo welcome; sleep 60", HelperEnded, r"no answer, and was stopped. It begins with b'welcome\\n'"),
        ("echo '{}'; sleep 60", HelperEnded, "no answer, and was stopped"),
        ("echo '{\"values\": 1}'; sleep 60", HelperEnded, "no answer, and was stopped"),
        ('echo \'{"values": {}, "arrays": [{"dtype": "|O8", "shape": [1]}]}\'; sleep 60', HelperEnded, "no answer"),
        ('echo \'{"values": {}, "arrays": [{"dtype": "|u1", "shape": [-1]}]}\'; sleep 60', HelperEnded, "no answer"),
        ("exec cat /dev/zero", HelperEnded, "no answer, and was stopped"),
        ("tr '\\0' '{' < /dev/zero", HelperEnded, "no answer, and was stopped"),
        ("exec cat", HelperEnded, "no answer, and was stopped"),  # our own request comes back
        ("exec >&-; sleep 60", HelperEnded, "closed its output but went on, and was stopped"),
        ("echo no numpy here >&2; exit 3", HelperEnded, "ended with exit code 3.\n  no numpy here$"),
        ("exit 0", HelperEnded, "ended with exit code 0"),
        ("sleep 60 & exit 5", HelperEnded, "ended with exit code 5"),  # its child holds the pipes
    ],
)
def test_programs_that_are_no_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, error: type[HelperError], words: str
) -> None:
    monkeypatch.setattr(child, "SECONDS_TO_LEAVE", 0.5)
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    with Helper("it", program, tmp_path / "worker.py") as one, pytest.raises(error, match=words):
        one.call("echo", {}, seconds=2)
    assert one.exit_code is not None


def test_programs_that_do_not_start(tmp_path: Path) -> None:
    with pytest.raises(HelperNotStarted, match=r"none: does not start \(No such file or directory\)\.$"):
        Helper("it", tmp_path / "none", tmp_path / "worker.py")
    broken = tmp_path / "python"
    broken.write_bytes(b"\0\1\2")
    with pytest.raises(HelperNotStarted, match=r"python: does not start \(Permission denied\)"):
        Helper("it", broken, tmp_path / "worker.py")
    broken.chmod(0o755)
    with pytest.raises(HelperNotStarted, match=r"python: does not start \(Exec format error\)"):
        Helper("it", broken, tmp_path / "worker.py")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "says: FileNotFoundError"),
        ("import no_such_module", "says: ModuleNotFoundError: No module named 'no_such_module'"),
        ("x = 1", "says: KeyError: 'FUNCTIONS'"),
        ("x =", "says: SyntaxError"),
    ],
)
def test_workers_that_are_none(tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / "worker.py").write_text(text)
    with start(tmp_path / "worker.py") as one, pytest.raises(HelperRefused, match=words):
        one.call("echo", {}, seconds=20)


def test_python_path_is_for_our_python(worker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("HOME", "/there")
    with start(worker) as one:
        found = one.call("environment", {}, seconds=20).values
        assert found == {"PYTHONPATH": None, "PYTHONHOME": None, "HOME": "/there"}
    with start(worker, keep_python_path=True) as one:
        assert one.call("environment", {}, seconds=20).values["PYTHONPATH"] == "/somewhere"
    assert os.environ["PYTHONPATH"] == "/somewhere"


def test_stderr_fills_no_memory_and_blocks_nothing(worker: Path) -> None:
    with start(worker) as one:
        one.call("loud", {}, seconds=20)
        with pytest.raises(HelperEnded) as caught:
            one.call("leave", {"code": 1}, seconds=20)
        assert len(str(caught.value)) < 6 * child.MAX_LINE
        assert str(caught.value).endswith("why")


def test_closing(worker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = start(worker)
    one.call("loud_leave", {}, seconds=20)  # it will write more at its end than the pipe holds
    begin = time.monotonic()
    one.close()
    assert one.exit_code == 0
    assert time.monotonic() - begin < child.SECONDS_TO_LEAVE
    one.close()
    with pytest.raises(HelperEnded, match="the worker was closed"):
        one.call("echo", {}, seconds=20)


def test_closing_a_process_that_does_not_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "SECONDS_TO_LEAVE", 0.2)
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\ntrap '' TERM\nsleep 60\n")
    program.chmod(0o755)
    one = Helper("it", program, tmp_path / "worker.py")
    one.close()
    assert one.exit_code == -signal.SIGKILL


def test_nothing_is_left_open(worker: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for function in ("echo", "abort"):
        with start(worker) as one:
            if function == "echo":
                one.call(function, {}, seconds=20)
            else:
                with pytest.raises(HelperEnded):
                    one.call(function, {}, seconds=20)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_ctrl_c_during_a_call_stops_the_process(worker: Path, tmp_path: Path) -> None:
    """Its answer would come when the next one is awaited."""
    code = f"""
import signal, sys
from pathlib import Path
from common.helper import Helper, HelperEnded
one = Helper("it", Path({str(PYTHON)!r}), Path({str(worker)!r}))
try:
    one.call("hang", {{"children": {str(tmp_path / "pids")!r}}}, seconds=60)
except KeyboardInterrupt:
    try:
        one.call("echo", {{}}, seconds=60)
    except HelperEnded as error:
        print(error)
"""
    with subprocess.Popen([PYTHON, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + 20
        while not (tmp_path / "pids").exists() or not (tmp_path / "pids").read_text():
            assert time.monotonic() < end
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20)[0] == "it was stopped.\n"
    for pid in (tmp_path / "pids").read_text().split():
        wait_until_gone(int(pid))


def test_a_hanging_worker_ends_after_us(worker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """We may be killed and have no chance to stop it."""
    loader = tmp_path / "helper_worker.py"
    loader.write_text(helper.LOADER.read_text().replace("SECONDS_TO_FINISH = 10.0", "SECONDS_TO_FINISH = 0.2"))
    code = (
        "from pathlib import Path; from common import helper\n"
        f"helper.LOADER = Path({str(loader)!r})\n"
        f"one = helper.Helper('it', Path({str(PYTHON)!r}), Path({str(worker)!r}))\n"
        f"one.call('hang', {{'children': {str(tmp_path / 'pids')!r}}}, seconds=60)\n"
    )
    with subprocess.Popen([PYTHON, "-c", code]) as process:
        end = time.monotonic() + 20
        while not (tmp_path / "pids").exists() or not (tmp_path / "pids").read_text():
            assert time.monotonic() < end
            time.sleep(0.02)
        process.kill()
    pid, started = map(int, (tmp_path / "pids").read_text().split())
    wait_until_gone(pid)
    os.kill(started, signal.SIGKILL)


def test_the_loader_is_python_3_6() -> None:
    """It runs in the tool chain's old Python, where newer syntax would break it."""
    ast.parse(helper.LOADER.read_text("utf-8"), feature_version=(3, 6))


def test_an_answer_that_announces_too_much_is_none() -> None:
    head = b'{"values": {}, "arrays": [{"name": "a", "dtype": "|u1", "shape": [%d]}]}\n'
    assert helper.take_frame(bytearray(head % 3 + b"abc")) is not None
    with pytest.raises(ValueError):
        helper.take_frame(bytearray(head % (helper.MAX_ARRAYS + 1)))

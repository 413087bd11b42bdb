"""tools/toolchain.sh: how it refuses, what it leaves behind, what its launchers let through; nothing is downloaded here.

The last tests look at the tool chains that are in .toolchain/, and are skipped where there are none.
"""

import http.server
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.places import ROOT

CHECKOUT = ROOT
SCRIPT = CHECKOUT / "tools" / "toolchain.sh"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
CAFFE_PROGRAMS = {
    "caffe",
    "convert_imageset",
    "compute_image_mean",
    "upgrade_net_proto_text",
    "upgrade_net_proto_binary",
    "upgrade_solver_proto_text",
    "extract_features",
}

debian_only = pytest.mark.skipif(not KEYRING.exists(), reason="apt has no Debian keyring here: refused earlier")


class Call:
    """A place for .toolchain/ and a PATH of its own, without any Python or conda of this machine."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        self.root.mkdir()
        self.programs = folder / "programs"
        self.programs.mkdir()
        for place in (Path("/bin"), Path("/usr/bin")):
            for program in place.iterdir():
                link = self.programs / program.name
                if not program.name.startswith(("python", "conda", "pypy")) and not link.is_symlink():
                    link.symlink_to(program)
        # apt would try a mirror that does not answer three times, and wait for seconds in between.
        settings = folder / "apt.conf"
        settings.write_text('Acquire::Retries "0";\n')
        self.environment = {"PATH": str(self.programs), "HOME": str(folder), "MOKA_ROOT": str(self.root)}
        self.environment["APT_CONFIG"] = str(settings)

    @property
    def chains(self) -> Path:
        return self.root / ".toolchain"

    def fake(self, name: str, shell: str) -> Path:
        """A program on PATH that is a shell script."""
        return write_program(self.programs / name, shell)

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/bash", str(SCRIPT), *arguments],
            env={**self.environment, **environment},
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def write_program(path: Path, shell: str) -> Path:
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{shell}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def call(tmp_path: Path) -> Call:
    return Call(tmp_path)


@pytest.fixture
def unreachable() -> str:
    """The URL of a loopback port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    return f"http://127.0.0.1:{port}/debian"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A loopback web server: its URL and the folder that it serves."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/debian", folder / "debian"
        server.shutdown()


def one_error_line(answer: subprocess.CompletedProcess[str]) -> str:
    lines = answer.stderr.splitlines()
    assert len(lines) == 1, answer.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


# ---- wrong use -------------------------------------------------------------------------------------------------------


def test_help_names_the_tool_chains_and_the_sources_in_their_order(call: Call) -> None:
    answer = call("--help")
    assert answer.returncode == 0
    assert answer.stderr == ""
    assert answer.stdout.startswith("usage: tools/toolchain.sh movidius|caffe")
    assert answer.stdout.index("conda") < answer.stdout.index("3.6-3.9 on PATH") < answer.stdout.index("Debian 11 pack")
    assert list(call.root.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "which tool chain? Known: movidius, caffe"),
        (["tensorflow"], "'tensorflow'. Known: movidius, caffe"),
        (["--fast", "caffe"], "unknown option --fast. Known: --mirror URL, --force, --help"),
        (["caffe", "movidius"], "got caffe and movidius"),
        (["caffe", "--mirror"], "--mirror needs the URL"),
        (["caffe", "--mirror", "mirror.example"], "--mirror: expected a URL, got 'mirror.example'"),
        (["caffe", "--mirror", "http://one.example/ http://two.example/"], "--mirror: expected a URL"),
        (["caffe", "--mirror=-"], "--mirror: expected a URL, got '-'"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(call: Call, arguments: list[str], said: str) -> None:
    answer = call(*arguments)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert said in one_error_line(answer)
    assert list(call.root.iterdir()) == []


# ---- machines that cannot --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", ["Darwin arm64", "Linux aarch64"])
def test_another_kind_of_machine_is_refused(call: Call, machine: str) -> None:
    system, processor = machine.split()
    call.fake("uname", f'[ "$1" = -s ] && echo {system} || echo {processor}')
    answer = call("movidius")
    assert answer.returncode == 1
    assert f"Linux x86_64 only, but this machine is {machine}" in one_error_line(answer)
    assert list(call.root.iterdir()) == []


@pytest.mark.parametrize("command", ["apt-get", "dpkg-deb", "flock"])
def test_a_missing_command_is_named(call: Call, command: str) -> None:
    (call.programs / command).unlink()
    answer = call("caffe")
    assert answer.returncode == 1
    assert f"needs the command {command}" in one_error_line(answer)
    assert list(call.root.iterdir()) == []


def test_apt_without_a_debian_mirror_says_what_to_do(call: Call) -> None:
    call.fake("apt-get", "echo 'http://mirror.example/ubuntu/|Ubuntu|noble'")
    answer = call("caffe")
    assert answer.returncode == 1
    said = one_error_line(answer)
    assert "no Debian mirror" in said
    assert "tools/toolchain.sh caffe --mirror URL" in said
    assert "debian-archive-keyring" in said
    assert list(call.root.iterdir()) == []


@debian_only
def test_movidius_without_any_pip_names_the_package(call: Call, unreachable: str) -> None:
    answer = call("movidius", "--mirror", unreachable)
    assert answer.returncode == 1
    assert "python3-pip" in one_error_line(answer)
    assert list(call.root.iterdir()) == []


# ---- mirrors that cannot ---------------------------------------------------------------------------------------------


@debian_only
def test_an_unreachable_mirror_is_one_clear_message_and_leaves_nothing(call: Call, unreachable: str) -> None:
    answer = call("caffe", "--mirror", unreachable)
    assert answer.returncode == 1
    said = one_error_line(answer)
    assert f"no Debian 11 from {unreachable}: " in said
    assert "--mirror URL" in said
    assert answer.stdout.splitlines()[:2] == [
        "caffe: conda: no environment is active",
        f"caffe: Debian: taking Debian 11 packages from {unreachable}",
    ]
    assert list(call.root.iterdir()) == []


@debian_only
def test_a_mirror_without_debian_11_is_refused(call: Call, served: tuple[str, Path]) -> None:
    answer = call("caffe", "--mirror", served[0])
    assert answer.returncode == 1
    assert f"no Debian 11 from {served[0]}: " in one_error_line(answer)
    assert list(call.root.iterdir()) == []


@debian_only
def test_a_mirror_that_nobody_has_signed_is_refused(call: Call, served: tuple[str, Path]) -> None:
    url, folder = served
    packages = folder / "dists/bullseye/main/binary-amd64/Packages"
    packages.parent.mkdir(parents=True)
    packages.write_text("")
    (folder / "dists/bullseye/Release").write_text("Origin: Debian\nCodename: bullseye\nComponents: main\n")
    answer = call("caffe", "--mirror", url)
    assert answer.returncode == 1
    assert "not signed" in one_error_line(answer)
    assert list(call.root.iterdir()) == []


@debian_only
def test_a_failed_call_keeps_the_tool_chain_that_is_there(call: Call, unreachable: str) -> None:
    for name in ("caffe", "movidius"):
        (call.chains / name / "bin").mkdir(parents=True)
        write_program(call.chains / name / "bin" / "python", "exit 0")
    answer = call("caffe", "--force", "--mirror", unreachable)
    assert answer.returncode == 1
    assert sorted(path.name for path in call.chains.iterdir()) == ["caffe", "movidius"]
    assert (call.chains / "caffe" / "bin" / "python").exists()


@debian_only
def test_a_python_on_path_that_does_not_run_is_passed_over(call: Call, unreachable: str) -> None:
    call.fake("python3.8", "echo 'pyenv: python3.8: command not found' >&2; exit 127")
    answer = call("movidius", "--mirror", unreachable)
    assert "movidius: Python: no working CPython 3.6-3.9 on PATH" in answer.stdout.splitlines()


# ---- what is there already, and the conda environment -----------------------------------------------------------------


def test_a_tool_chain_that_starts_is_left_alone(call: Call) -> None:
    (call.chains / "caffe" / "bin").mkdir(parents=True)
    write_program(call.chains / "caffe" / "bin" / "python", "exit 0")
    answer = call("caffe")
    assert answer.returncode == 0
    assert answer.stdout == f"caffe: already there: {call.chains / 'caffe'}\n"


def make_environment(folder: Path, python: str) -> Path:
    """Something that looks like the conda environment, with `python` as the shell text of its Python."""
    (folder / "bin").mkdir(parents=True)
    (folder / "conda-meta").mkdir()
    (folder / "conda-meta" / "caffe-1.0-h123_210.json").write_text("{}")
    write_program(folder / "bin" / "python", python)
    for program in [*CAFFE_PROGRAMS, "mo"]:
        write_program(folder / "bin" / program, f'echo {program} "$@"')
    return folder


def test_the_active_environment_is_taken_and_the_callers_settings_stay_outside(call: Call, tmp_path: Path) -> None:
    prefix = make_environment(tmp_path / "an env", 'if [ "$2" = -c ] || [ "$1" = -c ]; then exit 0; fi; pwd; env')
    answer = call("caffe", CONDA_PREFIX=str(prefix))
    assert answer.returncode == 0, answer.stderr
    assert f"caffe: conda: taking {prefix}" in answer.stdout
    assert [path.name for path in call.chains.iterdir()] == ["caffe"]
    launchers = call.chains / "caffe" / "bin"
    assert {path.name for path in launchers.iterdir()} == CAFFE_PROGRAMS | {"python"}
    assert "caffe-1.0-h123_210" in (call.chains / "caffe" / "versions.txt").read_text().splitlines()

    hostile = {"PYTHONPATH": "/a", "PYTHONHOME": "/b", "LD_LIBRARY_PATH": "/c", "LD_PRELOAD": ""}
    hostile["PYTHONDONTWRITEBYTECODE"] = "1"
    wanted = {"OPENBLAS_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Zen", "OMP_NUM_THREADS": "2", "GLOG_logtostderr": "1"}
    seen = subprocess.run(
        [str(launchers / "python"), "work.py"],
        env={**call.environment, **hostile, **wanted},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert seen[0] == str(tmp_path)
    settings = dict(line.split("=", 1) for line in seen[1:])
    assert not settings.keys() & hostile.keys()
    assert wanted.items() <= settings.items()
    echoed = subprocess.run(
        [str(launchers / "caffe"), "train", "a b"], env=call.environment, capture_output=True, text=True, check=True
    )
    assert echoed.stdout == "caffe train a b\n"


def test_a_tool_chain_whose_environment_has_gone_is_made_again(call: Call, tmp_path: Path) -> None:
    first = make_environment(tmp_path / "first", "exit 0")
    assert call("movidius", CONDA_PREFIX=str(first)).returncode == 0
    (first / "bin" / "python").unlink()
    answer = call("movidius", CONDA_PREFIX=str(make_environment(tmp_path / "second", "exit 0")))
    assert answer.returncode == 0, answer.stderr
    assert "is there but no longer starts; making it again" in answer.stdout
    assert "second" in (call.chains / "movidius" / "bin" / "python").read_text()


@debian_only
def test_an_environment_that_does_not_fit_is_passed_over_with_the_reason(
    call: Call, tmp_path: Path, unreachable: str
) -> None:
    prefix = make_environment(tmp_path / "other", "echo 'AssertionError: openvino is 2020.1' >&2; exit 1")
    answer = call("movidius", "--mirror", unreachable, CONDA_PREFIX=str(prefix))
    assert f"movidius: conda: {prefix} does not fit: AssertionError: openvino is 2020.1" in answer.stdout
    (prefix / "bin" / "mo").unlink()
    answer = call("movidius", "--mirror", unreachable, CONDA_PREFIX=str(prefix))
    assert f"movidius: conda: {prefix} holds no mo" in answer.stdout
    assert "python3-pip" in one_error_line(answer)


def test_what_does_not_work_is_never_put_in_place(call: Call, tmp_path: Path) -> None:
    prefix = make_environment(tmp_path / "half", "exit 0")
    write_program(prefix / "bin" / "mo", "echo 'no networkx' >&2; exit 3")
    answer = call("movidius", CONDA_PREFIX=str(prefix))
    assert answer.returncode == 1
    assert one_error_line(answer) == "error: what was made does not work: no networkx"
    assert list(call.root.iterdir()) == []


def test_both_parts_are_made_at_once_but_each_only_once(call: Call, tmp_path: Path) -> None:
    slow = make_environment(tmp_path / "slow", f"until [ -e '{tmp_path}/go' ]; do sleep 0.05; done")
    quick = make_environment(tmp_path / "quick", "exit 0")
    outputs = [tmp_path / "first.txt", tmp_path / "second.txt"]
    calls = []
    for output in outputs:
        with output.open("w") as file:
            environment = {**call.environment, "CONDA_PREFIX": str(slow)}
            calls.append(subprocess.Popen(["/bin/bash", str(SCRIPT), "caffe"], env=environment, stdout=file))
    assert call("movidius", CONDA_PREFIX=str(quick)).returncode == 0
    waiting = f"caffe: another call is at work in {call.chains}; waiting for it"
    for _ in range(1200):
        if any(waiting in output.read_text() for output in outputs):
            break
        time.sleep(0.05)
    assert [one.poll() for one in calls] == [None, None]
    (tmp_path / "go").touch()
    assert [one.wait(60) for one in calls] == [0, 0]
    printed = sorted((output.read_text().splitlines() for output in outputs), key=len)
    target = call.chains / "caffe"
    assert printed[0] == [waiting, f"caffe: already there: {target}"]
    assert f"caffe: conda: taking {slow}" in printed[1]
    assert sorted(path.name for path in call.chains.iterdir()) == ["caffe", "movidius"]


# ---- the tool chains of this checkout ---------------------------------------------------------------------------------


def in_chain(name: str, *command: str, folder: Path) -> str:
    """What a launcher prints, called from `folder` with settings that would break it if they got in."""
    program = CHECKOUT / ".toolchain" / name / "bin" / command[0]
    if not program.exists():
        pytest.skip(f"no .toolchain/{name}: make it with tools/toolchain.sh {name}")
    hostile = {"PYTHONPATH": "/nowhere", "PYTHONHOME": "/nowhere", "LD_LIBRARY_PATH": "/lib/x86_64-linux-gnu"}
    return subprocess.run(
        [str(program), *command[1:]],
        env={**os.environ, **hostile},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout


@pytest.mark.oracle
def test_the_myriad_plugin_can_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "ask.py").write_text(
        "import sys\nfrom openvino.inference_engine import IECore\n"
        'print(sys.version_info[:2] < (3, 10), IECore().get_versions("MYRIAD")["MYRIAD"].build_number)\n'
    )
    assert in_chain("movidius", "python", "ask.py", folder=tmp_path).startswith("True 2021.4.2-")


@pytest.mark.oracle
def test_the_model_optimizer_starts(tmp_path: Path) -> None:
    assert "2021.4.2-" in in_chain("movidius", "mo", "--version", folder=tmp_path)


@pytest.mark.oracle
def test_python_in_the_tool_chain_can_start_itself(tmp_path: Path) -> None:
    ask = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import numpy; print(numpy.__version__)'])"
    assert in_chain("movidius", "python", "-c", ask, folder=tmp_path).startswith("1.1")


@pytest.mark.oracle
def test_pycaffe_computes_with_openblas(tmp_path: Path) -> None:
    (tmp_path / "net.prototxt").write_text(
        'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 4 } } }\n'
        'layer { name: "y" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 2 } }\n'
    )
    (tmp_path / "forward.py").write_text(
        "import caffe, numpy\n"
        'net = caffe.Net("net.prototxt", caffe.TEST)\n'
        'net.params["y"][0].data[...] = numpy.arange(8).reshape(2, 4)\n'
        'net.blobs["x"].data[...] = 1\n'
        'print(net.forward()["y"].tolist())\n'
        'print(any("openblas" in line for line in open("/proc/self/maps")))\n'
    )
    assert in_chain("caffe", "python", "forward.py", folder=tmp_path).split("\n")[:2] == ["[[6.0, 22.0]]", "True"]


@pytest.mark.oracle
def test_caffe_and_its_tools_start(tmp_path: Path) -> None:
    assert in_chain("caffe", "caffe", "--version", folder=tmp_path).strip() == "caffe version 1.0.0"
    assert {path.name for path in (CHECKOUT / ".toolchain/caffe/bin").iterdir()} == CAFFE_PROGRAMS | {"python"}

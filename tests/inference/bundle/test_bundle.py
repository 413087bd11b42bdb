"""`bundle`: one file that runs elsewhere, with the runner's packages and without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import pytest

from common.places import ROOT
from kits.commands import run_command
from kits.inference import card_of, one_colour, write_card, write_graph

# What a machine has after `pip install -r locks/runner.txt`, as far as our rooms may import it.
LIGHT = """
import sys

class Light:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {heavy!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)

sys.meta_path.insert(0, Light())
"""
HEAVY = [
    "torch",
    "google",
    "lmdb",
    "h5py",
    "matplotlib",
    "scipy",
    "sklearn",
    "tqdm",
    "jinja2",
    "joblib",
    "caffe_io",
    "ncs",
]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with ColourNet. Nobody may change it."""
    folder = tmp_path_factory.mktemp("bundle")
    write_graph(folder / "nets")
    done = run_command("inference", "bundle", "-o", "moka-edge.pyz", "--graph", "nets", folder=folder)
    assert done.code == 0, done.err
    assert "networks:  ColourNet\n" in done.out
    assert done.out.splitlines()[-1].endswith("haar")
    return folder / "moka-edge.pyz"


def run_bundle(
    bundle: Path, *words: object, folder: Path, python: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a bundle in `folder`/here, as a machine does that has the runner's packages alone. The cache is `folder`/cache."""
    (folder / "here").mkdir(exist_ok=True)
    (folder / "light").mkdir(exist_ok=True)
    (folder / "light/sitecustomize.py").write_text(LIGHT.format(heavy=HEAVY))
    environment = {**os.environ, "PYTHONPATH": str(folder / "light"), "XDG_CACHE_HOME": str(folder / "cache")}
    return subprocess.run(
        [sys.executable, *python, bundle, *map(str, words)],
        cwd=folder / "here",
        env={**environment, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def unpacked(folder: Path) -> Path:
    (found,) = (folder / "cache/moka-edge").iterdir()
    return found


def test_it_answers_in_an_empty_folder_of_another_machine(bundle: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "red.png"), one_colour((0, 0, 200)))
    done = run_bundle(bundle, "--image_path", tmp_path / "red.png", "--device", "CPU", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "red" in done.stdout
    assert list((tmp_path / "here").iterdir()) == []


def test_it_holds_what_the_runner_needs_and_no_more(bundle: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    rooms = {name.split("/")[0] for name in names}
    assert rooms <= {"common", "faces", "host", "myriad", "inference", "graph", "locks", "tools", ".toolchain"} | {
        "__main__.py",
        "bundle.json",
    }
    assert {"graph/ColourNet.json", "graph/ColourNet.xml", "graph/ColourNet.bin", "locks/runner.txt"} <= names
    assert not any("__pycache__" in name for name in names)
    assert any(name.startswith("inference/page/static/") for name in names)
    code = {str(path.relative_to(ROOT)) for room in ("common", "inference") for path in (ROOT / room).rglob("*.py")}
    assert code <= names


def test_it_is_unpacked_once(bundle: Path, tmp_path: Path) -> None:
    assert run_bundle(bundle, "--help", folder=tmp_path).returncode == 0
    before = (unpacked(tmp_path) / "bundle.json").stat()
    done = run_bundle(bundle, "--help", folder=tmp_path)
    assert "usage: python3 moka-edge.pyz [-h]" in done.stdout
    others = done.stdout.split("other verbs, each with its own help (python3 moka-edge.pyz VERB --help):\n")[1]
    assert [line.split()[0] for line in others.splitlines()] == ["devices", "serve", "bundle"]
    assert (unpacked(tmp_path) / "bundle.json").stat() == before


def test_a_second_bundle_with_other_contents_has_its_own_folder(bundle: Path, tmp_path: Path) -> None:
    write_graph(tmp_path / "nets", card_of("Other"))
    done = run_bundle(bundle, "bundle", "-o", "../other.pyz", "--graph", "../nets", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "networks:  Other\n" in done.stdout
    assert run_bundle(tmp_path / "other.pyz", "--help", folder=tmp_path).returncode == 0
    assert len(list((tmp_path / "cache/moka-edge").iterdir())) == 2


def test_an_unpacked_bundle_of_which_a_part_is_gone_is_unpacked_again(bundle: Path, tmp_path: Path) -> None:
    assert run_bundle(bundle, "--help", folder=tmp_path).returncode == 0
    (unpacked(tmp_path) / "graph/ColourNet.bin").unlink()
    assert run_bundle(bundle, "--help", folder=tmp_path).returncode == 0
    assert (unpacked(tmp_path) / "graph/ColourNet.bin").is_file()


def test_several_may_start_at_once(bundle: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    running = [
        subprocess.Popen([sys.executable, bundle, "--help"], env=environment, stdout=subprocess.DEVNULL)
        for _ in range(4)
    ]
    assert [process.wait(timeout=120) for process in running] == [0, 0, 0, 0]
    assert len(list((tmp_path / "moka-edge").iterdir())) == 1


def test_without_a_folder_to_keep_it_in_nothing_stays(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    before = {*tmp_path.iterdir(), tmp_path / "here", tmp_path / "light"}
    done = run_bundle(bundle, "--help", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(tmp_path.iterdir()) == before


def test_without_packages_it_says_how_to_get_them(bundle: Path, tmp_path: Path) -> None:
    own = tmp_path / "moka-edge.pyz"
    own.write_bytes(bundle.read_bytes())
    # -S: without site-packages.
    done = run_bundle(own, "--image_path", "x.jpg", folder=tmp_path, python=("-S",))
    assert (done.returncode, done.stdout) == (1, "")
    assert "has no module numpy. Run ./install_pi.sh, or" in done.stderr
    lock = Path(done.stderr.split(" install -r ")[1].strip())
    assert lock.read_bytes() == (ROOT / "locks/runner.txt").read_bytes()
    done = run_bundle(own, "serve", folder=tmp_path, python=("-S",))
    assert "Run ./install_pi.sh --page, or" in done.stderr
    assert done.stderr.rstrip().endswith("/locks/page.txt")


def test_without_packages_it_goes_on_in_the_environment_beside_it(bundle: Path, tmp_path: Path) -> None:
    own = tmp_path / "moka-edge.pyz"
    own.write_bytes(bundle.read_bytes())
    (tmp_path / "link.pyz").symlink_to(own)
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)
    done = run_bundle(tmp_path / "link.pyz", "--image_path", "a b.jpg", folder=tmp_path, python=("-S",))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1:] == ["--image_path", "a b.jpg"]


def test_a_damaged_bundle_says_so(bundle: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle) as whole, zipfile.ZipFile(tmp_path / "part.pyz", "w") as part:
        for name in whole.namelist():
            if name != "graph/ColourNet.bin":
                part.writestr(name, whole.read(name))
    done = run_bundle(tmp_path / "part.pyz", "--help", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {tmp_path}/part.pyz: cannot be unpacked")
    assert done.stderr.count("\n") == 1
    assert list((tmp_path / "cache/moka-edge").iterdir()) == []


def test_a_network_whose_files_differ_is_not_bundled(tmp_path: Path) -> None:
    card = card_of()
    write_graph(tmp_path / "nets", card)
    write_card(tmp_path / "nets", {**card, "ir": {**card["ir"], "bin_sha256": "0" * 64}})
    done = run_command("inference", "bundle", "-o", "out.pyz", "--graph", "nets", folder=tmp_path)
    assert done.code == 1
    assert "ColourNet.bin: is not the file that" in done.err
    assert not (tmp_path / "out.pyz").exists()


def test_nothing_is_replaced_without_force(tmp_path: Path) -> None:
    write_graph(tmp_path / "nets")
    (tmp_path / "out.pyz").write_text("mine")
    done = run_command("inference", "bundle", "-o", "out.pyz", "--graph", "nets", folder=tmp_path)
    assert done.code == 2
    assert (tmp_path / "out.pyz").read_text() == "mine"
    done = run_command("inference", "bundle", "-o", "out.pyz", "--graph", "nets", "--force", folder=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert zipfile.is_zipfile(tmp_path / "out.pyz")

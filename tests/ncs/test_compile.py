"""The verb compile and compile2Movidius.sh: which files are read, what appears, and that it is all or nothing."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caffe_io.errors import CaffeIOError, PrototxtError, WeightsError
from caffe_io.mean import read_mean, write_mean
from caffe_io.prototxt import to_text
from common.card import mean_hash, read_card, read_cards
from common.errors import CardError, MeanError, MokaError, OutputExists, UsageError
from common.places import ROOT
from kits.commands import Done
from kits.ncs import net_of, pixels, run_model, values, write_small_net
from ncs.__main__ import ROOM
from ncs.errors import CompilerError, ConversionError


@pytest.fixture
def files(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A SmallNet in the current folder, and no tool chain."""
    monkeypatch.setattr("common.places.TOOLCHAIN", working_folder / "toolchain")
    return write_small_net(working_folder)


def outputs() -> list[str]:
    return sorted(path.name for path in Path("graph").iterdir()) if Path("graph").exists() else []


def test_ir_and_card_without_a_tool_chain(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    ROOM.main(["compile", "--net", "SmallNet"])
    assert outputs() == ["SmallNet.bin", "SmallNet.json", "SmallNet.xml"]
    card = json.loads(Path("graph/SmallNet.json").read_text())
    net_card = json.loads(files["card"].read_text())
    assert {key: card[key] for key in net_card} == net_card
    assert card["format"] == 1
    assert card["input"] == {"blob": "data", "shape": [1, 3, 9, 8], "layout": "NCHW", "precision": "U8"}
    mean = read_mean(files["mean"])
    assert (card["mean"]["inside"], card["mean"]["kind"], card["mean"]["sha256"]) == (True, "image", mean_hash(mean))
    np.testing.assert_allclose(card["mean"]["channel_means"], mean.mean(axis=(1, 2)), atol=1e-3)
    digest = hashlib.sha256(files["weights"].read_bytes()).hexdigest()
    assert card["source"] == {"caffemodel": "SmallNet_iter_20.caffemodel", "sha256": digest}
    assert card["blob"] is None
    for kind in ("xml", "bin"):
        assert card["ir"][f"{kind}_sha256"] == hashlib.sha256(Path(f"graph/SmallNet.{kind}").read_bytes()).hexdigest()
    assert (card["ir"]["version"], card["ir"]["precision"], card["ir"]["xml"]) == (10, "FP16", "SmallNet.xml")
    text = capsys.readouterr().out
    for words in ("1x3x9x8 U8", "prob: 1x3", "tools/toolchain.sh movidius"):
        assert words in text


def test_answers_are_those_of_the_net(files: dict[str, Path]) -> None:
    from caffe_io.weights import read_weights

    ROOM.main(["compile", "--net", "SmallNet"])
    weights, mean, picture = read_weights(files["weights"]), read_mean(files["mean"]), pixels()
    x = picture[0] - mean
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    conv = np.einsum("chwij,ocij->ohw", windows, weights["conv"][0]) + weights["conv"][1][:, None, None]
    logits = weights["fc"][0] @ np.maximum(conv, 0).ravel() + weights["fc"][1]
    wanted = np.exp(logits - logits.max())
    np.testing.assert_allclose(run_model("graph/SmallNet.xml", picture)["prob"][0], wanted / wanted.sum(), atol=5e-3)


def test_newest_snapshot_by_number(files: dict[str, Path]) -> None:
    folder = files["weights"].parent
    for number in (3, 100):
        shutil.copy(files["weights"], folder / f"SmallNet_iter_{number}.caffemodel")
    os.utime(files["weights"], (1e9, 1e9))
    ROOM.main(["compile", "--net", "SmallNet"])
    assert json.loads(Path("graph/SmallNet.json").read_text())["source"]["caffemodel"] == "SmallNet_iter_100.caffemodel"


def test_files_by_name(files: dict[str, Path]) -> None:
    card = files["card"].rename(files["card"].with_name("meaning.json"))
    files["train_test"].unlink()
    options = ["--model", str(files["net"]), "--weights", str(files["weights"]), "--out", "elsewhere"]
    ROOM.main(["compile", *options, "--card", str(card), "--mean_value", "104", "117", "123"])
    written = json.loads(Path("elsewhere/SmallNet.json").read_text())
    assert written["mean"]["kind"] == "values"
    assert written["mean"]["channel_means"] == [104, 117, 123]
    ROOM.main(["compile", *options, "--force"])  # no card, no mean
    written = json.loads(Path("elsewhere/SmallNet.json").read_text())
    assert written["mean"] == {"inside": True, "kind": "none", "sha256": None, "channel_means": [0, 0, 0]}
    assert written["outputs"] == [{"blob": "prob", "task": "prob", "read": "argmax", "classes": ["0", "1", "2"]}]


def test_larger_mean_is_cropped_and_hashed_whole(files: dict[str, Path]) -> None:
    ROOM.main(["compile", "--net", "SmallNet"])
    before = run_model("graph/SmallNet.xml", pixels())["prob"]
    mean = read_mean(files["mean"])
    larger = np.pad(mean, ((0, 0), (2, 3), (1, 2)), constant_values=7)
    write_mean(files["mean"], larger, force=True)
    ROOM.main(["compile", "--net", "SmallNet", "--force"])
    np.testing.assert_array_equal(run_model("graph/SmallNet.xml", pixels())["prob"], before)
    entry = json.loads(Path("graph/SmallNet.json").read_text())["mean"]
    assert entry["sha256"] == mean_hash(larger)
    np.testing.assert_allclose(entry["channel_means"], mean.mean(axis=(1, 2)), atol=1e-3)


@pytest.mark.parametrize("suffix", [".xml", ".bin", ".json", ".blob"])
def test_existing_outputs_are_refused_without_force(files: dict[str, Path], suffix: str) -> None:
    Path("graph").mkdir()
    there = Path(f"graph/SmallNet{suffix}")
    there.write_text("mine")
    with pytest.raises(OutputExists, match=f"SmallNet{suffix}.*--force"):
        ROOM.main(["compile", "--net", "SmallNet"])
    assert outputs() == [there.name]
    assert there.read_text() == "mine"
    ROOM.main(["compile", "--net", "SmallNet", "--force"])  # an old blob does not stay beside a new IR
    assert outputs() == ["SmallNet.bin", "SmallNet.json", "SmallNet.xml"]


def test_failed_compile_leaves_old_outputs_alone(files: dict[str, Path]) -> None:
    ROOM.main(["compile", "--net", "SmallNet"])
    before = {name: Path("graph", name).read_bytes() for name in outputs()}
    launcher = Path("toolchain/movidius/bin/python")
    launcher.parent.mkdir(parents=True)
    launcher.write_text("#!/bin/sh\nexit 7\n")
    launcher.chmod(0o755)
    with pytest.raises(CompilerError, match="exit code 7"):
        ROOM.main(["compile", "--net", "SmallNet", "--force"])
    assert {name: Path("graph", name).read_bytes() for name in outputs()} == before


def test_the_runner_refuses_a_set_of_two_compiles(files: dict[str, Path]) -> None:
    """What a kill among the renames can leave: the card tells the hashes of its files."""
    from inference.devices import open_device

    sets = []
    for classes in (3, 4):
        files["weights"].unlink()
        write_small_net(Path.cwd(), classes=classes)
        ROOM.main(["compile", "--net", "SmallNet", "--force"])
        open_device("CPU", read_cards("graph"))
        sets.append({name: Path("graph", name).read_bytes() for name in outputs()})
    for mixed in itertools.product((0, 1), repeat=3):
        for name, which in zip(outputs(), mixed, strict=True):
            Path("graph", name).write_bytes(sets[which][name])
        if len(set(mixed)) == 1:
            open_device("CPU", read_cards("graph"))
        else:
            with pytest.raises(CardError, match=r"SmallNet\.(xml|bin): is not the file that .*SmallNet\.json"):
                open_device("CPU", read_cards("graph"))


SOFTMAX = 'layer { name: "prob" type: "Softmax" bottom: "data" top: "prob" }'


def compile_layers(files: dict[str, Path], layers: str, shape: tuple[int, ...], *options: str) -> None:
    """Compile a net of layers that have no weights; those of the caffemodel belong to other layers."""
    Path("Net_deploy.prototxt").write_text(to_text(net_of(layers, shape)))
    names = ["--model", "Net_deploy.prototxt", "--weights", str(files["weights"]), "--out", "nets"]
    ROOM.main(["compile", *names, *options])


def test_a_grey_net_without_a_card_is_for_the_runner(files: dict[str, Path]) -> None:
    compile_layers(files, SOFTMAX, (1, 1, 24, 20))
    (card,) = read_cards("nets")
    assert (card.channel_order, card.input.shape) == ("GRAY", [1, 1, 24, 20])


@pytest.mark.parametrize(
    ("layers", "shape", "words"),
    [
        (SOFTMAX, (1, 5, 24, 20), "takes pictures of 5 channels"),
        (SOFTMAX, (1, 7), "takes 1x7 numbers instead of a picture"),
        (SOFTMAX + 'layer { name: "p" type: "Input" top: "p" input_param { shape { dim: 1 dim: 3 } } }'
         'layer { name: "q" type: "Softmax" bottom: "p" top: "q" }', (1, 3, 24, 20), "takes 2 inputs"),
    ],
)  # fmt: skip
def test_a_net_that_the_runner_cannot_use_still_compiles(
    files: dict[str, Path], layers: str, shape: tuple[int, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    compile_layers(files, layers, shape)
    assert f"note    the runner cannot use this network: it {words}" in capsys.readouterr().out
    assert read_card(Path("nets/Net.json")).obstacle == words
    with pytest.raises(CardError, match=rf"Net\.json: its network {words}"):
        read_cards("nets")


HALVED = 'layer { name: "p" type: "Pooling" bottom: "data" top: "p" pooling_param { kernel_size: 2 stride: 2 } }'
HALVED += SOFTMAX.replace('"data"', '"p"')


def test_a_card_in_colour_of_a_grey_net(files: dict[str, Path], caplog: pytest.LogCaptureFixture) -> None:
    compile_layers(files, HALVED, (1, 1, 6, 2), "--card", str(files["card"]))
    assert '"channel_order" is "BGR", but the net takes one channel, so it gets grey pictures' in caplog.text
    (card,) = read_cards("nets")
    assert card.channel_order == "GRAY"


def test_a_grey_card_of_a_net_in_colour_is_refused_at_once(files: dict[str, Path]) -> None:
    content = json.loads(files["card"].read_text()) | {"channel_order": "GRAY"}
    files["card"].write_text(json.dumps(content))
    with pytest.raises(CardError, match=r'"channel_order" is "GRAY".*expected 1 channels'):
        compile_layers(files, HALVED, (1, 3, 2, 2), "--card", str(files["card"]))
    assert not Path("nets").exists()


def damage(path: Path, content: bytes | str | None) -> None:
    path.unlink()
    if isinstance(content, str):
        path.write_text(content)
    elif content is not None:
        path.write_bytes(content)


@pytest.mark.parametrize(
    ("which", "content", "error", "words"),
    [
        ("weights", None, WeightsError, "holds no snapshot"),
        ("weights", b"", WeightsError, "0 bytes"),
        ("weights", b"\x12\x34 not a caffemodel", WeightsError, "SmallNet_iter_20"),
        ("mean", None, MeanError, r"mean\.binaryproto.*create_mean"),
        ("mean", b"\xff\xff", MeanError, r"mean\.binaryproto"),
        ("net", None, CaffeIOError, "SmallNet_deploy"),
        ("net", 'name: "x"\nlayer { name "y" }', PrototxtError, r"SmallNet_deploy\.prototxt:2:"),
        ("net", 'layer { name: "d" type: "Data" top: "data" }', ConversionError, "no Input layer.*deploy"),
        ("card", None, CardError, "SmallNet.json"),
        ("card", "{", CardError, r"SmallNet\.json:1:2"),
    ],
)
def test_bad_files(
    files: dict[str, Path], which: str, content: bytes | str | None, error: type[MokaError], words: str
) -> None:
    damage(files[which], content)
    with pytest.raises(error) as caught:
        ROOM.main(["compile", "--net", "SmallNet"])
    assert re.search(words, str(caught.value), re.DOTALL), str(caught.value)
    assert caught.value.exit_code in (1, 2)
    assert outputs() == []


def test_every_truncation_of_a_caffemodel_is_an_error(files: dict[str, Path]) -> None:
    whole = files["weights"].read_bytes()
    for length in range(1, len(whole), 97):
        files["weights"].write_bytes(whole[:length])
        with pytest.raises((WeightsError, ConversionError)):
            ROOM.main(["compile", "--net", "SmallNet"])
    assert outputs() == []


def test_mean_of_another_size(files: dict[str, Path]) -> None:
    write_mean(files["mean"], values(3, 8, 8), force=True)
    with pytest.raises(MeanError, match=r"3x8x8.*3x9x8"):
        ROOM.main(["compile", "--net", "SmallNet"])
    assert outputs() == []


def test_caffemodel_of_another_net(files: dict[str, Path]) -> None:
    text = files["net"].read_text()
    files["net"].write_text(text.replace("num_output: 3", "num_output: 5"))
    with pytest.raises(ConversionError, match=r'layer "fc".*blob 0.*3x168, expected 5x168'):
        ROOM.main(["compile", "--net", "SmallNet"])
    assert outputs() == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "--net NAME, or --model"),
        (["--model", "x.prototxt"], "--weights"),
        (["--net", "SmallNet", "--shaves", "9"], "--shaves 8 or less"),
        (["--net", "SmallNet", "--mean_value", "1", "2"], "2 values"),
        # Before anything is read, and without a compiler too.
        (["--net", "SmallNet", "--weights", "none", "--time_limit", "0"], "--time_limit 0: expected seconds above 0"),
    ],
)
def test_wrong_use(files: dict[str, Path], options: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ROOM.main(["compile", *options])
    assert outputs() == []


@pytest.mark.parametrize("limit", [500, 15_000])  # too small for the .xml; too small for the .bin alone
def test_disk_that_takes_no_more(working_folder: Path, run_process: Callable[..., Any], limit: int) -> None:
    def no_large_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    write_small_net(working_folder, classes=64)
    # Python would leave half a .pyc of each module that it has to compile, for all later tests to stumble over.
    variables = {"PYTHONDONTWRITEBYTECODE": "1"}
    words = ("-m", "ncs", "compile", "--net", "SmallNet")
    done = run_process(*words, preexec_fn=no_large_files, variables=variables)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert outputs() == []


def test_folder_that_cannot_be_written(files: dict[str, Path], run_command: Callable[..., Done]) -> None:
    Path("graph").write_text("a file, no folder")
    done = run_command("ncs", "compile", "--net", "SmallNet")
    assert done.code in (1, 2)
    assert re.match(r"error: graph", done.err)
    assert Path("graph").read_text() == "a file, no folder"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_permission(files: dict[str, Path], run_command: Callable[..., Done]) -> None:
    Path("graph").mkdir()
    Path("graph").chmod(0o500)
    done = run_command("ncs", "compile", "--net", "SmallNet")
    assert done.code == 1
    assert "permission" in done.err.lower()
    assert outputs() == []


def test_help_and_unknown_verb(run_command: Callable[..., Done]) -> None:
    for arguments in (["--help"], ["compile", "--help"], ["mean", "--help"]):
        done = run_command("ncs", *arguments)
        assert (done.code, done.err) == (0, "")
    assert run_command("ncs", "compose").code == 2


def test_traceback_only_with_debug(files: dict[str, Path], run_command: Callable[..., Done]) -> None:
    files["card"].write_text("{")
    assert "Traceback" not in run_command("ncs", "compile", "--net", "SmallNet").err
    assert "Traceback" in run_command("ncs", "compile", "--net", "SmallNet", "--debug").err


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The project as a fresh clone would have it, without a tool chain, its environment being the one of this test."""
    root = tmp_path / "checkout"
    root.mkdir()
    shutil.copytree(ROOT / "common", root / "common")
    for name in ("caffe_io", "evaluation", "faces", "host", "inference", "lmdb_build", "myriad", "ncs", "training"):
        (root / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "compile2Movidius.sh", root)
    shutil.copy(ROOT / "moka", root)
    (root / "tools").mkdir()
    (root / "tools/env.sh").write_text(f'MOKA_ROOT="{root}"\nPYTHON="{sys.executable}"\nexport PYTHONPATH="{root}"\n')
    for name, classes in (("AgeNet", 4), ("GenderNet", 2)):
        write_small_net(root, name, classes)
    return root


@pytest.mark.slow
def test_compile2movidius(checkout: Path) -> None:
    def script(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["./compile2Movidius.sh", *options], cwd=checkout, capture_output=True, text=True, timeout=120
        )

    done = script()
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("tools/toolchain.sh movidius") == 2  # once for each net
    names = ["AgeNet.bin", "AgeNet.json", "AgeNet.xml", "GenderNet.bin", "GenderNet.json", "GenderNet.xml"]
    assert sorted(path.name for path in (checkout / "graph").iterdir()) == [*names, "age_gender_mean.npy"]
    npy = np.load(checkout / "graph/age_gender_mean.npy")
    np.testing.assert_array_equal(npy, read_mean(checkout / "data/mean/mean.binaryproto"))
    again = script()
    assert (again.returncode, again.stdout) == (2, "")
    assert "--force" in again.stderr
    assert script("--shaves", "9").returncode == 2
    assert script("--force", "--shaves", "4").returncode == 0

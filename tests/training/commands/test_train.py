"""`python -m training train`: Ctrl-C and resuming, fine-tuning, the log, and everything that a user can get wrong."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from caffe_io.caffe_pb2 import SolverParameter
from caffe_io.mean import write_mean
from caffe_io.prototxt import read_net
from caffe_io.weights import newest_snapshot, read_solverstate, read_weights, write_weights
from common.errors import UsageError
from kits.commands import run_process, start_process
from kits.training import make_lmdb, small_solver
from kits.training_commands import command, leftovers
from training.commands.train import rescale
from training.solvers.record import read_rows


def train_numbers(folder: Path) -> list[tuple[str, str, str]]:
    return [
        (r["iteration"], r["name"], r["value"]) for r in read_rows(folder / "small_log.csv") if r["phase"] == "train"
    ]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT as Ctrl-C sends it")
def test_a_run_stopped_by_ctrl_c_and_resumed_ends_like_an_uninterrupted_one(tmp_path: Path) -> None:
    folders = [tmp_path / "stopped", tmp_path / "uninterrupted"]
    settings = {"display": 10, "snapshot": 0, "test_interval": 50, "stepsize": 60}
    for folder in folders:
        folder.mkdir()
    # It cannot end before the signal comes.
    stopped = small_solver(folders[0], **settings, max_iter=1_000_000)
    process = start_process("-m", "training", "train", "--solver", stopped, folder=tmp_path)
    assert process.stdout is not None
    assert process.stderr is not None
    log = ""
    for line in process.stderr:
        log += line
        if "Iteration 20, lr" in line:
            process.send_signal(signal.SIGINT)
            break
    log += process.stderr.read()
    out = process.stdout.read()
    process.stderr.close()
    process.stdout.close()
    # A shell expects this code of a command that Ctrl-C ended, and a script then stops.
    assert process.wait(60) == 130, log
    assert "Traceback" not in log
    assert "Optimization stopped early." in log
    (state,) = folders[0].glob("*.solverstate")
    reached = read_solverstate(state).iter
    assert reached > 20
    assert state.name == f"small_iter_{reached}.solverstate"
    assert f"--snapshot {state}" in out
    assert leftovers(folders[0]) == []
    stopped, uninterrupted = (small_solver(folder, **settings, max_iter=reached + 25) for folder in folders)
    done = command("train", "--solver", stopped, "--snapshot", state, folder=tmp_path)
    assert done.code == 0, done.err
    assert f"Restoring previous solver status from {state}" in done.err
    assert command("train", "--solver", uninterrupted, folder=tmp_path).code == 0
    ends = [read_weights(folder / f"small_iter_{reached + 25}.caffemodel") for folder in folders]
    for layer, blobs in ends[1].items():
        for one, other in zip(ends[0][layer], blobs, strict=True):
            assert one.tobytes() == other.tobytes(), layer
    assert train_numbers(folders[0]) == train_numbers(folders[1])
    keys = [(r["iteration"], r["phase"], r["name"]) for r in read_rows(folders[0] / "small_log.csv")]
    assert len(keys) == len(set(keys))
    assert keys == [(r["iteration"], r["phase"], r["name"]) for r in read_rows(folders[1] / "small_log.csv")]


def test_a_finished_training(tmp_path: Path) -> None:
    done = command("train", "--solver", small_solver(tmp_path), folder=tmp_path, draw=True)
    assert done.code == 0, done.err
    for ending in ("log.csv", "curves.png", "iter_12.caffemodel", "iter_12.solverstate"):
        assert (tmp_path / f"small_{ending}").stat().st_size > 0
    assert re.search(r"12 iterations in \d+ s \(\S+ iter/s\); (\d+\.\d)% of the time waiting for data", done.out)
    assert f"curves {tmp_path}/small_curves.png" in done.out
    assert leftovers(tmp_path) == []


def test_caffe_s_parse_log_finds_everything(tmp_path: Path) -> None:
    """The regular expressions are those of tools/extra/parse_log.py and extract_seconds.py.

    They start at the line with "Solving". An iteration and a rate count until the next ones. Month, day and time are cut from
    the line's first two words.
    """
    log = command("train", "--solver", small_solver(tmp_path), folder=tmp_path).err.splitlines()
    begin = next(index for index, line in enumerate(log) if "Solving" in line)
    iteration, rate, rows = -1.0, float("nan"), []
    for line in log[begin:]:
        if found := re.search(r"Iteration (\d+)", line):
            iteration = float(found[1])
        if found := re.search(r"lr = ([-+]?[0-9]*\.?[0-9]+([eE]?[-+]?[0-9]+)?)", line):
            rate = float(found[1])
        for phase in ("Train", "Test"):
            if found := re.search(phase + r" net output #(\d+): (\S+) = ([\.\deE+-]+)", line):
                rows.append((phase, iteration, rate, int(found[1]), found[2], float(found[3])))
        first, second = line.split()[:2]
        month, day = int(first[1:3]), int(first[3:])
        hour, minute, seconds = second[: second.rfind(".")].split(":")
        assert (1 <= month <= 12, 1 <= day <= 31, int(hour) < 24, int(minute) < 60, int(seconds) < 60) == (True,) * 5
        assert re.fullmatch(r"\d{6}", second[second.rfind(".") + 1 :])
    tests = [(row[1], row[3], row[4]) for row in rows if row[0] == "Test"]
    assert tests == [(i, n, name) for i in (0, 6, 12) for n, name in enumerate(("accuracy", "loss"))]
    trains = [row for row in rows if row[0] == "Train"]
    assert [(row[1], row[3], row[4]) for row in trains] == [(i, 0, "loss") for i in (0, 2, 4, 6, 8, 10)]
    # Each has the rate of the line before.
    assert [row[2] for row in trains[1:]] == [0.01, 0.01, 0.01, 0.005, 0.005]
    written = [
        (float(r["iteration"]), float(r["value"]))
        for r in read_rows(tmp_path / "small_log.csv")
        if r["phase"] == "train"
    ]
    assert written == [(row[1], row[5]) for row in trains]


def trained(folder: Path, **settings: object) -> Path:
    """Train the small net for three iterations; return the caffemodel."""
    solver = small_solver(folder, max_iter=3, display=0, test_interval=100, snapshot=0, **settings)
    assert command("train", "--solver", solver, folder=folder).code == 0
    return folder / "small_iter_3.caffemodel"


# Settings with which the weights stay as they are.
UNCHANGED = {"base_lr": 0.0, "weight_decay": 0.0, "max_iter": 1, "display": 0, "test_interval": 100, "snapshot": 0}


def test_fine_tuning_takes_layers_by_name(tmp_path: Path) -> None:
    first = trained(tmp_path).rename(tmp_path / "first.caffemodel")
    solver = small_solver(tmp_path, **UNCHANGED)
    net = tmp_path / "net.prototxt"
    net.write_text(net.read_text().replace('name: "fc8"', 'name: "fc8_new"'))
    done = command("train", "--solver", solver, "--weights", first, "--force", folder=tmp_path)
    assert done.code == 0, done.err
    given, loaded = read_weights(first), read_weights(tmp_path / "small_iter_1.caffemodel")
    for layer in ("conv1", "fc"):
        np.testing.assert_array_equal(loaded[layer][0], given[layer][0])
    assert "Copied the weights of conv1, fc\n" in done.err
    assert "Ignored, because the net has no such layers: fc8\n" in done.err
    assert "Training from scratch: fc8_new\n" in done.err
    assert "fc8" not in loaded
    assert not np.array_equal(loaded["fc8_new"][0], given["fc8"][0])


def test_fine_tuning_from_two_files(tmp_path: Path) -> None:
    """They are separated by a comma, and the later one wins."""
    for name, seed in (("a", 1), ("b", 2)):
        trained(tmp_path, random_seed=seed).rename(tmp_path / f"{name}.caffemodel")
        (tmp_path / "small_iter_3.solverstate").unlink()
    both = {name: read_weights(tmp_path / f"{name}.caffemodel") for name in "ab"}
    net = read_net(tmp_path / "net.prototxt")
    write_weights(tmp_path / "fc_of_b.caffemodel", net, {"fc": both["b"]["fc"]})
    files = f"{tmp_path}/a.caffemodel, {tmp_path}/fc_of_b.caffemodel"
    done = command("train", "--solver", small_solver(tmp_path, **UNCHANGED), "--weights", files, folder=tmp_path)
    assert done.code == 0, done.err
    assert "Training from scratch" not in done.err
    loaded = read_weights(tmp_path / "small_iter_1.caffemodel")
    np.testing.assert_array_equal(loaded["fc"][0], both["b"]["fc"][0])
    np.testing.assert_array_equal(loaded["conv1"][0], both["a"]["conv1"][0])


def test_weights_that_the_solver_names(tmp_path: Path) -> None:
    first = trained(tmp_path).rename(tmp_path / "first.caffemodel")
    (tmp_path / "small_iter_3.solverstate").unlink()
    solver = small_solver(tmp_path, **UNCHANGED, weights=str(first))
    assert command("train", "--solver", solver, folder=tmp_path).code == 0
    loaded = read_weights(tmp_path / "small_iter_1.caffemodel")
    np.testing.assert_array_equal(loaded["fc"][0], read_weights(first)["fc"][0])


def test_bf16(tmp_path: Path) -> None:
    done = command("train", "--solver", small_solver(tmp_path), "--precision", "bf16", folder=tmp_path)
    assert done.code == 0, done.err
    assert " in bf16, random_seed 3" in done.err
    weights = read_weights(newest_snapshot(tmp_path))
    assert all(np.isfinite(blob).all() for blobs in weights.values() for blob in blobs)


def test_max_iter_scales_the_whole_schedule() -> None:
    param = SolverParameter(max_iter=50000, stepsize=10000, test_interval=1000, snapshot=1000, stepvalue=[20000, 40000])
    rescale(param, 3000)
    assert (param.max_iter, param.stepsize, list(param.stepvalue)) == (3000, 600, [1200, 2400])
    assert (param.test_interval, param.snapshot) == (600, 600)
    rescale(param, 30000)
    assert (param.max_iter, param.stepsize, param.test_interval) == (30000, 6000, 600)
    for new, old in ((0, 10), (10, 0)):
        with pytest.raises(UsageError, match="both must be at least 1"):
            rescale(SolverParameter(max_iter=old), new)


def change_net(folder: Path, *changes: tuple[str, str]) -> None:
    """Replace texts of net.prototxt."""
    net = folder / "net.prototxt"
    text = net.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    net.write_text(text)


def refused(folder: Path, *words: object) -> str:
    """Train, which must fail and leave nothing unfinished; return the message."""
    before = leftovers(folder)
    done = command("train", *words, folder=folder)
    assert done.code in (1, 2), done.err
    assert "Traceback" not in done.err
    assert leftovers(folder) == before
    assert list(folder.glob("small_iter_*")) == []
    return done.err[done.err.index("error: ") :]


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ([("num_output: 3", "num_output: 2")], ["net.prototxt", 'layer "loss"', "label 2 is out of range", "/train"]),
        ([("mean_value: 120", 'mean_file: "no.binaryproto"')], ["no.binaryproto", "cannot be read", "./create_mean.sh"]),
        ([('type: "ReLU"', 'type: "Relu"')], ["net.prototxt", 'layer "relu1"', '"Relu"', 'Did you mean "ReLU"?']),
        ([('bottom: "pool1"', 'bottom: "pol1"')], ["net.prototxt", '"norm1"', 'reads "pol1"', 'Did you mean "pool1"?']),
        ([("kernel_size: 3 stride: 2 weight", "kernel_size: 3 stride 2 weight")], ["net.prototxt:10:59:", "stride 2"]),
        ([("3 stride: 2 weight", "3 strid: 2 weight")], ["net.prototxt:10:52:", "strid", "nearest"]),
        ([("batch_size: 8", "batch_size: 0")], ["net.prototxt", 'layer "data"', "batch_size of at least 1"]),
        ([("crop_size: 20", "crop_size: 25")], ["net.prototxt", "crop_size 25", "3x24x24"]),
        ([('"xavier"', '"xaver"')], ["net.prototxt", 'layer "conv1"', '"xaver"', '"xavier"']),
        ([("/train", "/trian")], ["trian", "no LMDB here", "./create_lmdb.sh"]),
        ([('type: "SoftmaxWithLoss"', 'type: "Softmax"')], ["net.prototxt", 'layer "loss"', "2 bottom"]),
    ],
)  # fmt: skip
def test_nets_that_cannot_be_trained(tmp_path: Path, changes: list[tuple[str, str]], parts: list[str]) -> None:
    solver = small_solver(tmp_path, test_initialization=False)
    change_net(tmp_path, *changes)
    message = refused(tmp_path, "--solver", solver)
    for part in parts:
        assert part in message, message


def test_a_test_label_out_of_range(tmp_path: Path) -> None:
    """Accuracy finds it, because it comes before the loss."""
    solver = small_solver(tmp_path)
    change_net(tmp_path, ("num_output: 3", "num_output: 2"))
    message = refused(tmp_path, "--solver", solver)
    for part in ("net.prototxt", 'layer "accuracy"', "label 2 is out of range", "0 to 1", f"{tmp_path}/test"):
        assert part in message


def test_a_mean_of_another_size(tmp_path: Path) -> None:
    solver = small_solver(tmp_path)
    write_mean(tmp_path / "mean.binaryproto", np.zeros((3, 32, 30), np.float32))
    change_net(tmp_path, ("mean_value: 120", f'mean_file: "{tmp_path}/mean.binaryproto"'))
    message = refused(tmp_path, "--solver", solver)
    for part in ("mean.binaryproto", "3x32x30", "3x24x24", "./create_mean.sh"):
        assert part in message


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({"lr_policy": "stepp"}, ["lr_policy", '"stepp"', 'Did you mean "step"?']),
        ({"type": "SDG"}, ["type", '"SDG"', 'Did you mean "SGD"?']),
        ({"net": "none.prototxt"}, ["solver.prototxt: the solver's net", '"none.prototxt"', "where the command runs"]),
        ({"stepsize": 0}, ["stepsize of at least 1"]),
    ],
)
def test_solvers_that_are_refused(tmp_path: Path, settings: dict[str, object], parts: list[str]) -> None:
    message = refused(tmp_path, "--solver", small_solver(tmp_path, **settings))
    for part in parts:
        assert part in message, message


def test_files_that_are_no_solvers(tmp_path: Path) -> None:
    assert "none.prototxt: cannot be read" in refused(tmp_path, "--solver", "none.prototxt")
    solver = small_solver(tmp_path)
    assert "net.prototxt:" in refused(tmp_path, "--solver", tmp_path / "net.prototxt")
    solver.write_text(solver.read_text().replace(f'net: "{tmp_path}/net.prototxt"', ""))
    message = refused(tmp_path, "--solver", solver)
    assert "exactly one of net, net_param, train_net, train_net_param" in message
    assert command("train", folder=tmp_path).code == 2
    done = command("train", "--solver", solver, "--snapshot", "a", "--weights", "b", folder=tmp_path)
    assert (done.code, "not allowed with" in done.err) == (2, True)
    assert command("train", "--solver", small_solver(tmp_path), "--max_iter", "0", folder=tmp_path).code == 2


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    model = trained(tmp_path)
    state = model.with_suffix(".solverstate")
    good = model.read_bytes()
    for path in (model, state):
        path.rename(tmp_path / f"good{path.suffix}")
    model, state = tmp_path / "good.caffemodel", tmp_path / "good.solverstate"
    (tmp_path / "cut.caffemodel").write_bytes(good[: len(good) // 2])
    (tmp_path / "empty.caffemodel").write_bytes(b"")
    solver = small_solver(tmp_path)
    cut = refused(tmp_path, "--solver", solver, "--weights", "cut.caffemodel")
    assert "cut.caffemodel" in cut
    assert "damaged" in cut
    assert "empty (0 bytes)" in refused(tmp_path, "--solver", solver, "--weights", "empty.caffemodel")
    assert "none.caffemodel: cannot be read" in refused(tmp_path, "--solver", solver, "--weights", "none.caffemodel")
    assert "good.solverstate" in refused(tmp_path, "--solver", solver, "--weights", state)
    assert "It is a caffemodel. Pass it with --weights" in refused(tmp_path, "--solver", solver, "--snapshot", model)
    change_net(tmp_path, ("num_output: 16", "num_output: 17"))
    message = refused(tmp_path, "--solver", solver, "--weights", model)
    for part in ("good.caffemodel", 'layer "fc", blob 0', " 16x", " 17x", "net.prototxt"):
        assert part in message
    change_net(
        tmp_path,
        ("num_output: 17", "num_output: 16"),
        *((f'name: "{n}"', f'name: "my_{n}"') for n in ("conv1", "fc", "fc8")),
    )
    message = refused(tmp_path, "--solver", solver, "--weights", model)
    for part in ("good.caffemodel", "has weights of conv1, fc, fc8", "my_conv1, my_fc, my_fc8"):
        assert part in message


def test_a_folder_that_is_not_writable_is_found_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    solver = small_solver(tmp_path)
    solver.write_text(solver.read_text().replace(f"{tmp_path}/small", f"{tmp_path}/file/small"))
    before = sorted(tmp_path.rglob("*"))
    done = command("train", "--solver", solver, folder=tmp_path)
    assert done.code == 1
    assert re.search(r'snapshot_prefix ".*": the folder .*/file cannot be written', done.err)
    assert "Iteration" not in done.err
    assert sorted(tmp_path.rglob("*")) == before


def test_records_smaller_than_the_crop(tmp_path: Path) -> None:
    solver = small_solver(tmp_path)
    make_lmdb(tmp_path / "mixed", 5, 30, 3)
    change_net(tmp_path, (f"{tmp_path}/train", f"{tmp_path}/mixed"), ("crop_size: 20", "crop_size: 30"))
    message = refused(tmp_path, "--solver", solver)
    # The pictures of the test database are 24 x 24.
    assert "crop_size 30 is larger than the records, which are 3x24x24" in message


def test_a_failing_command_prints_one_line_and_no_traceback(tmp_path: Path) -> None:
    """In a process of its own. With --debug it prints the traceback."""
    for words, traceback in (((), False), (("--debug",), True)):
        done = run_process("-m", "training", "train", "--solver", "none.prototxt", *words, folder=tmp_path)
        assert done.returncode == 1
        assert ("Traceback" in done.stderr) == traceback
        assert "none.prototxt: cannot be read" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_messages_about_the_solver_s_settings_name_its_file(tmp_path: Path) -> None:
    solver = small_solver(tmp_path, lr_policy="plateau")
    assert f'{solver}: the solver\'s lr_policy is "plateau"' in refused(tmp_path, "--solver", solver)


def test_a_training_json_beside_the_solver_is_used_and_said(tmp_path: Path) -> None:
    solver = small_solver(tmp_path, max_iter=2, display=1, lr_policy="fixed", base_lr=0.1)
    (tmp_path / "training.json").write_text('{"schedule": {"warm_up": 1}}')
    done = command("train", "--solver", solver, folder=tmp_path)
    assert done.code == 0, done.err
    assert f"Beyond Caffe: {tmp_path}/training.json" in done.err
    assert re.findall(r"lr = ([0-9.]+)", done.err) == ["0.0333333", "0.0666667"]
    (tmp_path / "training.json").write_text('{"schedul": {}}')
    done = command("train", "--solver", solver, "--force", folder=tmp_path)
    assert done.code == 1
    assert 'training.json: "schedul" is no known key' in done.err


def test_best_weights_of_an_earlier_run_are_not_replaced(tmp_path: Path) -> None:
    solver = small_solver(tmp_path, max_iter=1)
    (tmp_path / "small_best.caffemodel").write_bytes(b"of an earlier run")
    done = command("train", "--solver", solver, folder=tmp_path)
    assert done.code == 2
    assert "small_best.caffemodel" in done.err
    assert (tmp_path / "small_best.caffemodel").read_bytes() == b"of an earlier run"


@pytest.mark.parametrize("minutes", ["0", "-3", "nan", "inf", "1e308", "soon", ""])
def test_a_budget_that_is_no_time(tmp_path: Path, minutes: str) -> None:
    done = command("train", "--solver", "none.prototxt", f"--budget={minutes}", folder=tmp_path)
    assert done.code == 2
    assert "argument --budget" in done.err
    assert "expected a number above 0, such as 30" in done.err


def test_a_budget_needs_a_schedule_and_our_engine(tmp_path: Path) -> None:
    solver = small_solver(tmp_path)
    message = refused(tmp_path, "--solver", solver, "--budget", "1", "--engine", "caffe")
    assert "leave out --budget, or give --max_iter" in message
    assert "max_iter is 0; --budget needs" in refused(
        tmp_path, "--solver", small_solver(tmp_path, max_iter=0), "--budget", "1"
    )


def test_a_budget_with_max_iter_ends_at_the_smaller_one(tmp_path: Path) -> None:
    """A thousand minutes are enough for six iterations; a millionth of one for a single one."""
    solver = small_solver(tmp_path, display=1)
    done = command("train", "--solver", solver, "--budget", "1000", "--max_iter", "6", folder=tmp_path)
    assert done.code == 0, done.err
    assert "Budget: 1000 minutes" in done.err
    # stepsize is 6 of 12.
    assert re.findall(r"lr = (\S+)", done.err) == ["0.01"] * 3 + ["0.005"] * 3
    assert newest_snapshot(tmp_path).name == "small_iter_6.caffemodel"
    done = command("train", "--solver", solver, "--budget", "0.000001", "--force", folder=tmp_path)
    assert done.code == 0, done.err
    assert "Budget: max_iter 1" in done.err
    assert (tmp_path / "small_iter_1.caffemodel").exists()
    assert leftovers(tmp_path) == []
    done = command(
        "train",
        "--solver",
        solver,
        "--budget",
        "1",
        "--snapshot",
        tmp_path / "small_iter_6.solverstate",
        folder=tmp_path,
    )
    assert done.code == 1
    assert "the schedule ended with iteration 6" in done.err

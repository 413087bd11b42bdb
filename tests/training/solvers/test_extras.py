"""What training.json adds to Caffe's solver: rates, frozen layers, averages, validation, mixup, and a resumed run."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from caffe_io.prototxt import read_net, read_solver
from caffe_io.weights import read_weights
from common.errors import MokaError
from kits.training import small_solver
from training.errors import SolverError, TrainingError
from training.nets.net import Net, OutputValue
from training.solvers.extras import weigh_losses
from training.solvers.solver import Solver
from training.solvers.training_file import TrainingFile

VALIDATION = {"figure": "accuracy", "better": "higher"}


def solver(
    folder: Path, file: Mapping[str, object] | None = None, lines: list[str] | None = None, **settings: object
) -> Solver:
    values: dict[str, object] = {"random_seed": 3, "max_iter": 20, "lr_policy": "fixed", "base_lr": 0.1} | settings
    folder.mkdir(exist_ok=True)
    path = small_solver(folder, **values)
    if values.get("test_iter", 3) is None:
        lines_left = [line for line in path.read_text().splitlines() if "test_i" not in line]
        path.write_text("\n".join(lines_left))
    log = lines.append if lines is not None else lambda line: None
    training_file = TrainingFile.model_validate_json(json.dumps(file)) if file else None
    return Solver(read_solver(path), log=log, training_file=training_file)


def weights(made: Solver) -> list[np.ndarray]:
    return [parameter.values.detach().numpy().copy() for parameter in made.net.parameters]


def rates(made: Solver, count: int) -> list[float]:
    found = []
    for made.iteration in range(count):
        found.append(made.rate())
    return found


def test_warm_up_rises_in_equal_steps_to_caffes_rate(tmp_path: Path) -> None:
    found = rates(solver(tmp_path, {"schedule": {"warm_up": 0.2}}), 8)
    assert found == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1, 0.1, 0.1, 0.1])


def test_cosine_falls_from_base_lr_to_the_lowest(tmp_path: Path) -> None:
    found = rates(solver(tmp_path, {"schedule": {"policy": "cosine", "lowest": 0.02}}), 21)
    expected = [0.02 + 0.08 * (1 + math.cos(math.pi * i / 20)) / 2 for i in range(21)]
    assert found == pytest.approx(expected)
    assert (found[0], found[20]) == (pytest.approx(0.1), pytest.approx(0.02))


def test_cosine_begins_after_the_warm_up(tmp_path: Path) -> None:
    found = rates(solver(tmp_path, {"schedule": {"policy": "cosine", "warm_up": 0.5}}), 21)
    assert max(found) == found[10] == pytest.approx(0.1)
    assert found[15] == pytest.approx(0.05)


def judge(made: Solver, values: list[float]) -> None:
    for iteration, value in enumerate(values):
        made.extras.judge([OutputValue("accuracy", value, 0.0)], iteration, made.log)  # type: ignore[arg-type]


def test_plateau_lowers_the_rate_after_its_patience(tmp_path: Path) -> None:
    schedule = {"policy": "plateau", "factor": 0.5, "patience": 2, "lowest": 0.03}
    made = solver(tmp_path, {"schedule": schedule, "validation": VALIDATION}, test_iter=1)
    found = []
    for value in (0.5, 0.6, 0.6, 0.55, 0.7, 0.1, 0.1, 0.1, 0.1):
        judge(made, [value])
        found.append(made.rate())
    assert found == pytest.approx([0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.03, 0.03, 0.03])


def test_the_best_weights_are_kept_and_the_training_ends_without_better_ones(tmp_path: Path) -> None:
    lines: list[str] = []
    made = solver(tmp_path, {"validation": {**VALIDATION, "stop_after": 2}}, lines, test_initialization=False)
    judge(made, [0.5])
    best = read_weights(tmp_path / "small_best.caffemodel")
    assert (best["fc8"][0] == made.net.weights()["fc8"][0]).all()
    made.step(1)
    judge(made, [0.4])
    assert not made.extras.ended
    judge(made, [0.4])
    assert made.extras.ended
    assert (read_weights(tmp_path / "small_best.caffemodel")["fc8"][0] == best["fc8"][0]).all()
    assert "The best was 0.5 at iteration 0" in lines[-1]


def test_a_figure_that_is_nan_is_no_best(tmp_path: Path) -> None:
    """Nothing is better than NaN, so the training would end with it."""
    made = solver(tmp_path, {"validation": {**VALIDATION, "stop_after": 2}})
    judge(made, [math.nan, 0.3, 0.5, 0.4])
    assert (made.extras.progress.best, made.extras.progress.best_iteration) == (0.5, 2)
    assert not made.extras.ended


def test_an_ended_training_writes_its_last_snapshot(tmp_path: Path) -> None:
    lines: list[str] = []
    file = {"validation": {"figure": "loss", "better": "higher", "stop_after": 1}}
    made = solver(tmp_path, file, lines, test_iter=1, test_interval=2, snapshot=100)
    made.solve()
    assert made.iteration < 20
    assert (tmp_path / f"small_iter_{made.iteration}.solverstate").exists()
    assert lines[-1] == "Optimization Done."


def test_frozen_layers_stay_until_their_time(tmp_path: Path) -> None:
    made = solver(tmp_path, {"freeze": [{"layers": ["conv*"], "until": 0.1}]}, weight_decay=0.1, momentum=0.9)
    start = weights(made)
    made.step(2)
    after = weights(made)
    assert (after[0] == start[0]).all()
    assert (after[1] == start[1]).all()
    assert (after[2] != start[2]).any()
    made.step(1)
    assert (weights(made)[0] != start[0]).any()


def test_the_average_is_tested_and_written_and_the_weights_train_on(tmp_path: Path) -> None:
    plain = solver(tmp_path / "plain")
    averaged = solver(tmp_path / "averaged", {"average": {"decay": 0.5}})
    expected = [blob.astype(np.float64) for blob in weights(plain)]
    for iteration in range(6):
        plain.step(1)
        averaged.step(1)
        decay = min(0.5, (1 + iteration) / (10 + iteration))
        expected = [decay * a + (1 - decay) * b for a, b in zip(expected, weights(plain), strict=True)]
    assert all((a == b).all() for a, b in zip(weights(plain), weights(averaged), strict=True))
    averaged.snapshot()
    written = read_weights(tmp_path / "averaged/small_iter_6.caffemodel")
    found = [blob for blobs in written.values() for blob in blobs]
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(found, expected, strict=True))
    with averaged.extras.averaged():
        assert np.allclose(weights(averaged)[0], expected[0], atol=1e-6)
    assert (weights(averaged)[0] == weights(plain)[0]).all()


EVERYTHING: dict[str, object] = {
    "augment": {"pad": {"pixels": 2}, "warp": {"rotate": 10}, "erase": {}},
    "mixup": {"alpha": 0.4},
    "schedule": {"warm_up": 0.1, "policy": "plateau", "patience": 1, "factor": 0.5},
    "validation": {"figure": "loss", "better": "lower"},
    "freeze": [{"layers": ["conv*"], "until": 0.4}],
    "average": {"decay": 0.8},
}


def test_a_resumed_training_ends_with_the_weights_of_an_unbroken_one(tmp_path: Path) -> None:
    settings: dict[str, object] = {"test_iter": 2, "test_interval": 3, "snapshot": 6, "momentum": 0.9}
    whole = solver(tmp_path, EVERYTHING, **settings)
    whole.solve()
    resumed = solver(tmp_path, EVERYTHING, **settings)
    resumed.restore(f"{tmp_path}/small_iter_6.solverstate")
    resumed.solve()
    assert all((a == b).all() for a, b in zip(weights(whole), weights(resumed), strict=True))
    assert whole.extras.progress == resumed.extras.progress
    assert whole.extras.progress.factor < 1


@pytest.mark.parametrize("fails", ["save_weights", "write_solverstate"])
def test_a_kill_within_a_snapshot_leaves_nothing_to_resume_from(
    tmp_path: Path, fails: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a solver state without its training state, nor that of an earlier training with the same number."""
    for _ in range(2):
        made = solver(tmp_path, {"average": {"decay": 0.8}})
        made.step(1)
        made.snapshot()
    assert (tmp_path / "small_iter_1.solverstate").exists()

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"training.solvers.snapshot.{fails}", killed)
    with pytest.raises(KeyboardInterrupt):
        made.snapshot()
    assert (tmp_path / "small_iter_1.trainingstate").exists()
    assert not (tmp_path / "small_iter_1.solverstate").exists()


@pytest.mark.parametrize("damaged", [b"PK damaged", b"PK\x03\x04 the archive that numpy writes, cut short"])
def test_a_lost_state_is_named(tmp_path: Path, damaged: bytes) -> None:
    made = solver(tmp_path, {"average": {"decay": 0.8}})
    made.step(1)
    made.snapshot()
    (tmp_path / "small_iter_1.trainingstate").unlink()
    with pytest.raises(TrainingError, match=r"small_iter_1.trainingstate: cannot be read \(No such file"):
        made.restore(f"{tmp_path}/small_iter_1.solverstate")
    (tmp_path / "small_iter_1.trainingstate").write_bytes(damaged)
    with pytest.raises(TrainingError, match=r"small_iter_1.trainingstate: cannot be read"):
        made.restore(f"{tmp_path}/small_iter_1.solverstate")


def test_without_the_file_there_is_no_such_state(tmp_path: Path) -> None:
    made = solver(tmp_path)
    made.step(1)
    made.snapshot()
    assert {path.suffix for path in tmp_path.glob("small_iter_1*")} == {".caffemodel", ".solverstate"}


def test_mixup_adds_the_gradients_of_both_labels(tmp_path: Path) -> None:
    """The same draws by hand: loss = share * loss(labels) + (1 - share) * loss(labels in the other order)."""
    made = solver(tmp_path, {"mixup": {"alpha": 0.4}}, weight_decay=0, momentum=0)
    for layer in made.net.layers:
        layer.training = layer.training and layer.param.type != "Dropout"
    other = solver(tmp_path, weight_decay=0, momentum=0)
    (data,) = other.net.data_layers()
    pictures, labels = data.forward([])
    random = np.random.default_rng((made.seed, 0, 2))
    share = random.beta(0.4, 0.4)
    order = torch.from_numpy(random.permutation(len(labels)))
    mixed = share * pictures + (1 - share) * pictures[order]
    for layer in other.net.layers:
        layer.training = layer.training and layer.param.type != "Dropout"
    total = 0.0
    for weight, which in ((share, labels), (1 - share, labels[order])):
        loss = weight * other.net.forward({"data": mixed.clone(), "label": which})
        loss.backward()
        total += float(loss.detach())
    made._gradients.compute(0)
    for mine, theirs in zip(made.net.parameters, other.net.parameters, strict=True):
        assert mine.values.grad is not None
        assert theirs.values.grad is not None
        assert torch.allclose(mine.values.grad, theirs.values.grad, atol=1e-6)
    assert total > 0


def test_loss_weights_are_those_of_the_prototxt(tmp_path: Path) -> None:
    net = read_net(solver(tmp_path).net.path)
    weigh_losses(net, TrainingFile.model_validate({"loss_weights": {"loss": 0.25}}))
    (loss,) = [layer for layer in net.layer if layer.name == "loss"]
    assert list(loss.loss_weight) == [0.25]
    with pytest.raises(SolverError, match=r'no such layer.*Known: loss. Did you mean "loss"'):
        weigh_losses(net, TrainingFile.model_validate({"loss_weights": {"lossy": 1.0}}))


@pytest.mark.parametrize(
    ("file", "settings", "message"),
    [
        ({"validation": {"figure": "acuracy", "better": "higher"}}, {"test_iter": 1}, 'Did you mean "accuracy"'),
        ({"validation": VALIDATION}, {"test_iter": None}, "the solver has no test net"),
        ({"freeze": [{"layers": ["convv"], "until": 0.1}]}, {}, "no layer with weights has this name"),
    ],
)
def test_a_file_that_does_not_fit_the_nets_is_refused(
    tmp_path: Path, file: dict[str, object], settings: dict[str, object], message: str
) -> None:
    with pytest.raises(MokaError, match=message):
        solver(tmp_path, file, **settings)


def test_a_file_without_a_word_on_mixup_leaves_the_net_alone(tmp_path: Path) -> None:
    """Caffe's own training, bit for bit."""
    plain, extra = solver(tmp_path / "a"), solver(tmp_path / "b", {"schedule": {"policy": "caffe"}})
    plain.step(3)
    extra.step(3)
    assert all((a == b).all() for a, b in zip(weights(plain), weights(extra), strict=True))
    assert isinstance(extra.net, Net)

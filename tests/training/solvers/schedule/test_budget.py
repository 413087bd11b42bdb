"""How many iterations a budget fits into its minutes, with a clock that the tests set."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from caffe_io.caffe_pb2 import SolverParameter
from caffe_io.prototxt import read_solver
from kits.training import small_solver
from training.errors import SolverError
from training.solvers.schedule.budget import MOST, Budget
from training.solvers.schedule.learning_rate import learning_rate, next_step
from training.solvers.schedule.timetable import Plan, Timetable
from training.solvers.signals import Signals
from training.solvers.solver import Solver
from training.solvers.training_file import TrainingFile


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Run:
    """A training without a net: an iteration takes pace(iteration) seconds, a test and a snapshot as long as is said."""

    def __init__(
        self,
        param: SolverParameter,
        minutes: float,
        pace: Callable[[int], float],
        test: float = 0.0,
        snapshot: float = 0.0,
        start: int = 0,
        passed: float | None = None,
        most: int = MOST,
        follower: Budget | None = None,
    ) -> None:
        clock = Clock()
        self.lines: list[str] = []
        self.positions: list[float] = []
        self.tests: list[int] = []
        self.snapshots: list[int] = []
        budget = Budget(minutes, most, clock=clock)
        budget.passed = passed
        budget.begin(param, start, round(snapshot * 1e8), self.lines.append)
        iteration = start
        while iteration < budget.end:
            if param.test_interval and iteration % param.test_interval == 0:
                with budget.apart("test"):
                    clock.now += test
                self.tests.append(iteration)
            self.positions.append(budget.position(iteration))
            clock.now += pace(iteration)
            if plan := budget.new_plan(iteration):
                budget.take(plan)
                if follower:
                    follower.take(Plan.of([float(number) for number in plan]))
                    assert follower.position(iteration + 1) == budget.position(iteration + 1)
            iteration += 1
            if param.snapshot and iteration % param.snapshot == 0:
                with budget.apart("snapshot"):
                    clock.now += snapshot
                self.snapshots.append(iteration)
        self.end = iteration
        if not self.snapshots or self.snapshots[-1] != iteration:
            clock.now += snapshot
        if budget.tests_at_end(False):
            clock.now += test
            self.tests.append(iteration)
        self.seconds = clock.now - 1000
        self.budget = budget
        self.param = param

    def decisions(self) -> list[int]:
        return [int(number) for number in re.findall(r"max_iter (\d+)", "\n".join(self.lines))]


def param_of(**settings: object) -> SolverParameter:
    values: dict[str, object] = {
        "max_iter": 5000, "test_interval": 500, "test_iter": [10], "snapshot": 1000, "base_lr": 1.0, "lr_policy": "poly",
        "power": 1.0,
    }  # fmt: skip
    return SolverParameter(**(values | settings))  # type: ignore[arg-type]


def test_a_steady_pace_is_decided_once_and_fills_the_time() -> None:
    run = Run(param_of(), 10, lambda i: 0.5, test=4, snapshot=1)
    assert run.decisions() == [run.end]
    assert 0.97 * 600 < run.seconds <= 600
    # As --max_iter: five tests and snapshots, and one at the end.
    assert 5 <= len(run.tests) - 1 <= 6
    assert run.tests[-1] == run.end
    assert 4 <= len(run.snapshots) <= 6
    assert run.lines[0].startswith("Budget: 10 minutes; the pace of the first iterations decides")
    assert f"max_iter {run.end}, an iteration takes 0.5 s, test every {run.param.test_interval}" in run.lines[1]


def test_it_stretches_a_short_schedule_over_a_long_time() -> None:
    run = Run(param_of(max_iter=20, test_interval=10, snapshot=10), 10, lambda i: 0.5, test=0.1, snapshot=0.1)
    assert run.end > 1000
    assert max(run.positions) < 20
    assert run.positions[-1] > 19.9


def test_slow_first_iterations_do_not_count() -> None:
    run = Run(param_of(), 10, lambda i: {0: 20.0, 1: 2.0}.get(i, 0.1), test=1)
    assert run.decisions() == [run.end]
    assert run.end > 5000
    # Nor do they pass more of the schedule than others.
    assert run.positions[1] < 0.001
    assert run.positions[2] < 25


@pytest.mark.parametrize("factor", [4.0, 0.25])
def test_a_change_of_the_pace_is_corrected_and_said(factor: float) -> None:
    run = Run(param_of(), 10, lambda i: 0.2 if i < 800 else 0.2 * factor, test=1, snapshot=1)
    decisions = run.decisions()
    assert decisions[-1] == run.end
    assert len(decisions) > 1
    assert (decisions[-1] < decisions[0]) == (factor > 1)
    # Few iterations are tested more often, many as the solver says.
    expected = run.end / 5 if factor > 1 else 500
    assert run.param.test_interval == pytest.approx(expected, rel=0.5)
    assert re.search(r"max_iter \d+ instead of \d+, an iteration takes", run.lines[2])
    assert 0.97 * 600 < run.seconds <= 600


def test_a_noisy_pace_ends_in_time() -> None:
    random = np.random.default_rng(0)
    noise = random.gamma(2, 0.1, 100_000)
    run = Run(param_of(), 10, lambda i: float(noise[i]), test=3, snapshot=0.5)
    assert 0.96 * 600 < run.seconds <= 601
    assert len(run.decisions()) < 22


def test_a_late_burst_ends_the_training_early_rather_than_late() -> None:
    run = Run(param_of(), 1, lambda i: 0.1 if i < 520 else 1.0, test=0.5, snapshot=0.1)
    assert run.end < 540
    assert run.seconds <= 60


def test_the_schedule_never_jumps_or_goes_back() -> None:
    paces = np.repeat([0.1, 0.5, 0.05, 0.3], [900, 300, 1500, 100_000])
    run = Run(param_of(), 10, lambda i: float(paces[i]), test=1)
    steps = np.diff(run.positions)
    assert (steps >= 0).all()
    assert steps.max() < 5000 / 400
    assert run.positions[-1] > 0.98 * 5000


@pytest.mark.parametrize(
    "settings",
    [
        {"lr_policy": "poly", "power": 2.0},
        {"lr_policy": "step", "gamma": 0.1, "stepsize": 1000},
        {"lr_policy": "multistep", "gamma": 0.1, "stepvalue": [1000, 4000]},
        {"lr_policy": "exp", "gamma": 0.999},
        {"lr_policy": "inv", "gamma": 0.01, "power": 0.75},
        {"lr_policy": "sigmoid", "gamma": -0.002, "stepsize": 2500},
    ],
    ids=lambda settings: settings["lr_policy"],
)
def test_every_policy_keeps_its_shape(settings: dict[str, object]) -> None:
    """At each share of the training, the rate is that of the solver's own schedule at this share."""
    param = param_of(**settings)
    run = Run(param_of(**settings), 5, lambda i: 0.3, test=1)
    step = own_step = 0
    own = []
    for iteration in range(5000):
        own_step = next_step(param, iteration, own_step)
        own.append(learning_rate(param, iteration, own_step))
    differing = 0
    for iteration, position in enumerate(run.positions):
        step = next_step(param, position, step)
        rate = learning_rate(param, position, step)
        lower, upper = sorted((own[int(position)], own[min(4999, int(position) + 1)]))
        differing += not lower - 1e-9 <= rate <= upper + 1e-9
        assert abs(position / 5000 - iteration / run.end) < 0.01
    # poly's last rate may lie below that of iteration 4999.
    assert differing <= 1


def test_a_budget_beyond_all_iterations() -> None:
    clock = Clock()
    budget = Budget(1e300, clock=clock)
    budget.begin(param_of(), 0, 0, lambda line: None)
    for iteration in range(20):
        clock.now += 0.001
        if plan := budget.new_plan(iteration):
            budget.take(plan)
    assert budget.end == MOST


def test_max_iter_is_the_most() -> None:
    run = Run(param_of(max_iter=300), 60, lambda i: 0.5, test=1, most=300)
    assert run.end == 300
    assert run.positions == pytest.approx(list(range(300)))
    assert run.seconds < 200


def test_tests_that_take_long_become_few() -> None:
    run = Run(param_of(test_interval=10), 10, lambda i: 1.0, test=60)
    assert run.seconds <= 600
    assert run.end > 250
    assert run.tests[-1] == run.end


def test_a_test_that_takes_a_third_of_the_time_is_not_repeated() -> None:
    run = Run(param_of(), 1, lambda i: 0.5, test=20)
    assert run.tests == [0]
    assert run.end > 70
    assert run.seconds <= 60


def test_time_that_is_up_at_once_allows_one_iteration() -> None:
    run = Run(param_of(), 1, lambda i: 0.5, test=90)
    assert run.end == 1
    assert run.decisions() == [1]


def test_no_tests_and_no_snapshots_stay_none() -> None:
    run = Run(param_of(test_interval=0, test_iter=[], snapshot=0), 1, lambda i: 0.5)
    assert (run.tests, run.snapshots) == ([], [])
    assert (run.param.test_interval, run.param.snapshot) == (0, 0)


def test_a_resumed_run_has_its_own_minutes_and_goes_on_in_the_schedule() -> None:
    """With what the snapshot says; without, by the number of its iteration."""
    run = Run(param_of(), 1, lambda i: 0.5, start=150, passed=0.5)
    assert run.positions[0] == 2500
    assert 260 < run.end < 272
    assert "from 50% of the schedule on" in run.lines[0]
    assert Run(param_of(), 1, lambda i: 0.5, start=1000).positions[0] == 1000
    with pytest.raises(SolverError, match=r"schedule ended with iteration 5000.*--weights"):
        Run(param_of(), 1, lambda i: 0.5, start=5000)


def test_the_other_workers_follow_the_first_one() -> None:
    follower = Budget(1, clock=Clock())
    follower.begin(param_of(), 0, 0, lambda line: None)
    run = Run(param_of(), 1, lambda i: 0.1 if i < 200 else 0.3, test=1, follower=follower)
    assert follower.end == run.end


def test_without_a_budget_nothing_changes() -> None:
    timetable = Timetable()
    lines: list[str] = []
    timetable.begin(param_of(), 7, 0, lines.append)
    assert (timetable.end, timetable.position(7), timetable.share(7), timetable.new_plan(7), lines) == (
        5000, 7, None, None, [],
    )  # fmt: skip
    timetable.passed = 0.5
    timetable.begin(param_of(), 150, 0, lines.append)
    assert "schedule was at 50%. Without --budget it goes on as iteration 150 of max_iter 5000" in lines[0]


def solve(
    folder: Path, minutes: float, lines: list[str], resume: str = "", stop_at: int = 0, pace: float = 1.0
) -> tuple[Solver, list[float]]:
    """Train the small net, each iteration of which takes `pace` seconds of the test's clock; return its rates too."""
    clock = Clock()
    path = small_solver(
        folder, lr_policy="fixed", base_lr=0.1, max_iter=1000, display=1, test_interval=500, test_iter=1, snapshot=0
    )
    file = TrainingFile.model_validate(
        {"schedule": {"policy": "cosine", "warm_up": 0.2}, "freeze": [{"layers": ["conv1"], "until": 0.5}]}
    )
    solver = Solver(read_solver(path), log=lines.append, training_file=file, timetable=Budget(minutes, clock=clock))
    signals = Signals("stop", "snapshot", lines.append)

    def tick() -> None:
        clock.now += pace
        signals.stop = solver.iteration + 1 == stop_at

    if resume:
        solver.restore(resume)
    solver.callbacks.append((tick, lambda: None))
    solver.solve(signals)
    rates = [float(rate) for rate in re.findall(r"lr = (\S+)", "\n".join(lines))]
    return solver, rates


def test_a_solver_within_a_budget(tmp_path: Path) -> None:
    """training.json's places in time are stretched too, and the final snapshot has the number of the last iteration."""
    lines: list[str] = []
    solver, rates = solve(tmp_path, 1, lines)
    end = solver.iteration
    assert 56 <= end <= 60
    assert f"Budget: max_iter {end}, an iteration takes 1 s, test every 12 and at the end" in lines
    assert (tmp_path / f"small_iter_{end}.caffemodel").exists()
    assert f"Iteration {end}, Testing net (#0)" in lines
    assert len([line for line in lines if "Testing net" in line]) == 6
    assert len(rates) == end
    top = int(np.argmax(rates))
    assert 0.15 * end < top < 0.25 * end
    assert rates[0] < 0.01
    assert rates[-1] < 0.001
    middle = 0.05 * (1 + np.cos(np.pi * (0.6 - 0.2) / 0.8))
    assert rates[int(0.6 * end)] == pytest.approx(middle, rel=0.1)


def test_frozen_layers_thaw_at_their_share_of_the_stretched_schedule(tmp_path: Path) -> None:
    thawed = []
    for stop in (27, 33):
        lines: list[str] = []
        solver, _ = solve(tmp_path, 1, lines, stop_at=stop)
        fresh = Solver(solver.param, log=lambda line: None)
        one, other = (made.net.weights()["conv1"][0] for made in (solver, fresh))
        fresh.close()
        thawed.append(bool((one != other).any()))
    assert thawed == [False, True]


def test_a_stopped_training_resumes_at_its_place_in_the_schedule(tmp_path: Path) -> None:
    lines: list[str] = []
    solver, before = solve(tmp_path, 1, lines, stop_at=30)
    assert solver.iteration == 30
    state = f"{tmp_path}/small_iter_30.solverstate"
    lines = []
    # A slower machine, and another minute.
    solver, after = solve(tmp_path, 1, lines, resume=state, pace=2.0)
    assert "from 5" in next(line for line in lines if line.startswith("Budget: 1 minute"))
    assert 0.9 * before[-1] < after[0] <= before[-1]
    assert all(second <= first for first, second in itertools.pairwise(after))
    assert 57 <= solver.iteration <= 60
    assert (tmp_path / f"small_iter_{solver.iteration}.solverstate").exists()
    # Without --budget the log says where it goes on; and a plain snapshot takes the state of the earlier one away.
    lines = []
    plain = Solver(read_solver(tmp_path / "solver.prototxt"), log=lines.append)
    plain.restore(state)
    plain.param.max_iter = 30
    plain.solve()
    assert any("whose schedule was at 5" in line for line in lines)
    assert not (tmp_path / "small_iter_30.trainingstate").exists()

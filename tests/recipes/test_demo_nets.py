"""The demo's nets are those that ten `sed` lines once made from the stock files, compared as messages.

The expressions below are the ones of that demo.sh, applied here as regular expressions to the lines of the stock files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from caffe_io.caffe_pb2 import NetParameter, SolverParameter
from caffe_io.prototxt import parse_text, read_net
from common.commands import run
from common.places import ROOT, net_files
from recipes.demo import nets


def by_sed_solver(text: str, iterations: int) -> str:
    """Edit a solver as sed did."""
    for pattern, value in {
        "base_lr": "0.004",
        "max_iter": str(iterations),
        "stepsize": str(iterations * 4 // 5 + 1),
        "test_interval": str((iterations + 1) // 2),
        "snapshot": str((iterations + 1) // 2),
        "test_iter": "11",
    }.items():
        text, count = re.subn(rf"(?m)^{pattern}: .*", f"{pattern}: {value}", text)
        assert count == 1, pattern
    return text


def by_sed_net(text: str) -> str:
    """Edit a train_test net as sed did. A range of sed ends at the first line that begins with `}`."""

    def lines() -> Iterator[str]:
        in_fc7 = False
        for line in text.splitlines():
            line = line.replace("batch_size: 50", "batch_size: 25", 1).replace(
                "dropout_ratio: 0.5", "dropout_ratio: 0.2", 1
            )
            line = line.replace("lr_mult: 10 ", "lr_mult: 1 ", 1).replace("lr_mult: 20 ", "lr_mult: 2 ", 1)
            if in_fc7 or 'name: "fc7"' in line:
                line = line.replace("std: 0.005", "std: 0.04", 1)
                # The end is looked for from the line after the first on.
                in_fc7 = not (in_fc7 and line.startswith("}"))
            yield line

    return "\n".join(lines())


@pytest.mark.parametrize("iterations", [300, 20, 1, 7])
@pytest.mark.parametrize("name", ["AgeNet", "GenderNet"])
def test_the_nets_are_those_of_the_sed_lines(tmp_path: Path, name: str, iterations: int) -> None:
    nets.write_nets(iterations, tmp_path)
    stock, made = net_files(name, ROOT / "prototxt"), net_files(name, tmp_path)
    own = iterations if name == "AgeNet" else (2 * iterations + 2) // 3
    old_solver = parse_text(by_sed_solver(stock.solver.read_text(), own), SolverParameter(), "sed")
    assert parse_text(made.solver.read_text(), SolverParameter(), "made") == old_solver
    old_net = parse_text(by_sed_net(stock.train_test.read_text()), NetParameter(), "sed")
    assert parse_text(made.train_test.read_text(), NetParameter(), "made") == old_net
    assert old_net != read_net(stock.train_test), "sed changed something"
    for same in ("deploy", "card"):
        assert getattr(made, same).read_bytes() == getattr(stock, same).read_bytes()


def test_what_is_there_is_replaced_and_the_stock_files_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = {path: path.read_bytes() for path in (ROOT / "prototxt").rglob("*") if path.is_file()}
    nets.main(["--iterations", "300"])
    nets.main(["--iterations", "20"])
    assert "max_iter: 20\n" in Path("prototxt/AgeNet/solver.prototxt").read_text()
    assert "max_iter: 14\n" in Path("prototxt/GenderNet/solver.prototxt").read_text()
    assert {path: path.read_bytes() for path in before} == before
    assert len([path for path in Path("prototxt").rglob("*") if path.is_file()]) == 8


@pytest.mark.parametrize(("faces", "batches"), [(80, 3), (280, 11), (4000, 11), (24, 1), (0, 1)])
def test_a_test_shows_no_face_twice(working_folder: Path, faces: int, batches: int) -> None:
    nets.TEST_FACES.parent.mkdir(parents=True)
    nets.TEST_FACES.write_text("face.jpg 3\n" * faces)
    nets.main(["--iterations", "20"])
    for name in ("AgeNet", "GenderNet"):
        assert f"test_iter: {batches}\n" in Path(f"prototxt/{name}/solver.prototxt").read_text()


@pytest.mark.parametrize(
    "words",
    [[], ["--iterations", "0"], ["--iterations", "-3"], ["--iterations", "many"], ["--iterations", "2147483648"]],
)
def test_wrong_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        run(nets.main, words)
    assert ended.value.code == 2
    assert "--iterations" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []

"""training.json: which file belongs to which solver, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.card import schema
from common.errors import CardError
from common.places import ROOT
from training.commands.train import training_file_of
from training.solvers.training_file import TrainingFile, read_training_file


@pytest.mark.parametrize(
    ("solver", "file"),
    [
        ("solver.prototxt", "training.json"),
        ("Tiny_solver.prototxt", "Tiny_training.json"),
        ("Tiny_solver.prototxt", None),
        ("other.prototxt", None),
    ],
)
def test_the_file_lies_beside_the_solver(tmp_path: Path, solver: str, file: str | None) -> None:
    if file:
        (tmp_path / file).write_text("{}")
    assert training_file_of(tmp_path / solver) == (tmp_path / file if file else None)


def test_an_empty_file_asks_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "training.json"
    path.write_text("{}")
    assert read_training_file(path) == TrainingFile()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"freez": []}', '"freez" is no known key.*Did you mean "freeze"'),
        ('{"augment": {"warp": {"rotat": 3}}}', '"augment.warp.rotat" is no known key.*Did you mean "rotate"'),
        ('{"augment": {"warp": {"rotate": 200}}}', '"augment.warp.rotate" is 200; expected degrees from 0 to 180'),
        ('{"augment": {"warp": {"rotate": "3"}}}', '"augment.warp.rotate" is "3"; expected degrees'),
        ('{"augment": {"warp": {"scale": [2, 1]}}}', "expected the smaller number first"),
        ('{"augment": {"erase": {"area": [0.5, 0.1]}}}', "expected the smaller number first"),
        ('{"augment": {"blur": {"sigma": [2, 1]}}}', "expected the smaller number first"),
        ('{"augment": {"noise": {"sigma": 12}}}', "a number from 0 to 1"),
        ('{"schedule": {"policy": "plateau"}}', 'there is no "validation"'),
        ('{"schedule": {"policy": "cosin"}}', 'expected caffe, cosine or plateau.*Did you mean "cosine"'),
        ('{"average": {"decay": 1}}', '"average.decay" is 1; expected a number between 0 and 1'),
        ('{"mixup": {"alpha": 0}}', '"mixup.alpha" is 0; expected a number above 0'),
        ('{"loss_weights": {"loss": "a"}}', '"loss_weights.*expected an object'),
        ("[1]", "expected a JSON object"),
    ],
)
def test_a_wrong_file_is_refused_in_words(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "training.json"
    path.write_text(text)
    with pytest.raises(CardError, match=message) as caught:
        read_training_file(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "docs/training.schema.json" in str(caught.value)


def test_the_schema_in_docs_is_that_of_the_types() -> None:
    """Made by python -m training.solvers.training_file."""
    assert (ROOT / "docs/training.schema.json").read_text() == schema(TrainingFile)

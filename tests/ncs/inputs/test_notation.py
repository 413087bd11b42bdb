"""Values in Model Optimizer's notation."""

from __future__ import annotations

import pytest

from common.errors import UsageError
from ncs.inputs.notation import parse_shapes, parse_values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[104,117,123]", [("", [104, 117, 123])]),
        ("(104, 117.5, -3)", [("", [104, 117.5, -3])]),
        ("127.5", [("", [127.5])]),
        ("1,2,3", [("", [1, 2, 3])]),
        ("data[1,2,3],info[4]", [("data", [1, 2, 3]), ("info", [4])]),
        ("data(1) , in/fo[4]", [("data", [1]), ("in/fo", [4])]),
        ("[1,2],(3)", [("", [1, 2]), ("", [3])]),
    ],
)
def test_values(text: str, expected: list[tuple[str, list[float]]]) -> None:
    assert parse_values("--mean_values", text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected numbers in brackets"),
        ("[]", "expected numbers in brackets"),
        ("[1,,2]", "expected numbers in brackets"),
        ("[1,2", "expected numbers in brackets"),
        ("[1] x", "expected numbers in brackets"),
        ("[[1]]", "expected numbers in brackets"),
        ("[1,b]", '"b" is no number'),
        ("[1,nan]", '"nan" is no number'),
        ("[inf]", '"inf" is no number'),
        ("a[1],[2]", "only some lists have a name"),
        ("a[1],a[2]", "names an input twice"),
    ],
)
def test_values_that_mean_nothing(text: str, words: str) -> None:
    with pytest.raises(UsageError, match="--scale_values") as caught:
        parse_values("--scale_values", text)
    assert words in str(caught.value)


def test_shapes() -> None:
    assert parse_shapes("--input_shape", "[1,3,227,227]") == [(1, 3, 227, 227)]
    assert parse_shapes("--input_shape", "1,3,9,9") == [(1, 3, 9, 9)]
    assert parse_shapes("--input_shape", "[1,3,9,9],(1, 3)") == [(1, 3, 9, 9), (1, 3)]


@pytest.mark.parametrize("text", ["[1,3,0,9]", "[1,-1]", "[1,3.0]", "data[1,3]", "[1,99999999999]", "[?,3,9,9]"])
def test_shapes_that_mean_nothing(text: str) -> None:
    with pytest.raises(UsageError, match=r"--input_shape .*expected sizes of 1 or more"):
        parse_shapes("--input_shape", text)

from __future__ import annotations

import resource

import pytest

from common.messages import did_you_mean, is_lack_of_memory, known_names, last_line, shape_text


@pytest.mark.parametrize(
    ("dims", "text"), [((1, 3, 227, 227), "1x3x227x227"), ((7,), "7"), ((), "scalar"), ((0, 5), "0x5")]
)
def test_a_shape(dims: tuple[int, ...], text: str) -> None:
    assert shape_text(dims) == text
    assert shape_text(iter(dims)) == text


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("convolutoin", ' Did you mean "Convolution"?'),
        ("CONVOLUTION", ' Did you mean "Convolution"?'),
        ("Pool", ' Did you mean "Pooling"?'),
        ("xyz", ""),
        ("", ""),
    ],
)
def test_the_closest_name_is_suggested_whatever_its_case(name: str, hint: str) -> None:
    assert did_you_mean(name, iter(["Convolution", "Pooling", "ReLU"])) == hint
    assert did_you_mean(name, []) == ""


def test_known_names_are_sorted_without_regard_to_case() -> None:
    assert (
        known_names("relo", {"tanh": 1, "ReLU": 2, "Pooling": 3}) == 'Known: Pooling, ReLU, tanh. Did you mean "ReLU"?'
    )
    assert known_names("x", ["b", "a"]) == "Known: a, b."
    assert known_names("x", []) == "Known: none."


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Check 'x' failed at a.cpp:3\n\nthe shapes differ.\n\n", "the shapes differ"),
        ("no", "no"),
        ("", "it gives no reason"),
        (" \n", "it gives no reason"),
    ],
)
def test_the_last_line_of_an_error(text: str, line: str) -> None:
    assert last_line(RuntimeError(text)) == line


@pytest.mark.parametrize("limit", [1 << 40, resource.RLIM_INFINITY])
def test_a_library_that_fails_without_a_word_had_no_memory_only_where_memory_is_limited(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (limit, limit))
    limited = limit != resource.RLIM_INFINITY
    assert is_lack_of_memory(SystemError("error return without exception set")) == limited
    assert is_lack_of_memory(SystemError("<class 'X'> returned NULL without setting an exception")) == limited
    assert not is_lack_of_memory(SystemError("bad argument to internal function"))
    assert is_lack_of_memory(MemoryError())

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest

from common.commands import LOGGER, run
from common.errors import MokaError, UsageError


def outcome(main: object, argv: Sequence[str] = ()) -> object:
    with pytest.raises(SystemExit) as caught:
        run(main, list(argv))  # type: ignore[arg-type]
    return caught.value.code


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (3, 3)])
def test_the_exit_code_is_what_main_returns(returned: int | None, code: int) -> None:
    assert outcome(lambda argv: returned) == code


@pytest.mark.parametrize(("kind", "code"), [(MokaError, 1), (UsageError, 2)])
def test_our_errors_are_one_line_and_a_code(
    kind: type[MokaError], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(argv: Sequence[str]) -> None:
        raise kind("x.prototxt: no layers.")

    assert outcome(main) == code
    assert capsys.readouterr().err == "error: x.prototxt: no layers.\n"
    assert outcome(main, ["--debug"]) == code
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1] == "error: x.prototxt: no layers."


def test_other_errors_are_bugs_and_show_themselves() -> None:
    with pytest.raises(ZeroDivisionError):
        run(lambda argv: 1 // 0, [])


def test_another_python_is_told_which_to_use(capsys: pytest.CaptureFixture[str]) -> None:
    def main(argv: Sequence[str]) -> None:
        import a_module_that_is_not_there  # type: ignore[import-not-found]  # noqa: F401

    assert outcome(main) == 1
    message = capsys.readouterr().err
    assert "no module a_module_that_is_not_there" in message and ".venv/bin/python" in message


def test_interruption(capsys: pytest.CaptureFixture[str]) -> None:
    def main(argv: Sequence[str]) -> None:
        raise KeyboardInterrupt

    assert outcome(main) == 130
    assert capsys.readouterr().err == "stopped\n"


def test_warnings_reach_stderr_once(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert outcome(lambda argv: logging.getLogger(LOGGER).warning("%s:%d: odd", "a.prototxt", 3)) == 0
    assert capsys.readouterr().err == "warning: a.prototxt:3: odd\n" * 2
    assert logging.getLogger(LOGGER).handlers == []

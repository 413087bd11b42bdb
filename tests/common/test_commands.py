from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from common.commands import LOGGER, Parser, Room, Verb, inner_verbs, run, run_verb
from common.errors import MokaError, UsageError

ROOMS: list[Room] = [
    importlib.import_module(f"{name}.__main__").ROOM
    for name in ("lmdb_build", "training", "ncs", "inference", "evaluation")
]


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


def ending(error: BaseException) -> object:
    """The exit code of a command that raises `error`."""

    def main(argv: Sequence[str]) -> None:
        raise error

    return outcome(main)


def test_other_errors_are_called_a_fault_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(lambda argv: 1 // 0) == 1
    assert capsys.readouterr().err == (
        "error: ZeroDivisionError: integer division or modulo by zero. This is a fault in Moka. "
        "Run the command again with --debug, and report what it prints.\n"
    )
    assert outcome(lambda argv: 1 // 0, ["--debug"]) == 1
    assert capsys.readouterr().err.startswith("Traceback")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (FileNotFoundError(2, "No such file or directory", "a.txt"), "a.txt: No such file or directory."),
        (PermissionError(13, "Permission denied", b"a/b"), "a/b: Permission denied."),
        (OSError("libfoo is missing."), "standard output or input: libfoo is missing."),
        (MemoryError("Unable to allocate 7 TiB"), "there is not enough memory (Unable to allocate 7 TiB)."),
        (RuntimeError("[x.cpp:1] can't allocate memory: 9 bytes"), "there is not enough memory ("),
        (MemoryError(), "there is not enough memory. Give the process more"),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), "there is not enough memory (lib"),
        (OSError(12, "Cannot allocate memory"), "there is not enough memory ("),
        (RuntimeError("can't start new thread"), "there is not enough memory ("),
        (RecursionError("maximum depth"), "an input is nested too deeply to be read."),
        (ValueError("embedded null byte"), "the name of a file holds a NUL byte."),
        (UnicodeEncodeError("utf-8", "a\udcff", 1, 2, "surrogates not allowed"), r"'a\udcff': this name is not UTF-8."),
    ],
    ids=str,
)
def test_what_any_command_may_meet_is_one_message(
    error: Exception, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending(error) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {message}") and said.count("\n") == 1


def test_what_sys_exit_says_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert [ending(SystemExit(code)) for code in (None, 0, 3, "error: no.")] == [0, 0, 3, 1]
    assert capsys.readouterr().err == "error: no.\n"


def test_a_deleted_current_folder_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(SystemExit) as caught, contextlib.redirect_stderr(io.StringIO()) as err:
        run(lambda argv: None, [])
    assert caught.value.code == 1
    assert err.getvalue() == "error: the current folder was deleted. Change to a folder that exists.\n"
    monkeypatch.chdir(tmp_path)


def test_a_python_without_packages_is_an_error_that_names_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
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


# A room of two verbs, whose modules are made up here.


class Knock(ModuleType):
    """The module of the verb knock, which keeps the options that it was called with."""

    EXAMPLE = "./moka knock --count 3 door"

    def __init__(self) -> None:
        super().__init__("small_room.knock")
        self.options: list[argparse.Namespace] = []

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("door", nargs="*", help="what to knock at")
        parser.add_argument("--count", type=int, default=1, help="how often")

    def main(self, options: argparse.Namespace) -> int | None:
        self.options.append(options)
        if options.count < 0:
            raise UsageError(f"--count {options.count}: expected 0 or more.")
        return options.count if options.count > 9 else None


ROOM = Room(
    "small_room",
    "A room for tests.",
    {
        "knock": Verb("small_room.knock", "knock at doors"),
        "missing": Verb("small_room.missing", "a module that is imported only when it is called"),
    },
    moved={"ring": "tower"},
)


@pytest.fixture
def knock(monkeypatch: pytest.MonkeyPatch) -> Knock:
    module = Knock()
    monkeypatch.setitem(sys.modules, "small_room.knock", module)
    return module


def test_a_verb_gets_its_options_and_its_exit_code_counts(knock: Knock) -> None:
    assert outcome(ROOM.main, ["knock", "--count", "2", "front", "back"]) == 0
    assert (knock.options[0].count, knock.options[0].door, knock.options[0].debug) == (2, ["front", "back"], False)
    assert outcome(ROOM.main, ["knock", "--count", "10"]) == 10


def test_operands_may_stand_between_options(knock: Knock) -> None:
    ROOM.main(["knock", "front", "--count", "2", "back"])
    assert (knock.options[0].count, knock.options[0].door) == (2, ["front", "back"])


@pytest.mark.parametrize("words", [["-count", "4"], ["-count=4"], ["--count=4"]])
def test_options_may_begin_with_one_dash(knock: Knock, words: list[str]) -> None:
    ROOM.main(["knock", *words])
    assert knock.options[0].count == 4


def test_numbers_keep_their_minus(knock: Knock, capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(ROOM.main, ["knock", "--count", "-4"]) == 2
    assert capsys.readouterr().err == "error: --count -4: expected 0 or more.\n"


@pytest.mark.parametrize("word", ["--debug", "-debug"])
def test_debug_is_an_option_of_every_verb(knock: Knock, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(ROOM.main, ["knock", "--count", "-4", word]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1] == "error: --count -4: expected 0 or more."
    assert knock.options[0].debug


@pytest.mark.parametrize("words", [["knock", "--colour", "red"], ["knock", "--count", "many"], ["knock", "--count"]])
def test_a_wrong_option_is_one_line_and_names_help(
    knock: Knock, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome(ROOM.main, words) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: python -m small_room knock: ") and message.count("\n") == 1
    assert message.endswith("See python -m small_room knock --help.\n")
    assert not knock.options


def test_an_unknown_verb_names_the_known_and_the_closest(capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(ROOM.main, ["nock"]) == 2
    assert capsys.readouterr().err == (
        'error: python -m small_room: no verb "nock". Known: knock, missing. Did you mean "knock"?\n'
    )


def test_a_verb_that_has_moved_says_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(ROOM.main, ["ring", "--loud"]) == 2
    assert capsys.readouterr().err == (
        "error: python -m small_room: ring has moved. Use `./moka ring` or `python -m tower ring`.\n"
    )


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_what_has_moved_is_there(room: Room) -> None:
    rooms = {each.name: each for each in ROOMS}
    for verb, new in room.moved.items():
        assert verb not in room.verbs
        assert verb in rooms[new].verbs


def test_training_evaluate_has_moved(capsys: pytest.CaptureFixture[str]) -> None:
    (training,) = (room for room in ROOMS if room.name == "training")
    assert outcome(training.main, ["evaluate", "--net", "AgeNet"]) == 2
    assert capsys.readouterr().err == (
        "error: python -m training: evaluate has moved. Use `./moka evaluate` or `python -m evaluation evaluate`.\n"
    )


def test_without_a_verb_the_list_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(ROOM.main, []) == 2
    out, err = capsys.readouterr()
    assert out == "" and "  knock    knock at doors\n" in err


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_lists_the_verbs_without_importing_them(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(ROOM.main, [word]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("usage: python -m small_room VERB ...\n\nA room for tests.\n")
    assert "  missing  a module that is imported only when it is called\n" in out
    assert err == ""


def test_the_default_verb_takes_a_command_line_that_begins_with_an_option(knock: Knock) -> None:
    room = Room("small_room", "A room.", ROOM.verbs, default="knock")
    assert room.main([]) is None
    room.main(["--count", "3"])
    room.main(["knock", "--count", "4"])
    assert [options.count for options in knock.options] == [1, 3, 4]
    with pytest.raises(UsageError, match=r"^python -m small_room: .*See python -m small_room --help\.$"):
        room.main(["--colour"])


def test_run_one_is_a_command_of_its_own(
    knock: Knock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["knock.py", "--help"])
    with pytest.raises(SystemExit) as ended:
        ROOM.run_one("knock", "python knock.py")
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith("example: ./moka knock --count 3 door\n\nusage: python knock.py ")
    assert "Knock at doors." in out


def names() -> list[tuple[Room, str]]:
    """Every verb of every room; a verb of a verb by two words."""
    found = []
    for room in ROOMS:
        for name, verb in room.verbs.items():
            found += [(room, f"{name} {inner}") for inner in inner_verbs(verb)] or [(room, name)]
    return found


@pytest.mark.parametrize(("room", "name"), [pytest.param(*each, id=f"{each[0].name} {each[1]}") for each in names()])
def test_help_of_every_verb_begins_with_an_example(room: Room, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    *outer, name = name.split()
    assert outcome(room.main, [*outer, name, "--help"]) == 0
    out, err = capsys.readouterr()
    example, blank, usage = out.splitlines()[:3]
    assert example.startswith("example: ") and blank == "" and usage.startswith(f"usage: python -m {room.name}")
    assert "--debug" in out and err == ""
    # The words of the example are options of the verb.
    words = example.split()
    for word in words[words.index(name) + 1 if name in words else 3 :]:
        if word.startswith("--"):
            assert word.split("=")[0] in out


def test_a_parser_of_a_tool_has_the_same_manners(capsys: pytest.CaptureFixture[str]) -> None:
    parser = Parser("python -m tools.x", "python -m tools.x --count 3", "count things")
    parser.add_argument("--count", type=int, required=True, help="how many")
    assert parser.parse_args(["--count", "3", "--debug"]).debug
    with pytest.raises(UsageError, match=r"^python -m tools\.x: .*--count\. See python -m tools\.x --help\.$"):
        parser.parse_args([])
    assert parser.format_help().startswith("example: python -m tools.x --count 3\n\nusage: python -m tools.x ")


def test_run_verb_calls_the_command_by_its_name(knock: Knock) -> None:
    with pytest.raises(UsageError, match=r"^\./moka knock: .*See \./moka knock --help\.$"):
        run_verb(ROOM.verbs["knock"], ["--colour"], "./moka knock")


def test_names_of_other_people_do_not_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    def main(argv: Sequence[str]) -> None:
        logging.getLogger(LOGGER).warning("layer \x1b]0;title\x07")
        raise MokaError("layer \x1b[2J: \u00fc\ttab")

    assert outcome(main) == 1
    assert capsys.readouterr().err == "warning: layer \\x1b]0;title\\x07\nerror: layer \\x1b[2J: \u00fc\ttab\n"


def test_a_limit_of_opencv_s_that_is_no_number(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENCV_IO_MAX_IMAGE_PIXELS", "abc")
    assert outcome(lambda argv: None) == 2
    assert "OPENCV_IO_MAX_IMAGE_PIXELS in the environment is 'abc'; OpenCV expects a number" in capsys.readouterr().err
    monkeypatch.setenv("OPENCV_IO_MAX_IMAGE_PIXELS", "100MB")
    assert outcome(lambda argv: None) == 0


def test_an_empty_path_is_used_wrongly() -> None:
    parser = Parser("x", "x --out y", "do something")
    group = parser.add_argument_group("files")
    group.add_argument("--out", type=Path, default=Path("graph"))
    group.add_argument("--name", default="")
    assert parser.parse_args(["--name", ""]) == argparse.Namespace(debug=False, out=Path("graph"), name="")
    with pytest.raises(UsageError, match=r"^x: argument --out: is empty; expected a path\. See x --help\.$"):
        parser.parse_args(["--out", ""])


class Gate(ModuleType):
    """The module of a verb that has verbs of its own."""

    def __init__(self) -> None:
        super().__init__("small_room.gate")
        self.VERBS = {"knock": Verb("small_room.knock", "knock at doors")}


def test_a_verb_may_have_verbs(
    knock: Knock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "small_room.gate", Gate())
    gate = Verb("small_room.gate", "what a gate is for")
    assert run_verb(gate, ["knock", "--count", "10", "front"], "./moka gate") == 10
    assert knock.options[0].door == ["front"]
    for words, code in (([], 2), (["--help"], 0), (["-help"], 0)):
        assert run_verb(gate, words, "./moka gate") == code
        said = "".join(capsys.readouterr())
        assert said.startswith("usage: ./moka gate VERB ...\n\nWhat a gate is for.\n\n  knock  knock at doors\n")
    with pytest.raises(UsageError, match=r'\./moka gate: no verb "knok"\. Known: knock\. Did you mean "knock"\?'):
        run_verb(gate, ["knok"], "./moka gate")
    with pytest.raises(UsageError, match=r"\./moka gate knock --help"):
        run_verb(gate, ["knock", "--nowhere"], "./moka gate")

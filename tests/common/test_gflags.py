from __future__ import annotations

import argparse
from collections.abc import Sequence

import pytest

from common.commands import Parser, run
from common.errors import UsageError
from common.gflags import add_ignored, add_log_options, rewrite


def make_parser() -> argparse.ArgumentParser:
    parser = Parser("tool", "tool", "a tool")
    parser.add_argument("words", nargs="*")
    parser.add_argument("--gray", action="store_true")
    parser.add_argument("--not_this", action="store_true")
    parser.add_argument("--resize_height", "--height", type=int, default=0)
    parser.add_argument("--caffe-bugs", default="on")
    parser.add_argument("--backend", default="lmdb")
    add_ignored(parser, ["phase", "backend"], ["deep"])
    add_log_options(parser)
    return parser


def parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = make_parser()
    return parser.parse_intermixed_args(rewrite(argv, parser))


@pytest.mark.parametrize(
    ("words", "gray"),
    [
        ("--gray", True),
        ("-gray", True),
        ("--gray=true", True),
        ("-gray=1", True),
        ("--gray=T", True),
        ("--gray=YES", True),
        ("--gray=false", False),
        ("--gray=0", False),
        ("--gray=n", False),
        ("--nogray", False),
        ("-nogray", False),
        ("--gray --gray=false", False),
        ("--gray --nogray", False),
        ("--nogray --gray", True),
        ("--gray=false -gray", True),
    ],
)
def test_a_switch(words: str, gray: bool) -> None:
    found = parse([*words.split(), "ROOT/"])
    assert (found.gray, found.words) == (gray, ["ROOT/"])
    assert parse(["ROOT/", *words.split()]) == found


def test_a_switch_never_takes_the_next_word() -> None:
    found = parse(["--gray", "true", "list"])
    assert (found.gray, found.words) == (True, ["true", "list"])


@pytest.mark.parametrize(
    "words", ["--resize_height=8", "-resize_height 8", "--resize-height=8", "-resize-height 8", "--height 8"]
)
def test_an_option_with_a_value(words: str) -> None:
    assert parse(words.split()).resize_height == 8


def test_options_of_our_own_may_have_dashes() -> None:
    assert parse(["--caffe-bugs", "off"]).caffe_bugs == "off"
    assert parse(["-caffe_bugs=off"]).caffe_bugs == "off"


def test_an_empty_value_and_a_value_with_equals_signs_and_line_breaks() -> None:
    assert parse(["--backend="]).backend == ""
    assert parse(["-backend=a=b\nc"]).backend == "a=b\nc"


def test_words_that_are_no_options_stay_as_they_are() -> None:
    words = ["-", "-1", "-0.5", "gray=true", "nogray", "x-y"]
    assert rewrite(words, make_parser()) == words
    assert parse(["a", "--", "--gray=true", "-x"]).words == ["a", "--gray=true", "-x"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--gray=maybe"], "--gray=maybe: expected true or false"),
        (["--gray="], "--gray=: expected true or false"),
        (["--GRAY"], "unrecognized arguments: --GRAY"),
        (["--no_gray"], "unrecognized arguments: --no_gray"),
        (["--nobackend"], "unrecognized arguments: --nobackend"),
        (["--nogray=true"], "unrecognized arguments: --nogray=true"),
    ],
)
def test_what_gflags_refuses_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(words)
    assert message in str(caught.value)


def test_a_name_that_begins_with_no() -> None:
    assert parse(["--not_this=true"]).not_this
    assert not parse(["--nonot_this"]).not_this


def test_what_has_no_meaning_is_taken_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def main(argv: Sequence[str]) -> None:
        print(vars(parse(argv)))

    words = [
        "--logtostderr=1",
        "-alsologtostderr",
        "--minloglevel=2",
        "-v",
        "1",
        "--phase",
        "TEST",
        "-deep=true",
        "list",
    ]
    with pytest.raises(SystemExit) as caught:
        run(main, [*words, "--colorlogtostderr=false", "--backend", "leveldb"])
    assert caught.value.code == 0
    out, err = capsys.readouterr()
    assert "'words': ['list']" in out and "'backend': 'leveldb'" in out and "phase" not in out
    assert sorted(err.splitlines()) == [
        f"warning: --{name} has no meaning here and is ignored." for name in ("deep", "minloglevel", "phase", "v")
    ]


def test_ignored_options_are_not_in_the_help() -> None:
    text = make_parser().format_help()
    assert "minloglevel" not in text and "logtostderr" not in text and "--phase" not in text and "--gray" in text

"""The options of the readers. Each data set has some of them."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass, fields

from common.errors import UsageError
from common.tasks import OLDEST


@dataclass(frozen=True)
class ReaderOptions:
    """What a user may choose about reading a data set. The defaults are the published rules."""

    prefix: str = "landmark_aligned_face"
    nearest_range: bool = False
    min_face_score: float = 1.0
    max_second_face_score: float = 0.0
    ages: tuple[int, int] = (0, 100)
    unknown_gender: bool = False


def add_reader_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of all readers. Each is None if it was not given."""
    group = parser.add_argument_group("options of one data set")
    group.add_argument(
        "--prefix",
        metavar="NAME",
        help="adience: what the names of the pictures begin with (default: landmark_aligned_face)",
    )
    group.add_argument(
        "--nearest_range",
        action="store_true",
        default=None,
        help="adience: move single ages and odd ranges to the nearest class; otherwise they are absent",
    )
    group.add_argument(
        "--min_face_score", type=float, metavar="S", help="imdb_wiki: least score of the face (default: 1.0)"
    )
    group.add_argument(
        "--max_second_face_score",
        type=float,
        metavar="S",
        help="imdb_wiki: largest score of a second face in the picture (default: 0)",
    )
    group.add_argument("--ages", type=_ages, metavar="A-B", help="imdb_wiki: ages that are kept (default: 0-100)")
    group.add_argument(
        "--unknown_gender",
        action="store_true",
        default=None,
        help="imdb_wiki: keep pictures whose gender is unknown, with the label absent",
    )


def reader_options(options: argparse.Namespace, dataset: str, known: tuple[str, ...]) -> ReaderOptions:
    """Return the readers' options that were given. Raises UsageError for one that the data set does not have."""
    given = {}
    for field in fields(ReaderOptions):
        value = getattr(options, field.name)
        if value is None:
            continue
        if field.name not in known:
            raise UsageError(
                f"--{field.name}: is no option of --dataset {dataset}. Leave it out, or choose another data set."
            )
        given[field.name] = value
    return ReaderOptions(**given)


def _ages(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,3})-([0-9]{1,3})", text)
    if not match or not int(match[1]) <= int(match[2]) <= OLDEST:
        raise argparse.ArgumentTypeError(f"{text!r}: expected two ages from 0 to {OLDEST}, such as 16-77")
    return int(match[1]), int(match[2])

"""The options of a division, as build_dataset has them."""

from __future__ import annotations

import argparse

from .division import WAYS, Division


def add_division_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of a division."""
    parser.add_argument("--seed", type=int, default=230, help="seed of the split (default: %(default)s)")
    parser.add_argument("--split", type=float, default=0.8, help="share for training, 0 to 1 (default: %(default)s)")
    parser.add_argument(
        "--divide",
        default="picture",
        metavar="HOW",
        help=f"what stays together: {', '.join(WAYS)} (the set's own folds or parts), or a .csv with the columns file and part "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--folds",
        default="",
        metavar="K",
        help="divide into K folds with equal shares of each class; persons: one for each",
    )
    parser.add_argument("--fold", type=int, metavar="N", help="the fold that is the test part; the first is 0")
    parser.add_argument(
        "--val",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="share of the training part for a validation part (default: 0)",
    )


def division_of(options: argparse.Namespace) -> Division:
    """Return the division that the options describe. Raises UsageError if they do not go together."""
    division = Division(options.divide, options.split, options.seed, options.folds, options.fold, options.val)
    division.check()
    return division

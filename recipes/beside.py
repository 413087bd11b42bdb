"""Sets published figures beside the means of a cross-validation, as text.

    python -m recipes.beside folds/folds.json recipes/published/smile.json --out report.txt

The published figures are in the form that `./moka report --published` reads.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.commands import Parser, run
from common.errors import MokaError
from common.files import atomic_file
from common.inputs import read_input

_IN_YEARS = ("mae", "mae_of_argmax", "median_error")
"""Figures that are no shares."""
_LARGEST = 64 << 20


def main(argv: Sequence[str]) -> None:
    """Print the figures, and write them to --out if it is given."""
    example = "python -m recipes.beside folds/folds.json recipes/published/smile.json"
    parser = Parser("python -m recipes.beside", example, "set published figures beside ours")
    parser.add_argument("folds", type=Path, metavar="FOLDS.json", help="what cross_validate wrote")
    parser.add_argument("published", type=Path, metavar="PUBLISHED.json", help="list of task, figure, value, source")
    parser.add_argument("--out", type=Path, metavar="FILE", help="text file to write as well; it is replaced")
    options = parser.parse_args(argv)
    text = beside(_read(options.folds), _read(options.published), f"{options.folds} or {options.published}")
    print(text)
    if options.out:
        with atomic_file(options.out, force=True) as temporary:
            temporary.write_text(f"{text}\n", encoding="utf-8")


def beside(folds: Mapping[str, Any], published: Sequence[Mapping[str, Any]], files: str) -> str:
    """Return two lines for each published figure: both values, and the source. Raises MokaError if a key is missing."""
    try:
        count = len(folds["folds"])
        lines = [f"published figures beside ours, the mean over {count} folds (± their standard deviation)"]
        for each in published:
            figure = each["figure"]
            ours = folds["tasks"].get(each["task"], {}).get(figure)
            measured = "not measured"
            if ours:
                spread = f" ± {_shown(figure, ours['standard_deviation'])}" if ours["standard_deviation"] else ""
                measured = f"{_shown(figure, ours['mean'])}{spread}"
            name = f"{each['task']}, {figure.replace('_', ' ')}"
            lines += [f"  {name}: ours {measured}; published {_shown(figure, each['value'])}", f"    {each['source']}"]
    except (KeyError, TypeError, AttributeError) as error:
        raise MokaError(
            f"{files}: another form than expected ({error}). Give folds.json of cross_validate, and a list of published "
            "figures, each with task, figure, value and source."
        ) from error
    return "\n".join(lines)


def _shown(figure: str, value: float) -> str:
    return f"{value:.2f} years" if figure in _IN_YEARS else f"{100 * value:.1f} %"


def _read(path: Path) -> Any:
    try:
        return json.loads(read_input(path, _LARGEST))
    except (OSError, ValueError, RecursionError) as error:
        raise MokaError(f"{path}: cannot be read as JSON ({error}).") from error


if __name__ == "__main__":
    run(main)

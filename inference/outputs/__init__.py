"""Where answers go: text, JSON lines, CSV, annotated pictures, an annotated video. One module for each kind.

about = About.of(analyzer.runner)
with open_outputs([("text", None), ("csv", Path("people.csv"))], about) as outputs:
    for frame in frames:
        outputs.write(frame, analyzer.analyze(frame.picture))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

from common.errors import UsageError
from common.messages import known_names

from .output import About, Output, Outputs

__all__ = ["FILES", "OUTPUTS", "STREAMS", "About", "Output", "Outputs", "kind_of", "open_outputs"]

OUTPUTS: dict[str, tuple[str, str]] = {
    "text": ("text", "Text"),
    "json": ("json_lines", "JsonLines"),
    "csv": ("csv_rows", "Csv"),
    "picture": ("pictures", "OnePicture"),
    "pictures": ("pictures", "Pictures"),
    "video": ("video", "Video"),
}
"""Kind -> its module and class. It is imported when it is used: drawing needs numpy, which --help does not."""
STREAMS = ("text", "json", "csv")
"""Kinds that can go to standard output."""
FILES = {
    ".txt": "text",
    ".jsonl": "json",
    ".ndjson": "json",
    ".csv": "csv",
    ".jpg": "picture",
    ".jpeg": "picture",
    ".png": "picture",
    ".webp": "picture",
    ".mp4": "video",
    ".mkv": "video",
    ".mov": "video",
    ".avi": "video",
    ".webm": "video",
}
"""Suffix of an output -> its kind. A name without a suffix is a folder of annotated pictures."""


def kind_of(path: Path) -> str:
    """Return the kind of the output `path`, by its name. Raises UsageError if no kind has such a name."""
    suffix = path.suffix.lower()
    if not suffix or path.is_dir():
        return "pictures"
    if suffix not in FILES:
        raise UsageError(
            f"{path}: no output ends in {path.suffix}. {known_names(suffix, FILES)} "
            "A name without such an end is a folder of annotated pictures."
        )
    return FILES[suffix]


def open_outputs(wanted: Iterable[tuple[str, Path | None]], about: About, force: bool = False) -> Outputs:
    """Open outputs, each a kind of OUTPUTS and its file, or None for standard output.

    Raises UsageError (OutputExists if a file is there and `force` is false), or MokaError if one cannot be written. None is
    left behind then.
    """
    opened: list[Output] = []
    with ExitStack() as stack:
        for kind, path in wanted:
            if kind not in OUTPUTS:
                raise UsageError(f"output {kind}: unknown. {known_names(kind, OUTPUTS)}")
            if path is None and kind not in STREAMS:
                raise UsageError(f"output {kind}: does not go to standard output. Name a file or folder.")
            module, name = OUTPUTS[kind]
            open_one: Callable[[Path | None, About, bool], Output] = getattr(
                import_module(f"inference.outputs.{module}"), name
            )
            opened.append(open_one(path, about, force))
            stack.callback(opened[-1].discard)
        stack.pop_all()
    return Outputs(opened)

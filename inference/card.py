"""The model card, graph/NAME.json: all that the runner knows about a network.

It is written beside every compiled network and says what goes in (size, channel order, how a face is cut out and
resized), what was done with the mean, and what each output means (task, class names or bins, how to read it).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import CardError

from .answer import READS
from .errors import known
from .tensor import CHANNELS, RESIZES

FORMAT = 1
MEAN_KINDS = ("image", "none", "values")


@dataclass(frozen=True)
class Output:
    """One output blob: `size` values that are read by the rule `read` as an answer to `task`."""

    blob: str
    task: str
    read: str
    classes: tuple[str, ...] = ()
    bins: tuple[float, ...] = ()

    @property
    def size(self) -> int:
        return len(self.classes or self.bins)


@dataclass(frozen=True)
class Card:
    """One network as its card describes it. `shape` is (1, channels, height, width) of uint8."""

    path: Path
    name: str
    input_blob: str
    shape: tuple[int, int, int, int]
    channel_order: str
    resize: str
    crop_margin: float
    mean_kind: str
    mean_sha256: str | None
    outputs: tuple[Output, ...]
    xml: Path
    bin: Path
    blob: Path | None
    hashes: Mapping[Path, str]  # SHA-256 of the files above, as far as the card tells it


def read_cards(folder: str | Path) -> tuple[Card, ...]:
    """All cards of `folder`, sorted by file name. CardError if there is none or one is damaged."""
    folder = Path(folder)
    if not folder.exists():
        raise CardError(f"{folder}/: there is no such folder, so there are no compiled networks. {_MAKE}")
    if not folder.is_dir():
        raise CardError(f"{folder}: is a file; wanted the folder that holds the model cards (NAME.json)")
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise CardError(f"{folder}/: no model card (NAME.json) in this folder. {_MAKE}")
    return tuple(read_card(path) for path in paths)


def read_card(path: str | Path) -> Card:
    """Read and check one card. CardError names the file, the key, what was found and what was wanted."""
    path = Path(path)
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise CardError(f"{path}: cannot be read: {error.strerror}. {_MAKE}") from None
    except ValueError as error:
        raise CardError(f"{path}: is not JSON ({error}). {_AGAIN}") from None
    if not isinstance(content, dict):
        raise CardError(f"{path}: holds {_show(content)}; wanted a model card, a JSON object. {_AGAIN}")
    keys = _Keys(path, content)

    keys.get("format", f"{FORMAT}", lambda v: v == FORMAT and v is not True)  # another format: other meanings
    if "inputs" in content:  # ncs writes it for nets such as Siamese ones
        raise CardError(
            f"{path}: its network takes {len(content['inputs'])} inputs; the runner shows a network one picture and no more. "
            "Take it out of this folder, and run its .xml with OpenVINO or its .blob with depthai yourself."
        )
    shape = keys.get("input.shape", "[1, channels, height, width]", _is_shape)
    keys.get("input.layout", "NCHW", lambda v: v == "NCHW")
    keys.get("input.precision", "U8", lambda v: v == "U8")
    order = keys.choice("channel_order", CHANNELS)
    if CHANNELS[order].count != shape[1]:
        wanted = f"{CHANNELS[order].count} channels, for channel_order is {order}"
        raise keys.error("input.shape", shape, wanted)
    mean_kind = keys.choice("mean.kind", MEAN_KINDS)
    inside = keys.get("mean.inside", "true or false", lambda v: isinstance(v, bool))
    if mean_kind != "none" and not inside:
        raise keys.error("mean.inside", inside, "true: the runner feeds raw bytes and never subtracts a mean")
    blob = keys.get("blob", "an object or null", _is_blob)
    blob_file = path.parent / keys.get("blob.file", "a file name", _is_file_name) if blob else None
    xml, weights = (path.parent / keys.get(f"ir.{part}", "a file name", _is_file_name) for part in ("xml", "bin"))
    hashes = {} if blob_file is None else {blob_file: keys.get("blob.sha256", "64 hexadecimal digits", _is_hash)}
    for part, file in (("xml", xml), ("bin", weights)):
        if f"{part}_sha256" in content["ir"]:  # a card for the IR of another tool may leave them out
            hashes[file] = keys.get(f"ir.{part}_sha256", "64 hexadecimal digits", _is_hash)
    return Card(
        path=path,
        name=keys.get("name", "a name", _is_text),
        input_blob=keys.get("input.blob", "the name of the input", _is_text),
        shape=(1, shape[1], shape[2], shape[3]),
        channel_order=order,
        resize=keys.choice("resize", RESIZES),
        crop_margin=float(keys.get("crop_margin", "a number above -0.5", lambda v: _is_number(v) and v > -0.5)),
        mean_kind=mean_kind,
        mean_sha256=keys.get("mean.sha256", "64 hexadecimal digits or null", _is_hash_or_null),
        outputs=_outputs(keys),
        xml=xml,
        bin=weights,
        blob=blob_file,
        hashes=hashes,
    )


def check_file(card: Card, file: Path) -> None:
    """CardError if `file` cannot be read, or is not the one that the card describes.

    So half a set is never used: one that was copied in part, or a compile that was killed while it replaced another.
    """
    try:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise CardError(f"{file}: cannot be read ({error.strerror}); {card.path} names it. {_AGAIN}") from None
    if digest != card.hashes.get(file, digest):
        raise CardError(
            f"{file}: is not the file that {card.path} describes (sha256 differs). Copy the whole set, or compile "
            "it anew: ./compile2Movidius.sh --force"
        )


_MAKE = "Make them with ./compile2Movidius.sh (after training), or run ./demo.sh, which makes everything."
_AGAIN = "Run ./compile2Movidius.sh again, which writes it."


class _Keys:
    """The values of a card by dotted key, each checked as it is taken."""

    def __init__(self, path: Path, content: dict[str, Any], prefix: str = "") -> None:
        self.path, self.content, self.prefix = path, content, prefix

    def get(self, key: str, wanted: str, fits: Callable[[Any], bool]) -> Any:
        value: Any = self.content
        for part in key.split("."):
            if not isinstance(value, dict) or part not in value:
                raise CardError(f'{self.path}: "{self.prefix}{key}" is missing; wanted {wanted}. {_AGAIN}')
            value = value[part]
        if not fits(value):
            raise self.error(key, value, wanted)
        return value

    def choice(self, key: str, names: Any) -> str:
        value = self.get(key, f"one of {', '.join(sorted(names))}", lambda v: True)
        if value not in tuple(names):
            raise CardError(f'{self.path}: "{self.prefix}{key}" is {_show(value)}; {known(value, names)}')
        return str(value)

    def error(self, key: str, value: object, wanted: str) -> CardError:
        return CardError(f'{self.path}: "{self.prefix}{key}" is {_show(value)}; wanted {wanted}. {_AGAIN}')


def _outputs(keys: _Keys) -> tuple[Output, ...]:
    """The outputs of a card, one for each blob."""
    outputs: list[Output] = []
    for number, entry in enumerate(keys.get("outputs", "a list with an object for each output", _is_objects)):
        one = _Keys(keys.path, entry, f"outputs[{number}].")
        read = one.choice("read", READS)
        classes: tuple[str, ...] = ()
        bins: tuple[float, ...] = ()
        if read == "argmax":
            classes = tuple(one.get("classes", "a list of different class names, at least two", _is_classes))
        else:
            bins = tuple(float(v) for v in one.get("bins", "a list of numbers, at least two", _is_bins))
        blob, task = (one.get(key, "a name", _is_text) for key in ("blob", "task"))
        if blob in (output.blob for output in outputs):
            raise one.error("blob", blob, "each output blob once")
        outputs.append(Output(blob, task, read, classes, bins))
    return tuple(outputs)


def _show(value: object) -> str:
    """A value as JSON, cut to what fits in a message."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_file_name(value: object) -> bool:
    return isinstance(value, str) and value not in ("", ".", "..") and Path(value).name == value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def _is_shape(value: object) -> bool:
    whole = isinstance(value, list) and all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in value)
    return whole and isinstance(value, list) and len(value) == 4 and value[0] == 1


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def _is_hash_or_null(value: object) -> bool:
    return value is None or _is_hash(value)


def _is_blob(value: object) -> bool:
    return value is None or (isinstance(value, dict) and bool(value))


def _is_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, dict) for entry in value)


def _is_classes(value: object) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(map(_is_text, value)) and len(set(value)) == len(value)


def _is_bins(value: object) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(map(_is_number, value))

"""Cards: what goes into a network, what its outputs mean, and which files it consists of.

A net card (prototxt/NAME/card.json) is written by hand and describes a net. `ncs compile` adds what it did and the files
that it wrote: that is the model card (graph/NAME.json), all that the runner knows about a network. Both kinds are read
and checked here and nowhere else, so the runner accepts whatever the compiler accepted.

    python -m common.card      writes the JSON schemas of both into docs/

Importing this module imports pydantic, which takes a while. Commands import it inside a function.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import WithDefaultSchema

from .card_types import (
    CHANNELS,
    FORMAT,
    LARGEST_SIDE,
    BlobEntry,
    InputEntry,
    IrEntry,
    MeanEntry,
    ModelCard,
    NetCard,
    SourceEntry,
    wrong_channels,
)
from .cards.host import HostStep
from .cards.outputs import (
    BinOutput,
    ClassOutput,
    DetectionsOutput,
    OutputEntry,
    RawOutput,
    ValueOutput,
    ValuesOutput,
)
from .cards.plain import CORRECT, plain_card
from .cards.typed_json import JsonObject, parse, read_model
from .commands import LOGGER
from .errors import CardError, MokaError
from .messages import COMPILE_AGAIN, shape_text
from .places import ROOT

__all__ = [
    "CHANNELS",
    "FORMAT",
    "LARGEST_SIDE",
    "BinOutput",
    "BlobEntry",
    "ClassOutput",
    "DetectionsOutput",
    "InputEntry",
    "IrEntry",
    "MeanEntry",
    "ModelCard",
    "NetCard",
    "OutputEntry",
    "RawOutput",
    "SourceEntry",
    "ValueOutput",
    "ValuesOutput",
    "check_fits",
    "complete",
    "describe_input",
    "leave_out",
    "mean_hash",
    "plain_card",
    "read_card",
    "read_cards",
    "read_net_card",
    "schema",
    "write_card",
]

_logger = logging.getLogger(LOGGER)
_COMPILE = "Make them with ./compile2Movidius.sh (after training), or run ./demo.sh, which makes everything."
_NO_MODEL_CARD = f"{COMPILE_AGAIN}, or keep a file that is no model card in another folder."


def read_net_card(path: Path) -> NetCard:
    """Read prototxt/NAME/card.json. Raises CardError if it is missing or wrong."""
    card = read_model(NetCard, path, CORRECT)
    if not card.outputs:
        raise CardError(f'{path}: "outputs" is []; expected an object for each output blob. {CORRECT}')
    return card


def describe_input(
    blob: str,
    shape: Sequence[int],
    file: str,
    picture: bool | None = None,
    precision: str = "FP16",
    **preprocessing: object,
) -> InputEntry:
    """Describe an input of the net in `file`: a picture (by default if it has 4 axes), or numbers of a `precision`.

    `preprocessing` are the keys that say what the network does to it first.
    """
    picture = len(shape) == 4 if picture is None else picture
    content = {
        "blob": blob,
        "shape": list(shape),
        "layout": "NCHW" if picture else "NC" if len(shape) == 2 else "values",
        "precision": "U8" if picture else precision,
        **preprocessing,
    }
    return parse(InputEntry, content, file, CORRECT)


def check_fits(card: NetCard, first_input: InputEntry, outputs: Mapping[str, Sequence[int]], file: str) -> None:
    """Check a net card against its net, whose `outputs` are blob -> shape. Raises CardError about `file`."""
    for output in card.outputs:
        if output.blob not in outputs:
            raise CardError(f'{file}: names an output "{output.blob}", but the net has {", ".join(outputs)}. {CORRECT}')
        shape = outputs[output.blob]
        if isinstance(output, RawOutput) and output.shape != list(shape):
            raise CardError(
                f'{file}: says that "{output.blob}" is {shape_text(output.shape)}, but it is {shape_text(shape)}. {CORRECT}'
            )
        if output.size != math.prod(shape):
            raise CardError(
                f'{file}: describes {output.what} of "{output.blob}", which has {math.prod(shape)} values. {CORRECT}'
            )
    problem = wrong_channels(card.channel_order, first_input)
    if problem:
        raise CardError(
            f'{file}: "channel_order" is "{card.channel_order}"; the net takes {shape_text(first_input.shape)}, '
            f"expected {problem}. {CORRECT}"
        )


def mean_hash(mean: Any) -> str:
    """Return the hash of a mean (numpy array, channels x height x width) that stands on the card.

    It is the SHA-256 of the float32 little-endian bytes in C order, so a .binaryproto and an .npy of one mean agree.
    """
    return hashlib.sha256(mean.astype("<f4").tobytes()).hexdigest()


def complete(
    net_card: NetCard,
    file: str,
    inputs: Sequence[InputEntry],
    mean: MeanEntry,
    source: SourceEntry,
    ir: IrEntry,
    blob: BlobEntry | None,
    host: Sequence[HostStep] = (),
) -> ModelCard:
    """Make a model card of a net card and what the compiler adds. Raises CardError about `file`."""
    content = {**net_card.model_dump(exclude_unset=True), "format": FORMAT, "input": inputs[0]}
    if len(inputs) > 1:
        content["inputs"] = list(inputs)
    if host:
        content["host"] = list(host)
    return parse(ModelCard, {**content, "mean": mean, "source": source, "ir": ir, "blob": blob}, file, CORRECT)


def write_card(card: ModelCard, path: Path) -> None:
    """Write graph/NAME.json, which `read_card` reads."""
    text = json.dumps(card.model_dump(exclude_unset=True), indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_card(path: Path) -> ModelCard:
    """Read graph/NAME.json. Raises CardError if it is missing or wrong."""
    return read_model(ModelCard, path, _NO_MODEL_CARD).at(path)


def read_cards(folder: str | Path) -> tuple[ModelCard, ...]:
    """Read the cards of a folder that the runner is to use, sorted by file name.

    A card that is wrong, or whose network the runner cannot use, is left out with a warning. Cards of one name are called
    by their files. Raises CardError if no card is left.
    """
    folder = Path(folder)
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".json")
    except FileNotFoundError as error:
        raise CardError(f"{folder}/: there is no such folder, so there are no compiled networks. {_COMPILE}") from error
    except NotADirectoryError as error:
        raise CardError(f"{folder}: is a file; expected the folder that holds the model cards (NAME.json).") from error
    except (OSError, ValueError) as error:
        raise CardError(f"{folder}: cannot be read ({getattr(error, 'strerror', error)}). {_COMPILE}") from error
    cards = []
    problems = []
    for path in paths:
        try:
            card = read_card(path)
            if not card.outputs:
                raise CardError(f'{path}: "outputs" is [], so there is nothing to read. {COMPILE_AGAIN}')
            if card.obstacle:
                raise CardError(
                    f"{path}: its network {card.obstacle}; the runner shows each network one picture. "
                    "Run the .xml with OpenVINO or the .blob with depthai yourself."
                )
            cards.append(card)
        except CardError as error:
            problems.append(error)
    if not cards and not problems:
        raise CardError(f"{folder}/: there is no model card (NAME.json) in this folder. {_COMPILE}")
    leave_out(problems, bool(cards), folder)
    return _named_apart(cards)


def leave_out(problems: Sequence[MokaError], others: bool, folder: str | Path) -> None:
    """Warn about networks that cannot be used while `others` can. Raises the problem, or all in one, if there are none."""
    if others:
        for problem in problems:
            _logger.warning("left out: %s", " ".join(str(problem).split("\n")))
        return
    different = {str(problem): problem for problem in problems}
    if len(different) == 1:
        raise problems[0]
    if different:
        reasons = "".join(f"\n  {text}" for text in different)
        raise CardError(f"{folder}/: none of its {len(problems)} networks can be used.{reasons}")


def _named_apart(cards: Sequence[ModelCard]) -> tuple[ModelCard, ...]:
    """Give cards of one name the names of their files, which differ."""
    files: dict[str, list[str]] = {}
    for card in cards:
        files.setdefault(card.name, []).append(card.path.name)
    apart = []
    for card in cards:
        same = files[card.name]
        if len(same) > 1:
            if card.path.name == same[0]:
                _logger.warning(
                    '%s: are all called "%s", so each is called by its file. Correct "name" on the cards.',
                    *(", ".join(str(card.path.parent / name) for name in same), card.name),
                )
            card = card.model_copy(update={"name": f"{card.name} ({card.path.name})"})
        apart.append(card)
    return tuple(apart)


class _Schema(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        """A key needs no title that repeats it in other letters."""
        return False

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        """A key that is absent has no value. Its default is for Python alone."""
        return self.generate_inner(schema["schema"])


def schema(model: type[JsonObject]) -> str:
    """The JSON schema of NetCard or ModelCard, as docs/ holds it."""
    content = {
        "$schema": _Schema.schema_dialect,
        **model.model_json_schema(schema_generator=_Schema, union_format="primitive_type_array"),
    }
    return json.dumps(content, indent=2) + "\n"


if __name__ == "__main__":
    for model, name in ((NetCard, "net_card"), (ModelCard, "model_card")):
        (ROOT / f"docs/{name}.schema.json").write_text(schema(model), encoding="utf-8")

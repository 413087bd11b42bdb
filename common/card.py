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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import WithDefaultSchema

from .card_types import (
    CHANNELS,
    COMPILE_AGAIN,
    FORMAT,
    BinOutput,
    BlobEntry,
    ClassOutput,
    InputEntry,
    IrEntry,
    MeanEntry,
    ModelCard,
    NetCard,
    OutputEntry,
    SourceEntry,
    wrong_channels,
)
from .errors import CardError
from .messages import shape_text
from .places import ROOT
from .typed_json import JsonObject, parse, read_model

__all__ = [
    "CHANNELS",
    "FORMAT",
    "BinOutput",
    "BlobEntry",
    "ClassOutput",
    "InputEntry",
    "IrEntry",
    "MeanEntry",
    "ModelCard",
    "NetCard",
    "OutputEntry",
    "SourceEntry",
    "check_fits",
    "complete",
    "describe_input",
    "mean_hash",
    "plain_card",
    "read_card",
    "read_cards",
    "read_net_card",
    "schema",
    "write_card",
]


_COMPILE = "Make them with ./compile2Movidius.sh (after training), or run ./demo.sh, which makes everything."
_CORRECT = "Correct it; docs/net_card.schema.json describes a card."


def read_net_card(path: Path) -> NetCard:
    """Read prototxt/NAME/card.json. Raises CardError if it is missing or wrong."""
    card = read_model(NetCard, path, _CORRECT)
    if not card.outputs:
        raise CardError(f'{path}: "outputs" is []; expected an object for each output blob. {_CORRECT}')
    return card


def plain_card(name: str, channels: int, outputs: Mapping[str, int]) -> NetCard:
    """Make the card of a net that has none: its classes are numbers.

    `channels` is 0 for a net that takes no pictures; `outputs` are blob -> number of values. An output of one value
    has no classes and is left out.
    """
    content = {
        "name": name,
        "channel_order": "GRAY" if channels == 1 else "BGR",
        "resize": "stretch",
        "crop_margin": 0.0,
        "outputs": [
            {"blob": blob, "task": blob, "read": "argmax", "classes": [str(number) for number in range(count)]}
            for blob, count in outputs.items()
            if count > 1
        ],
    }
    return parse(NetCard, content, name, _CORRECT)


def describe_input(
    blob: str, shape: Sequence[int], file: str, picture: bool, precision: str = "FP16", **preprocessing: object
) -> InputEntry:
    """Describe an input of the net in `file`: pictures, or numbers of a `precision`, and what is done to them first."""
    content = {
        "blob": blob,
        "shape": list(shape),
        "layout": "NCHW" if picture else "NC" if len(shape) == 2 else "values",
        "precision": "U8" if picture else precision,
        **preprocessing,
    }
    return parse(InputEntry, content, file, _CORRECT)


def check_fits(card: NetCard, first_input: InputEntry, outputs: Mapping[str, int], file: str) -> None:
    """Check a net card against its net, whose `outputs` are blob -> number of values. Raises CardError about `file`."""
    for output in card.outputs:
        if output.blob not in outputs:
            raise CardError(
                f'{file}: names an output "{output.blob}", but the net has {", ".join(outputs)}. {_CORRECT}'
            )
        found, expected = output.size, outputs[output.blob]
        if found != expected:
            raise CardError(
                f'{file}: names {found} {output.values_key} for "{output.blob}", which has {expected} values. {_CORRECT}'
            )
    problem = wrong_channels(card.channel_order, first_input)
    if problem:
        raise CardError(
            f'{file}: "channel_order" is "{card.channel_order}"; the net takes {shape_text(first_input.shape)}, '
            f"expected {problem}. {_CORRECT}"
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
) -> ModelCard:
    """Make a model card of a net card and what the compiler adds. Raises CardError about `file`."""
    content = {**net_card.model_dump(exclude_unset=True), "format": FORMAT, "input": inputs[0]}
    if len(inputs) > 1:
        content["inputs"] = list(inputs)
    return parse(ModelCard, {**content, "mean": mean, "source": source, "ir": ir, "blob": blob}, file, _CORRECT)


def write_card(card: ModelCard, path: Path) -> None:
    """Write graph/NAME.json, which `read_card` reads."""
    text = json.dumps(card.model_dump(exclude_unset=True), indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_card(path: Path) -> ModelCard:
    """Read graph/NAME.json. Raises CardError if it is missing or wrong."""
    return read_model(ModelCard, path, COMPILE_AGAIN).at(path)


def read_cards(folder: str | Path) -> tuple[ModelCard, ...]:
    """Read the cards of a folder that the runner is to use, sorted by file name.

    Raises CardError if there is no card, one is wrong, or the runner cannot use its network.
    """
    folder = Path(folder)
    if not folder.exists():
        raise CardError(f"{folder}/: there is no such folder, so there are no compiled networks. {_COMPILE}")
    if not folder.is_dir():
        raise CardError(f"{folder}: is a file; expected the folder that holds the model cards (NAME.json).")
    cards = tuple(read_card(path) for path in sorted(folder.glob("*.json")))
    if not cards:
        raise CardError(f"{folder}/: there is no model card (NAME.json) in this folder. {_COMPILE}")
    for card in cards:
        if card.obstacle:
            raise CardError(
                f"{card.path}: its network {card.obstacle}; the runner shows each network one picture. "
                "Take the card out of this folder, and run the .xml with OpenVINO or the .blob with depthai yourself."
            )
    return cards


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

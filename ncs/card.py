"""Cards: what the outputs of a net mean (net card), and that plus how it was compiled (model card)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from caffe_io.blobs import Array
from caffe_io.mean import mean_hash
from common.errors import CardError
from myriad.blob import BlobHeader

FORMAT = 1
READERS = {"argmax": "classes", "expected_value": "bins"}  # how an output is read -> the list that names its values
_TEXTS = ("name", "channel_order", "resize")
_OUTPUT_TEXTS = ("blob", "task", "read")


def read_net_card(path: Path) -> dict[str, Any]:
    """Read prototxt/NAME.json. Raises CardError if it is missing, no JSON (line and column), or lacks a key."""
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CardError(f"{path}: cannot be read ({error.strerror}); wanted the card of the net's outputs.") from error
    except UnicodeDecodeError as error:
        raise CardError(f"{path}: is not text; wanted the card of the net's outputs (JSON).") from error
    except json.JSONDecodeError as error:
        raise CardError(f"{path}:{error.lineno}:{error.colno}: {error.msg}. Correct the JSON.") from error
    if not isinstance(card, dict) or not all(isinstance(card.get(key), str) for key in _TEXTS):
        raise CardError(f"{path}: lacks one of the texts {', '.join(_TEXTS)}. See prototxt/AgeNet/card.json.")
    if not isinstance(card.get("outputs"), list) or not card["outputs"]:
        raise CardError(f'{path}: "outputs" is missing or empty; wanted one entry for each output blob.')
    for output in card["outputs"]:
        if not isinstance(output, dict) or not all(isinstance(output.get(key), str) for key in _OUTPUT_TEXTS):
            raise CardError(
                f'{path}: an entry of "outputs" lacks "blob", "task" or "read". See prototxt/AgeNet/card.json.'
            )
        names = READERS.get(output["read"])
        if names is None:
            raise CardError(
                f'{path}: output "{output["blob"]}" has "read": "{output["read"]}"; known: {", ".join(READERS)}.'
            )
        if not isinstance(output.get(names), list):
            raise CardError(f'{path}: output "{output["blob"]}", read by {output["read"]}, needs a list "{names}".')
    return card


def plain_card(name: str, outputs: Mapping[str, int]) -> dict[str, Any]:
    """The net card of a net that has none: classes by number."""
    return {
        "name": name,
        "channel_order": "BGR",
        "resize": "stretch",
        "crop_margin": 0.0,
        "outputs": [
            {"blob": blob, "task": blob, "read": "argmax", "classes": [str(number) for number in range(count)]}
            for blob, count in outputs.items()
        ],
    }


def check_fits(card: Mapping[str, Any], outputs: Mapping[str, int], file: str) -> None:
    """Raise CardError unless every output on the card is one of the net's (`outputs`: blob -> how many values)."""
    for output in card["outputs"]:
        blob, names = output["blob"], READERS[output["read"]]
        if blob not in outputs:
            raise CardError(f'{file}: speaks of an output "{blob}", but the net has {", ".join(outputs)}.')
        if len(output[names]) != outputs[blob]:
            raise CardError(
                f'{file}: names {len(output[names])} {names} for "{blob}", which has {outputs[blob]} values.'
            )


def input_entry(blob: str, shape: list[int]) -> dict[str, Any]:
    """The card's "input": bytes for pictures (4 axes), numbers for anything else. Nets with several have "inputs" too."""
    pictures = len(shape) == 4
    layout, precision = ("NCHW", "U8") if pictures else ("NC" if len(shape) == 2 else "values", "FP16")
    return {"blob": blob, "shape": shape, "layout": layout, "precision": precision}


def mean_entry(mean: Array | None, inside: Array) -> dict[str, Any]:
    """The card's "mean": the hash of `mean` as its file holds it, and the averages of what the network subtracts."""
    kind = "none" if mean is None else "values" if mean.shape[1:] == (1, 1) else "image"
    return {
        "inside": True,  # always: the device is fed raw bytes
        "kind": kind,
        "sha256": None if mean is None else mean_hash(mean),
        "channel_means": [round(float(value), 4) for value in inside.mean(axis=(1, 2), dtype=np.float64)],
    }


def blob_entry(file: Path, header: BlobHeader, streams: int, openvino: str) -> dict[str, Any]:
    """The card's "blob"."""
    return {
        "file": file.name,
        "openvino": openvino,
        "shaves": header.shaves,
        "cmx_slices": header.cmx_slices,
        "streams": streams,
        "stages": header.stages,
        "bytes": header.bytes,
        "sha256": file_hash(file),
    }


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()

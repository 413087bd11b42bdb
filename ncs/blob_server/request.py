"""What a request of blobconverter asks for, as options of `./moka compile`. No file of a client is looked into here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import UsageError
from common.messages import known_names

VERSIONS = ("2021.4", "2022.1")
"""What a client may call the blob. All are compiled by 2021.4.2, whose blobs say 6.0, which depthai takes for any of these."""
LARGEST_CONFIG = 1 << 16
_SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}")
_TRUE = ("true", "1", "yes")
_PASSED_ON = (
    *("mean_values", "scale_values", "scale", "input_shape", "output", "batch", "data_type"),
    "freeze_placeholder_with_value",
)
"""Options of Model Optimizer that `compile` has too, with the same meaning."""
_SWITCHES = ("reverse_input_channels",)
_WITHOUT_EFFECT = ("framework", "model_name", "output_dir", "input", "progress", "silent", "input_model", "input_proto")
_SHORT = {"b": "batch", "s": "scale", "m": "input_model", "n": "model_name", "o": "output_dir"}
_MODELS = (".onnx", ".tflite", ".xml", ".prototxt")


@dataclass(frozen=True)
class Job:
    """One compilation: the uploaded file to compile, its weights ("" if inside), and the options of `compile`."""

    name: str
    model: str
    weights: str
    options: tuple[str, ...]
    with_ir: bool
    dry: bool

    @property
    def words(self) -> list[str]:
        """The command line after `./moka`."""
        weights = ["--weights", self.weights] if self.weights else []
        return ["compile", "--model", self.model, *weights, "--out", "out", *self.options]


def read_request(fields: Mapping[str, str], config: bytes | None, files: Sequence[str]) -> Job:
    """Return what is asked for.

    `fields` are those of the address and of the form; `config` is the file of that name, and `files` are the names of the
    others. Raises UsageError for what cannot be done here.
    """
    name = safe_name(fields.get("name") or "model")
    version = fields.get("version") or VERSIONS[0]
    if version not in VERSIONS:
        raise UsageError(
            f'version "{version}": this server makes blobs for {" and ".join(VERSIONS)}. Ask for one of them.'
        )
    if config is None:
        if _is_true(fields.get("use_zoo")):
            raise UsageError(
                f'"{name}": there is no model zoo here, because nothing is downloaded. Send the model itself.'
            )
        raise UsageError(
            'A file "config" must be in the form. The package blobconverter makes it; see docs/other_doors.md.'
        )
    content = _read_config(config)
    arguments = _arguments(content.get("model_optimizer_args") or [])
    model, weights = _files(content, arguments, files)
    shaves = fields.get("myriad_shaves") or "4"
    if not shaves.isdecimal():
        raise UsageError(f'myriad_shaves "{shaves[:20]}": expected a number from 1 to 16.')
    _check_precisions(fields.get("myriad_params_advanced") or "")
    data_type = fields.get("data_type") or "FP16"
    if data_type not in ("FP16", "FP32"):
        raise UsageError(f'data_type "{data_type[:20]}": expected FP16, in which a Myriad X computes.')
    options = [f"--{key}={value}" for key, value in arguments.items() if key in _PASSED_ON]
    options += [f"--{key}" for key in arguments if key in _SWITCHES]
    # As blobconverter's own server did: one stream, and as many CMX slices as SHAVEs.
    options += [f"--shaves={shaves}", "--streams=1"]
    return Job(
        name=name,
        model=model,
        weights=weights,
        options=tuple(options),
        with_ir=_is_true(fields.get("download_ir")),
        dry=_is_true(fields.get("dry")),
    )


def safe_name(name: str) -> str:
    """Return the name of a file as a client gave it. Raises UsageError if it could lead into another folder."""
    if not _SAFE_NAME.fullmatch(name) or ".." in name:
        raise UsageError(f'the name "{name[:100]}": expected letters, digits and _ . + - without a folder.')
    return name


def _is_true(text: str | None) -> bool:
    return (text or "").strip().lower() in _TRUE


def _read_config(data: bytes) -> dict[str, Any]:
    """Read the YAML file "config"."""
    import yaml

    if len(data) > LARGEST_CONFIG:
        raise UsageError(f"config: has {len(data)} bytes; expected at most {LARGEST_CONFIG}.")
    try:
        content = yaml.safe_load(data.decode("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise UsageError(f"config: is not YAML ({str(error).splitlines()[0]}).") from error
    if not isinstance(content, dict):
        raise UsageError("config: expected keys such as framework, files and model_optimizer_args.")
    return content


def _arguments(given: object) -> dict[str, str]:
    """Return Model Optimizer's arguments by their names. Raises UsageError for one that `compile` does not have."""
    if not isinstance(given, list):
        raise UsageError("config: model_optimizer_args must be a list.")
    found: dict[str, str] = {}
    known = (*_PASSED_ON, *_SWITCHES, *_WITHOUT_EFFECT)
    for each in given:
        key, equals, value = str(each).strip().partition("=")
        if not equals:
            key, _, value = key.partition(" ")
        key = key.lstrip("-").replace("-", "_")
        key = _SHORT.get(key, key)
        if key not in known:
            raise UsageError(f'optimizer_params: "{str(each)[:100]}" is not known here. {known_names(key, known)}')
        found[key] = value.strip().strip("\"'")
    return found


def _files(content: dict[str, Any], arguments: Mapping[str, str], files: Sequence[str]) -> tuple[str, str]:
    """Return the names of the model and of its weights among the uploaded files."""
    entries = content.get("files")
    for entry in entries if isinstance(entries, list) else []:
        source = entry.get("source") if isinstance(entry, dict) else None
        address = source.get("url", "") if isinstance(source, dict) else source
        if not str(address or "").startswith("$REQUEST"):
            raise UsageError(
                f"config: the file {str(entry)[:100]} is elsewhere, and this server downloads nothing. "
                "Download it, and give the package its path."
            )
    models = [name for name in files if name.lower().endswith(_MODELS)]
    if not models:
        raise UsageError(
            f"found the files {', '.join(files) or 'none'}; expected one that ends in {', '.join(_MODELS)}. "
            "Of TensorFlow's files only .tflite is taken: convert a frozen .pb to ONNX first."
        )
    wanted = arguments.get("input_proto") or arguments.get("input_model") or models[0]
    named = [name for name in models if name == wanted.rpartition("/")[2]]
    model = (named or models)[0]
    suffixes = {".prototxt": (".caffemodel",), ".xml": (".bin",)}
    endings = suffixes.get("." + model.rpartition(".")[2].lower(), ())
    weights = [name for name in files if name.lower().endswith(endings)] if endings else []
    if endings and not weights:
        raise UsageError(f'"{model}" came without its {endings[0]}. Send both files.')
    return model, weights[0] if weights else ""


def _check_precisions(parameters: str) -> None:
    """Refuse parameters of the compiler that would make another blob than ours, which takes bytes and gives FP16."""
    words = parameters.split()
    for place, word in enumerate(words):
        value = words[place + 1].upper() if place + 1 < len(words) else ""
        if word in ("-ip", "-op"):
            expected = "U8" if word == "-ip" else "FP16"
            if value != expected:
                raise UsageError(
                    f"compile_params: {word} {value[:20]} is not made here; expected {word} {expected}. "
                    "Pictures go in as bytes, and all outputs are FP16."
                )
        elif word.startswith("-"):
            raise UsageError(f'compile_params: "{word[:50]}" is not known here; expected -ip U8 and -op FP16.')

"""Verb `compile`: a caffemodel to IR, Myriad X blob and model card."""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from caffe_io.mean import read_mean
from caffe_io.prototxt import read_net
from caffe_io.weights import newest_snapshot, read_weights
from common.errors import UsageError
from common.files import atomic_file, refuse_existing
from common.messages import shape_text
from common.places import net_files

from . import card, compiler
from .mean import fit_mean, value_mean

if TYPE_CHECKING:
    from openvino import Model

EXAMPLE = "./moka compile --net AgeNet"

MEAN = Path("data/mean/mean.binaryproto")
SUFFIXES = (".json", ".blob", ".bin", ".xml")  # the card takes its place last


@dataclass(frozen=True)
class Sources:
    """The files that a compile reads, and the name that its outputs bear."""

    name: str
    net: Path
    weights: Path
    mean: Path | None
    card: Path | None


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m ncs compile`."""
    parser.add_argument(
        "--net", metavar="NAME", help="take prototxt/NAME/deploy.prototxt, its card.json, and the newest of models/NAME"
    )
    parser.add_argument("--model", type=Path, metavar="DEPLOY.prototxt", help="the net, with an Input layer")
    parser.add_argument("--weights", type=Path, metavar="FILE.caffemodel", help="its weights")
    mean = parser.add_mutually_exclusive_group()
    mean.add_argument("--mean", type=Path, metavar="MEAN.binaryproto", help=f"mean image (with --net: {MEAN})")
    mean.add_argument("--mean_value", type=float, nargs="+", metavar="V", help="mean of all channels, or of B G R")
    parser.add_argument("--card", type=Path, metavar="NAME.json", help="what the outputs mean")
    parser.add_argument("--out", type=Path, default=Path("graph"), metavar="DIR", help="default: graph")
    parser.add_argument("--shaves", type=int, default=8, help="for each stream, 1 to 16 (default 8)")
    parser.add_argument("--cmx_slices", type=int, help="for each stream, 1 to 19 (default: as many as shaves)")
    parser.add_argument(
        "--streams", type=int, default=2, help="inferences side by side on the stick, 1 to 3 (default 2)"
    )
    parser.add_argument("--force", action="store_true", help="replace existing outputs")


def main(options: argparse.Namespace) -> None:
    """Compile what the options name; all outputs appear, or none."""
    slices = options.shaves if options.cmx_slices is None else options.cmx_slices
    resources = compiler.Resources(options.shaves, slices, options.streams)
    sources = find_sources(options)
    for suffix in SUFFIXES:
        refuse_existing(options.out / f"{sources.name}{suffix}", options.force)
    print(f"{sources.name}: {sources.weights}", flush=True)
    start = time.perf_counter()
    model, model_card = load(sources, options.mean_value)
    compiled = write(sources.name, model, model_card, options.out, resources, options.force)
    report(options.out, model, model_card, compiled, time.perf_counter() - start)


def find_sources(options: argparse.Namespace) -> Sources:
    """The files of --net NAME, each replaced by the option that names another. Raises UsageError if one is missing."""
    net = options.net
    if net is None and (options.model is None or options.weights is None):
        raise UsageError("wanted --net NAME, or --model DEPLOY.prototxt and --weights FILE.caffemodel.")
    model = options.model or net_files(net).deploy
    name = net or _name(model)
    beside = net_files(net).card if net else _card_beside(model, name)
    return Sources(
        name=name,
        net=model,
        weights=options.weights or newest_snapshot(Path("models", net)),
        mean=options.mean or (MEAN if net and options.mean_value is None else None),
        card=options.card or (beside if net or beside.exists() else None),
    )


def _name(model: Path) -> str:
    """The name of a net from its file: NAME/deploy.prototxt, or NAME_deploy.prototxt."""
    return model.resolve().parent.name if model.stem == "deploy" else model.stem.removesuffix("_deploy")


def _card_beside(model: Path, name: str) -> Path:
    return model.with_name("card.json" if model.stem == "deploy" else f"{name}.json")


def load(sources: Sources, mean_value: list[float] | None) -> tuple[Model, dict[str, Any]]:
    """The float32 model with the mean inside, and all of the model card that is known before anything is written."""
    net_card = None if sources.card is None else card.read_net_card(sources.card)
    net, weights = read_net(sources.net), read_weights(sources.weights)
    mean = None if sources.mean is None else read_mean(sources.mean)
    from .converter import convert, input_shapes

    pictures = [shape for shape in input_shapes(net, str(sources.net)).values() if len(shape) == 4]
    if not pictures and (mean is not None or mean_value is not None):
        raise UsageError(f"{sources.net}: has no input of pictures (N x C x H x W), so it takes no mean.")
    _, channels, height, width = pictures[0] if pictures else (1, 0, 0, 0)
    inside = np.zeros((channels, 1, 1), np.float32)
    if mean is not None:
        inside = fit_mean(mean, channels, height, width, str(sources.mean))
    elif mean_value is not None:
        inside = mean = value_mean(mean_value, channels)
    model = convert(net, weights, None if mean is None else inside, str(sources.net), str(sources.weights))
    outputs = {output.get_any_name(): math.prod(output.get_shape()) for output in model.outputs}
    if net_card is None:
        print("  no card: its classes are called 0, 1, ... (--card NAME.json says what the outputs mean)")
        net_card = card.plain_card(sources.name, outputs)
    card.check_fits(net_card, outputs, str(sources.card))
    inputs = [card.input_entry(source.get_any_name(), list(source.get_shape())) for source in model.inputs]
    return model, {
        **net_card,
        "format": card.FORMAT,
        "input": inputs[0],
        **({"inputs": inputs} if len(inputs) > 1 else {}),
        "mean": card.mean_entry(mean, inside),
        "source": {"caffemodel": sources.weights.name, "sha256": card.file_hash(sources.weights)},
    }


def write(
    name: str, model: Model, model_card: dict[str, Any], out: Path, resources: compiler.Resources, force: bool = False
) -> compiler.Compiled | None:
    """Write NAME.xml, .bin, .json and, if the tool chain is there, .blob into `out`: all of them, or none.

    `model_card` is completed with "ir" and "blob". Returns what the compiler said, None without the tool chain.
    """
    import openvino

    from .ir import VERSION, write_ir

    compiled = None
    with ExitStack() as stack:
        suffixes = [suffix for suffix in SUFFIXES if suffix != ".blob" or compiler.available()]
        places = {suffix: stack.enter_context(atomic_file(out / f"{name}{suffix}", force)) for suffix in suffixes}
        scratch = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix=f".{name}.xml.", suffix=".part", dir=out))
        )
        files = {suffix: scratch / f"{name}{suffix}" for suffix in SUFFIXES}
        write_ir(model, files[".xml"], files[".bin"])
        model_card["ir"] = {
            "xml": files[".xml"].name,
            "bin": files[".bin"].name,
            # By these the runner sees that a file is of another compile, such as one that was killed here.
            "xml_sha256": card.file_hash(files[".xml"]),
            "bin_sha256": card.file_hash(files[".bin"]),
            "version": VERSION,
            "precision": "FP16",
            "openvino": openvino.__version__.split("-")[0],
        }
        model_card["blob"] = None
        if ".blob" in places:
            compiled = compiler.compile_blob(files[".xml"], files[".bin"], files[".blob"], scratch, resources)
            model_card["blob"] = card.blob_entry(files[".blob"], compiled.header, resources.streams, compiled.openvino)
        files[".json"].write_text(json.dumps(model_card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        for suffix, place in places.items():
            files[suffix].replace(place)
    if compiled is None:
        (out / f"{name}.blob").unlink(missing_ok=True)  # with --force: it belongs to the IR that was replaced
    return compiled


def report(
    out: Path, model: Model, model_card: dict[str, Any], compiled: compiler.Compiled | None, seconds: float
) -> None:
    """Print what was written."""
    mean, ir, blob = (model_card[key] for key in ("mean", "ir", "blob"))
    meanings = {output["blob"]: output for output in model_card["outputs"]}
    kind = {"image": "mean image inside", "values": "mean values inside", "none": "no mean"}[mean["kind"]]
    for source in model_card.get("inputs", [model_card["input"]]):
        is_picture = source["precision"] == "U8"
        what = f"{source['layout']} {model_card['channel_order']}, {kind}" if is_picture else source["layout"]
        print(f"  input   {source['blob']}: {shape_text(source['shape'])} {source['precision']}, {what}")
    for output in model.outputs:
        meaning = meanings.get(output.get_any_name())
        says = "not on the card" if meaning is None else f"{meaning['task']}, read by {meaning['read']}"
        print(f"  output  {output.get_any_name()}: {shape_text(output.get_shape())} FP16, {says}")
    size = (out / ir["xml"]).stat().st_size + (out / ir["bin"]).stat().st_size
    took = seconds - (compiled.seconds if compiled else 0)
    kind = f"version {ir['version']}, {ir['precision']}"
    print(f"  IR      {out / ir['xml']} + .bin: {kind}, {size / 1e6:.1f} MB, {took:.1f} s")
    if compiled is None:
        print(f"  blob    not made: no compiler; to get it: {compiler.MAKE_TOOLCHAIN}, then this again with --force")
    else:
        share = f"{blob['shaves']} shaves, {blob['cmx_slices']} CMX slices, {blob['streams']} streams"
        size = f"{blob['stages']} stages, {blob['bytes'] / 1e6:.1f} MB"
        print(f"  blob    {out / blob['file']}: {share}, {size}, {compiled.seconds:.1f} s")
    print(f"  card    {out / (Path(ir['xml']).stem + '.json')}")

"""Verb `compile`: turn a caffemodel into OpenVINO IR, a Myriad X blob and a model card."""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from caffe_io.mean import read_mean
from caffe_io.prototxt import read_net
from caffe_io.weights import newest_snapshot, read_weights
from common.errors import UsageError
from common.files import atomic_file, file_hash, refuse_existing
from common.messages import shape_text
from common.places import name_and_card, net_files

from . import compiler
from .mean import describe_mean, fit_mean, value_mean

if TYPE_CHECKING:
    from openvino import Model

    from common.card import InputEntry, MeanEntry, ModelCard, NetCard, SourceEntry

EXAMPLE = "./moka compile --net AgeNet"

MEAN = Path("data/mean/mean.binaryproto")
# Files are renamed into place from the last to the first, so the card comes last.
SUFFIXES = (".json", ".blob", ".bin", ".xml")
MEAN_KINDS = {"image": "mean image inside", "values": "mean values inside", "none": "no mean"}


@dataclass(frozen=True)
class Sources:
    """The files to read, and the name of the files to write."""

    name: str
    net: Path
    weights: Path
    mean: Path | None
    card: Path | None


@dataclass(frozen=True)
class Network:
    """A converted net, in float32 and with its mean inside, and what its card says before any file is written."""

    model: Model
    net_card: NetCard
    inputs: list[InputEntry]
    mean: MeanEntry
    source: SourceEntry


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--net", metavar="NAME", help="take prototxt/NAME/deploy.prototxt, its card.json, and the newest of models/NAME"
    )
    parser.add_argument("--model", type=Path, metavar="DEPLOY.prototxt", help="the net, with an Input layer")
    parser.add_argument("--weights", type=Path, metavar="FILE.caffemodel", help="its weights")
    mean = parser.add_mutually_exclusive_group()
    mean.add_argument("--mean", type=Path, metavar="MEAN.binaryproto", help=f"mean image (with --net: {MEAN})")
    mean.add_argument("--mean_value", type=float, nargs="+", metavar="V", help="mean of all channels, or of B, G and R")
    parser.add_argument("--card", type=Path, metavar="NAME.json", help="what the outputs mean")
    parser.add_argument(
        "--out", type=Path, default=Path("graph"), metavar="DIR", help="folder of the outputs (default: graph)"
    )
    parser.add_argument("--shaves", type=int, default=8, help="SHAVE cores for each stream, 1 to 16 (default 8)")
    parser.add_argument(
        "--cmx_slices", type=int, help="CMX slices for each stream, 1 to 19 (default: as many as --shaves)"
    )
    parser.add_argument(
        "--streams", type=int, default=2, help="inferences that run side by side on the stick, 1 to 3 (default 2)"
    )
    parser.add_argument("--force", action="store_true", help="replace existing outputs")


def main(options: argparse.Namespace) -> None:
    """Compile what the options name. Either all outputs appear or none."""
    slices = options.shaves if options.cmx_slices is None else options.cmx_slices
    resources = compiler.Resources(options.shaves, slices, options.streams)
    sources = find_sources(options)
    for suffix in SUFFIXES:
        refuse_existing(options.out / f"{sources.name}{suffix}", options.force)
    print(f"{sources.name}: {sources.weights}", flush=True)
    start = time.perf_counter()
    network = load(sources, options.mean_value)
    card, compiled = write(sources.name, network, options.out, resources, options.force)
    report(options.out, network.model, card, compiled, time.perf_counter() - start)


def find_sources(options: argparse.Namespace) -> Sources:
    """Find the files of --net NAME. An option that names another file takes its place.

    Raises UsageError if the net or its weights are not named.
    """
    net = options.net
    if net is None and (options.model is None or options.weights is None):
        raise UsageError("Give --net NAME, or --model DEPLOY.prototxt and --weights FILE.caffemodel.")
    model = options.model or net_files(net).deploy
    name, beside = (net, net_files(net).card) if net else name_and_card(model)
    return Sources(
        name=name,
        net=model,
        weights=options.weights or newest_snapshot(Path("models", net)),
        mean=options.mean or (MEAN if net and options.mean_value is None else None),
        card=options.card or (beside if net or beside.exists() else None),
    )


def load(sources: Sources, mean_value: list[float] | None) -> Network:
    """Read and convert a net, and check its card against it."""
    from common.card import SourceEntry, check_fits, describe_input, plain_card, read_net_card

    net_card = None if sources.card is None else read_net_card(sources.card)
    net, weights = read_net(sources.net), read_weights(sources.weights)
    mean = None if sources.mean is None else read_mean(sources.mean)
    from .converter import convert, input_shapes
    from .outputs import check_probabilities, output_shapes, softmax_outputs

    pictures = [shape for shape in input_shapes(net, str(sources.net)).values() if len(shape) == 4]
    if not pictures and (mean is not None or mean_value is not None):
        raise UsageError(f"{sources.net}: no input takes pictures (N x C x H x W). Leave out --mean and --mean_value.")
    _, channels, height, width = pictures[0] if pictures else (1, 0, 0, 0)
    inside = np.zeros((channels, 1, 1), np.float32)
    if mean is not None:
        inside = fit_mean(mean, channels, height, width, str(sources.mean))
    elif mean_value is not None:
        inside = mean = value_mean(mean_value, channels)
    model = convert(net, weights, None if mean is None else inside, str(sources.net), str(sources.weights))
    inputs = [
        describe_input(source.get_any_name(), list(source.get_shape()), str(sources.net)) for source in model.inputs
    ]
    outputs = output_shapes(model)
    if net_card is None:
        print("  no card: classes and values are called 0, 1, ... (--card NAME.json says what the outputs mean)")
        net_card = plain_card(sources.name, channels, outputs, softmax_outputs(model))
    card_file = str(sources.card or sources.net)
    check_fits(net_card, inputs[0], outputs, card_file)
    check_probabilities(net_card, model, card_file)
    source = SourceEntry(caffemodel=sources.weights.name, sha256=file_hash(sources.weights))
    return Network(model, net_card, inputs, describe_mean(mean, inside), source)


def write(
    name: str, network: Network, out: Path, resources: compiler.Resources, force: bool = False
) -> tuple[ModelCard, compiler.Compiled | None]:
    """Write NAME.xml, .bin, .json and, if the tool chain is there, .blob into `out`: all of them or none.

    Returns the card and what the compiler said, or None for the latter without the tool chain.
    """
    import openvino

    from common.card import BlobEntry, IrEntry, complete, write_card

    from .ir import VERSION, write_ir

    compiled = None
    blob = None
    with ExitStack() as stack:
        suffixes = [suffix for suffix in SUFFIXES if suffix != ".blob" or compiler.available()]
        places = {suffix: stack.enter_context(atomic_file(out / f"{name}{suffix}", force)) for suffix in suffixes}
        scratch = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix=f".{name}.xml.", suffix=".part", dir=out))
        )
        files = {suffix: scratch / f"{name}{suffix}" for suffix in SUFFIXES}
        write_ir(network.model, files[".xml"], files[".bin"])
        # The hashes show the runner a file of another compile, such as one that was killed among the renames below.
        ir = IrEntry(
            xml=files[".xml"].name,
            bin=files[".bin"].name,
            xml_sha256=file_hash(files[".xml"]),
            bin_sha256=file_hash(files[".bin"]),
            version=VERSION,
            precision="FP16",
            openvino=openvino.__version__.split("-")[0],
        )
        if ".blob" in places:
            compiled = compiler.compile_blob(files[".xml"], files[".bin"], files[".blob"], scratch, resources)
            blob = BlobEntry(
                file=files[".blob"].name,
                openvino=compiled.openvino,
                shaves=compiled.header.shaves,
                cmx_slices=compiled.header.cmx_slices,
                streams=resources.streams,
                stages=compiled.header.stages,
                bytes=compiled.header.bytes,
                sha256=file_hash(files[".blob"]),
            )
        card = complete(network.net_card, name, network.inputs, network.mean, network.source, ir, blob)
        write_card(card, files[".json"])
        for suffix, place in places.items():
            files[suffix].replace(place)
    if compiled is None:
        # An old blob belongs to the IR that --force has just replaced.
        (out / f"{name}.blob").unlink(missing_ok=True)
    return card.at(out / f"{name}.json"), compiled


def report(out: Path, model: Model, card: ModelCard, compiled: compiler.Compiled | None, seconds: float) -> None:
    """Print what was written."""
    for source in card.inputs or [card.input]:
        what = f"{source.layout} {card.channel_order}, {MEAN_KINDS[card.mean.kind]}"
        what = what if source.is_picture else source.layout
        print(f"  input   {source.blob}: {shape_text(source.shape)} {source.precision}, {what}")
    outputs = {output.blob: output for output in card.outputs}
    for port in model.outputs:
        output = outputs.get(port.get_any_name())
        what = "not on the card" if output is None else f"{output.task}, read by {output.read}"
        print(f"  output  {port.get_any_name()}: {shape_text(port.get_shape())} FP16, {what}")
    ir_bytes = card.xml_path.stat().st_size + card.bin_path.stat().st_size
    took = seconds - (compiled.seconds if compiled else 0)
    kind = f"version {card.ir.version}, {card.ir.precision}"
    print(f"  IR      {card.xml_path} + .bin: {kind}, {ir_bytes / 1e6:.1f} MB, {took:.1f} s")
    if card.blob is None or compiled is None:
        print(f"  blob    not made: no compiler; to get it: {compiler.MAKE_TOOLCHAIN}, then this again with --force")
    else:
        share = f"{card.blob.shaves} shaves, {card.blob.cmx_slices} CMX slices, {card.blob.streams} streams"
        size = f"{card.blob.stages} stages, {(card.blob.bytes or 0) / 1e6:.1f} MB"
        print(f"  blob    {card.blob_path}: {share}, {size}, {compiled.seconds:.1f} s")
    print(f"  card    {card.path}")
    if card.obstacle:
        print(f"  note    the runner cannot use this network: it {card.obstacle}")

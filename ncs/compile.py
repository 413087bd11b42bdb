"""Verb `compile`: turn a caffemodel into OpenVINO IR, a Myriad X blob and a model card."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from caffe_io.weights import newest_snapshot
from common.errors import UsageError
from common.files import atomic_file, file_hash, refuse_existing
from common.places import name_and_card, net_files

from . import compiler
from .blob.superblob import refuse_slices, write_superblob
from .checking import Picture, check_blob, read_pictures
from .compile_options import add_net_options, read_net_options
from .loading import Network, Sources, load
from .lowering.reading import FORMATS, is_model_file
from .report import Written, report

EXAMPLE = "./moka compile --net AgeNet"

# Files are renamed into place from the last to the first, so the card comes last.
SUFFIXES = (".json", ".blob", ".bin", ".xml")
SUPERBLOB = ".superblob"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--net", metavar="NAME", help="take prototxt/NAME/deploy.prototxt, its card.json, and the newest of models/NAME"
    )
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="a deploy.prototxt with an Input layer, or an .onnx, .tflite or .xml (IR)",
    )
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help="the caffemodel, or the .bin of an .xml if it is not beside it"
    )
    parser.add_argument("--card", type=Path, metavar="NAME.json", help="what the outputs mean")
    parser.add_argument(
        "--out", type=Path, default=Path("graph"), metavar="DIR", help="folder of the outputs (default: graph)"
    )
    parser.add_argument("--force", action="store_true", help="replace existing outputs")
    add_net_options(parser)
    checking = parser.add_mutually_exclusive_group()
    checking.add_argument(
        "--check_images",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="pictures on which the new blob is compared with the IR, besides drawn ones",
    )
    checking.add_argument("--no-check", action="store_true", help="do not compare the new blob with the IR")
    chip = parser.add_argument_group("the Myriad X blob")
    chip.add_argument("--shaves", type=int, default=8, help="SHAVE cores for each stream, 1 to 16 (default 8)")
    chip.add_argument(
        "--cmx_slices", type=int, help="CMX slices for each stream, 1 to 19 (default: as many as --shaves)"
    )
    chip.add_argument(
        "--streams", type=int, default=2, help="inferences that run side by side on the stick, 1 to 3 (default 2)"
    )
    chip.add_argument(
        "--superblob",
        action="store_true",
        help="also write NAME.superblob, the blobs for 1 to 16 SHAVEs in one file, which depthai 3 reads",
    )
    chip.add_argument(
        "--time_limit",
        type=float,
        default=compiler.TIMEOUT,
        metavar="SECONDS",
        help=f"after which the MYRIAD compiler is stopped (default {compiler.TIMEOUT:g})",
    )


def main(options: argparse.Namespace) -> None:
    """Compile what the options name. Either all outputs appear or none."""
    slices = options.shaves if options.cmx_slices is None else options.cmx_slices
    resources = compiler.Resources(options.shaves, slices, options.streams)
    compiler.check_limit(options.time_limit)
    if options.superblob:
        refuse_slices(options.shaves, options.cmx_slices)
    sources = find_sources(options)
    wishes = read_net_options(options)
    for suffix in (*SUFFIXES, SUPERBLOB) if options.superblob else SUFFIXES:
        refuse_existing(options.out / f"{sources.name}{suffix}", options.force)
    pictures = None if options.no_check else read_pictures(options.check_images)
    print(f"{sources.name}: {sources.weights or sources.net}", flush=True)
    start = time.perf_counter()
    network = load(sources, wishes)
    written = write(
        sources.name,
        network,
        options.out,
        resources,
        options.force,
        wishes.precision,
        options.time_limit,
        pictures,
        options.superblob,
    )
    report(network.model, written, time.perf_counter() - start)


def find_sources(options: argparse.Namespace) -> Sources:
    """Find the files of --net NAME. An option that names another file takes its place.

    Raises UsageError if the net or its weights are not named.
    """
    net = options.net
    if net is None and is_model_file(options.model):
        card = options.model.with_suffix(".json")
        return Sources(
            name=options.model.stem,
            net=options.model,
            weights=options.weights,
            card=options.card or (card if card.exists() else None),
        )
    if net is None and (options.model is None or options.weights is None):
        raise UsageError(
            "Give --net NAME, or --model DEPLOY.prototxt and --weights FILE.caffemodel, or --model with a file that ends in "
            f"{', '.join(FORMATS)}."
        )
    model = options.model or net_files(net).deploy
    name, beside = (net, net_files(net).card) if net else name_and_card(model)
    return Sources(
        name=name,
        net=model,
        weights=options.weights or newest_snapshot(Path("models", net)),
        card=options.card or (beside if net or beside.exists() else None),
        net_name=net,
    )


def write(
    name: str,
    network: Network,
    out: Path,
    resources: compiler.Resources,
    force: bool = False,
    precision: str = "FP16",
    limit: float = compiler.TIMEOUT,
    pictures: Sequence[Picture] | None = (),
    superblob: bool = False,
) -> Written:
    """Write NAME.xml, .bin, .json and, if the tool chain is there, .blob into `out`: all of them or none.

    With `superblob`, NAME.superblob is one of them. Blobs are compared with the IR on drawn inputs and `pictures`, unless they
    are None. Raises CompilerError if one computes something else.
    """
    import openvino

    from common.card import BlobEntry, IrEntry, complete, write_card

    from .ir import VERSION, write_ir

    compiled = None
    checked = None
    blob = None
    packed = None
    with ExitStack() as stack:
        suffixes = [suffix for suffix in SUFFIXES if suffix != ".blob" or compiler.available()]
        if superblob and compiler.available():
            suffixes.insert(1, SUPERBLOB)
        places = {suffix: stack.enter_context(atomic_file(out / f"{name}{suffix}", force)) for suffix in suffixes}
        scratch = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix=f".{name}.xml.", suffix=".part", dir=out))
        )
        files = {suffix: scratch / f"{name}{suffix}" for suffix in (*SUFFIXES, SUPERBLOB)}
        write_ir(network.model, files[".xml"], files[".bin"], precision)
        # The hashes show the runner a file of another compile, such as one that was killed among the renames below.
        ir = IrEntry(
            xml=files[".xml"].name,
            bin=files[".bin"].name,
            xml_sha256=file_hash(files[".xml"]),
            bin_sha256=file_hash(files[".bin"]),
            version=VERSION,
            precision=precision,
            openvino=openvino.__version__.split("-")[0],
        )
        if ".blob" in places:
            dump = None if pictures is None else scratch / "stages.dot"
            compiled = compiler.compile_blob(
                files[".xml"], files[".bin"], files[".blob"], scratch, resources, limit, dump
            )
            if dump and pictures is not None:
                checked = check_blob(files[".xml"], files[".blob"], dump, pictures)
            if superblob:
                packed = write_superblob(
                    files[".xml"], files[".bin"], files[".blob"], files[SUPERBLOB], resources.shaves, limit, pictures
                )
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
        card = complete(network.net_card, name, network.inputs, network.mean, network.source, ir, blob, network.host)
        write_card(card, files[".json"])
        for suffix, place in places.items():
            files[suffix].replace(place)
    # An old blob belongs to the IR that --force has just replaced.
    if compiled is None:
        (out / f"{name}.blob").unlink(missing_ok=True)
    if packed is None and force:
        (out / f"{name}{SUPERBLOB}").unlink(missing_ok=True)
    return Written(card.at(out / f"{name}.json"), compiled, checked, packed)

"""The options of `compile` about a net's state, its training, its shapes and its outputs."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from caffe_io.net_state import add_state_options, stages_of
from common.errors import UsageError

from .inputs.order import ORDERS

if TYPE_CHECKING:
    from .inputs.preprocessing import Options

PRECISIONS = {"FP16": "FP16", "half": "FP16", "FP32": "FP32", "float": "FP32"}


@dataclass(frozen=True)
class Wishes:
    """What the options ask for: the state of the net, what training did, and shapes, outputs and precision."""

    preprocessing: Options
    phase: str = "TEST"
    level: int = 0
    stages: tuple[str, ...] = ()
    shapes: tuple[tuple[int, ...], ...] = ()
    batch: int | None = None
    outputs: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    channel_order: str | None = None
    frozen: Mapping[str, Sequence[float]] = field(default_factory=dict)
    precision: str = "FP16"


def add_net_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    training = parser.add_argument_group(
        "what training did to its pictures",
        "It becomes part of the network. It is read from the train_test.prototxt of --net, or from the one beside --model. "
        "Without such a file, give these options. Model Optimizer's names mean what they mean there.",
    )
    mean = training.add_mutually_exclusive_group()
    mean.add_argument("--mean", metavar="MEAN.binaryproto", help="mean image")
    mean.add_argument("--mean_value", type=float, nargs="+", metavar="V", help="mean of all channels, or of B, G and R")
    mean.add_argument("--mean_values", metavar="[V,V,V]", help="the same, or NAME[V,V,V],... for each input")
    scale = training.add_mutually_exclusive_group()
    scale.add_argument(
        "--scale", type=float, metavar="V", help="divide all inputs by it, after the mean (1 / transform_param's scale)"
    )
    scale.add_argument("--scale_values", metavar="[V,V,V]", help="divisors of the channels, or NAME[V,V,V],...")
    training.add_argument(
        "--channel_order",
        choices=ORDERS,
        help="the channels of the pictures that the net was trained on, for the runner (default: as the card says, else BGR)",
    )
    training.add_argument(
        "--reverse_input_channels", action="store_true", help="the net was trained on RGB; let it be fed BGR"
    )
    shapes = parser.add_argument_group("shapes and outputs, as in Model Optimizer")
    size = shapes.add_mutually_exclusive_group()
    size.add_argument("--input_shape", metavar="[N,C,H,W]", help="the shape of the input; [...],[...] of all inputs")
    size.add_argument("--batch", type=int, metavar="N", help="how many pictures the network takes at once")
    shapes.add_argument(
        "--freeze_placeholder_with_value",
        metavar="NAME->[V,...]",
        help="an input that always has these values, such as 'im_info->[600,800,1]'; the network then has it no longer",
    )
    shapes.add_argument("--output", metavar="NAME[,NAME...]", help="end the net at these layers")
    shapes.add_argument(
        "--cut",
        metavar="BLOB[,BLOB...]",
        help="end the network on the device at these blobs; this machine computes the rest, as the card says",
    )
    shapes.add_argument("--data_type", choices=sorted(PRECISIONS), default="FP16", help="of the IR (default FP16)")
    add_state_options(parser, "TEST")


def read_net_options(options: argparse.Namespace) -> Wishes:
    """Return what the options ask for. Raises UsageError for values that mean nothing."""
    from pathlib import Path

    from .inputs.notation import parse_shapes, parse_values
    from .inputs.preprocessing import Options

    outputs, cut = (tuple(filter(None, (words or "").split(","))) for words in (options.output, options.cut))
    for option, words, names in (("--output", options.output, outputs), ("--cut", options.cut, cut)):
        if words is not None and not names:
            raise UsageError(f'{option} "{words}": names no layer. Give one, or leave {option} out.')
    if options.batch is not None and not 1 <= options.batch < 2**31:
        raise UsageError(f"--batch {options.batch}: expected 1 or more.")
    for option, numbers in (("--mean_value", options.mean_value or []), ("--scale", [options.scale or 0])):
        if not all(map(math.isfinite, numbers)):
            raise UsageError(f"{option}: expected finite numbers.")
    means = parse_values("--mean_values", options.mean_values) if options.mean_values is not None else []
    if options.mean_value is not None:
        means = [("", options.mean_value)]
    divisors = parse_values("--scale_values", options.scale_values) if options.scale_values is not None else []
    shapes = parse_shapes("--input_shape", options.input_shape) if options.input_shape is not None else []
    preprocessing = Options(
        mean_file=None if options.mean is None else Path(options.mean),
        mean_option="--mean_value" if options.mean_value is not None else "--mean_values",
        means=means,
        divisor=options.scale,
        divisors=divisors,
        reverse=options.reverse_input_channels,
        other_sizes=bool(shapes),
    )
    return Wishes(
        preprocessing=preprocessing,
        phase=options.phase,
        level=options.level,
        stages=stages_of(options),
        shapes=tuple(shapes),
        batch=options.batch,
        outputs=outputs,
        cut=cut,
        channel_order=options.channel_order,
        frozen=_frozen(options.freeze_placeholder_with_value),
        precision=PRECISIONS[options.data_type],
    )


def _frozen(text: str | None) -> dict[str, Sequence[float]]:
    """Read the values of inputs: NAME->[V,...], or NAME->V. Raises UsageError for anything else."""
    from .inputs.frozen import OPTION
    from .inputs.notation import parse_values

    if text is None:
        return {}
    # Model Optimizer also takes a single number without brackets.
    bracketed = re.sub(r"->\s*([^\s\[(,]+)", r"->[\1]", text)
    values = parse_values(OPTION, bracketed.replace("->", ""))
    if not all(name for name, _ in values):
        raise UsageError(f"{OPTION} {text}: names no input; expected NAME->[V,...], such as im_info->[600,800,1].")
    return dict(values)

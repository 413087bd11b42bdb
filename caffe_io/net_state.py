"""Filters the layers of a net by its include and exclude rules, for a phase, a level and stages; the options that name them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from .caffe_pb2 import NetParameter, NetState, NetStateRule, Phase
from .errors import NetError


def add_state_options(parser: argparse.ArgumentParser, phase: str | None) -> None:
    """Declare --level and --stage; with a `phase`, also --phase with that default.

    The level is 0 unless the option says otherwise, whatever the net's own `state` says, as in Caffe's program.
    """
    state = parser.add_argument_group("the state of the net, which include and exclude rules ask for")
    if phase:
        state.add_argument("--phase", choices=Phase.keys(), default=phase, help=f"phase (default {phase})")
    state.add_argument("--level", type=_int32, default=0, metavar="N", help="level (default 0)")
    state.add_argument("--stage", default="", metavar="NAME[,NAME...]", help="stages")


def stages_of(options: argparse.Namespace) -> tuple[str, ...]:
    """Return the names given with --stage."""
    return tuple(filter(None, options.stage.split(",")))


def _int32(text: str) -> int:
    """Read the value of an option that Caffe keeps in 32 bits."""
    number = int(text)
    if not -(2**31) <= number < 2**31:
        raise argparse.ArgumentTypeError(f"{text}: expected a number of at most {2**31 - 1}")
    return number


def filter_net(
    net: NetParameter, phase: Phase.ValueType, level: int | None = None, stages: Iterable[str] = ()
) -> NetParameter:
    """Return `net` with the layers that its rules include in this state, as Caffe's Net::FilterNet does.

    `phase` is caffe_pb2.TRAIN or TEST. Without `level` the net's own `state` gives it; the net's own stages are added to
    `stages`. The state is written into the result. Raises NetError for a layer with both include and exclude rules, and
    for a level that Caffe cannot hold.
    """
    if level is not None and not -(2**31) <= level < 2**31:
        raise NetError(f"level {level}: is out of range; expected a number of 32 bits, such as 0.")
    state = NetState(phase=phase, level=net.state.level if level is None else level)
    state.stage.extend(dict.fromkeys([*net.state.stage, *stages]))
    kept = NetParameter()
    kept.CopyFrom(net)
    kept.ClearField("layer")
    kept.state.CopyFrom(state)
    for layer in net.layer:
        if layer.include and layer.exclude:
            raise NetError(
                f'layer "{layer.name}": has both include and exclude rules; Caffe allows one kind. Remove the others.'
            )
        if layer.include:
            included = any(_meets(state, rule) for rule in layer.include)
        else:
            included = not any(_meets(state, rule) for rule in layer.exclude)
        if included:
            kept.layer.append(layer)
    return kept


def option_for(net: NetParameter, kind: str) -> str:
    """Return the option with which `net` has its layers of a type, in words for a message; "" if it has none, or always.

    `net` is not filtered. An all-in-one net has an Input layer in one stage, and Data layers in others.
    """
    for layer in net.layer:
        for rule in layer.include if layer.type == kind else ():
            if rule.stage:
                return f' (its {kind} layer "{layer.name}" needs --stage {",".join(rule.stage)})'
            if rule.HasField("phase"):
                return f' (its {kind} layer "{layer.name}" needs --phase {Phase.Name(rule.phase)})'
    return ""


def _meets(state: NetState, rule: NetStateRule) -> bool:
    stages = set(state.stage)
    return (
        (not rule.HasField("phase") or rule.phase == state.phase)
        and (not rule.HasField("min_level") or state.level >= rule.min_level)
        and (not rule.HasField("max_level") or state.level <= rule.max_level)
        and stages.issuperset(rule.stage)
        and stages.isdisjoint(rule.not_stage)
    )

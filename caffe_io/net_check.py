"""Checks that a net's blobs fit together: an earlier layer produces every bottom, and only layers in place write a blob again.

The rules are those of Caffe's Net::Init and InsertSplits; the messages are ours.
"""

from __future__ import annotations

from collections.abc import Callable

from common.messages import did_you_mean

from .caffe_pb2 import TEST, LayerParameter, NetParameter, NetState, Phase
from .errors import NetError
from .graph import NetGraph, Node, Version
from .layer_types import LAYER_TYPES, layer_type
from .text.layer_place import place_of

# How many tops a message lists.
_MOST_NAMES = 12

# From a layer and a sentence about it to the error.
_MakeError = Callable[[LayerParameter, str], NetError]


def check_net(graph: NetGraph, path: str, unfiltered: NetParameter | None = None) -> None:
    """Raise NetError for a net whose blobs Caffe would refuse.

    Refused are: a net without layers; a bottom that no earlier layer produces; a top that is produced twice, except in
    place; work in place on a blob that has other consumers or a loss_weight; and a wrong number of propagate_down or
    loss_weight. Messages name the net's file `path`, and the layers that the phase leaves out of `unfiltered`, the net
    before `filter_net`.
    """
    net = graph.net
    phase = f" (phase {Phase.Name(net.state.phase)})" if net.HasField("state") else ""

    def error(layer: LayerParameter, sentence: str) -> NetError:
        return NetError(f"{place_of(path, layer)}{phase}: {_called(layer)} {sentence}")

    if not graph.nodes:
        raise NetError(f"{path}{phase}: has no layers. Add some, or correct the include and exclude rules.")
    for node in graph.nodes:
        _check_counts(node, error)
    for node in graph.nodes:
        for bottom in node.bottoms:
            if bottom.producer is None:
                raise error(
                    node.layer, f'reads "{bottom.name}", {_missing(bottom.name, node, graph, unfiltered or net)}'
                )
    for version in graph.versions():
        if version.previous is not None:
            _check_overwriting(version, version.previous, error)


def _check_counts(node: Node, error: _MakeError) -> None:
    layer = node.layer
    if layer.type not in LAYER_TYPES:
        # Whether it is a loss is unknown. Whoever builds the net refuses the type.
        return
    for field, given, blobs, blob in (
        ("propagate_down", len(layer.propagate_down), len(node.bottoms), "bottom"),
        ("loss_weight", len(layer.loss_weight), len(node.tops), "top"),
    ):
        needed = field == "loss_weight" and layer_type(layer.type).is_loss and blobs > 1
        if given != blobs and (given or needed):
            raise error(
                layer, f"has {given} {field}, but {blobs} {blob}{'s' * (blobs != 1)}. Give one for each {blob}."
            )


def _missing(name: str, node: Node, graph: NetGraph, unfiltered: NetParameter) -> str:
    """Why no earlier layer produces the bottom `name` of `node`, and what to do: the rest of a sentence."""
    if name in node.layer.top:
        return "which only it produces. Set `bottom` to a blob from an earlier layer."
    for later in graph.nodes[node.index + 1 :]:
        if name in later.layer.top:
            return f"which {_called(later.layer)} produces, but only later. Move that layer up."
    for absent in unfiltered.layer:
        if name in absent.top and absent not in graph.net.layer:
            return (
                f"which {_called(absent)} produces, but its include and exclude rules leave that layer out here. "
                f"{_way_in(absent, graph.net.state)}"
            )
    tops = list(dict.fromkeys(top for earlier in graph.nodes[: node.index] for top in earlier.layer.top))
    listed = ", ".join(tops[-_MOST_NAMES:]) or "none"
    if len(tops) > _MOST_NAMES:
        listed = f"..., {listed}"
    return (
        f"which no earlier layer produces.{did_you_mean(name, tops)} Earlier tops: {listed}. "
        "Correct the name, or the include and exclude rules of the layer that produces it."
    )


def _way_in(absent: LayerParameter, state: NetState) -> str:
    """How to include a layer that its rules leave out."""
    asked = dict.fromkeys(stage for rule in absent.include for stage in rule.stage if stage not in state.stage)
    if not asked:
        return "Run the net in another phase, stage or level, or correct the rules."
    block = " ".join(f'stage: "{stage}"' for stage in asked)
    way = f"They ask for {block}, which --stage of most commands gives."
    if state.phase == TEST:
        return (
            f"{way} In a training, --stage reaches the TRAIN net alone: write test_state {{ {block} }} into the solver."
        )
    return f"{way} A solver gives it with train_state {{ {block} }}."


def _check_overwriting(version: Version, previous: Version, error: _MakeError) -> None:
    """Only the sole consumer of a blob may write it again: in place, as the top that stands where the bottom does."""
    assert version.producer is not None
    assert previous.producer is not None
    (node, number), first = version.producer, previous.producer.node
    if node.bottoms[number : number + 1] != [previous]:
        raise error(
            node.layer,
            f'produces "{version.name}", which {_called(first.layer)} already produces. Rename one of them, '
            f'or let the layer work in place (bottom and top "{version.name}").',
        )
    if previous.is_split:
        users = [f"the loss_weight of {_called(first.layer)}"] if previous.loss_weight else []
        users += [_called(port.node.layer) for port in previous.consumers if port.node is not node]
        users = users or [f"{_called(node.layer)} itself"]
        raise error(
            node.layer, f'works in place on "{version.name}", which {", ".join(users)} also uses. Rename its top.'
        )


def _called(layer: LayerParameter) -> str:
    return f'layer "{layer.name}" ({layer.type or "no type"})'

"""Whether a net's blobs fit together: every bottom is some layer's top, every top is made once.

The rules are those of Caffe's Net::Init and InsertSplits; the messages are for people.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from .caffe_pb2 import LayerParameter, NetParameter, Phase
from .errors import NetError
from .text.layer_place import place_of

_MOST_NAMES = 12  # of tops in a message

# The content of a blob between two layers that write it, by the indices of the layer and of the top that made it.
_Version = tuple[int, int]


@dataclass(frozen=True)
class _Where:
    """What messages say of the net: its file, its phase, and the layers that the phase leaves out."""

    path: str
    phase: str
    whole: NetParameter

    def error(self, layer: LayerParameter, text: str) -> NetError:
        return NetError(f"{place_of(self.path, layer)}{self.phase}: {_called(layer)}: {text}")


def check_net(net: NetParameter, path: str, whole: NetParameter | None = None) -> None:
    """Raise NetError for a net (of one phase, from `filter_net`) that Caffe would refuse because of its blobs.

    That is: no layers; a bottom that no layer makes, or only a later one; a top made a second time, if not in place; in
    place of a blob that other layers, or a loss, use as well; counts of propagate_down or loss_weight that do not fit.
    `path` is the net's file and `whole` the net before `filter_net`, for the message.
    """
    where = _Where(path, f" (phase {Phase.Name(net.state.phase)})" if net.HasField("state") else "", whole or net)
    if not net.layer:
        raise NetError(f"{path}{where.phase}: has no layers. Write some, or correct the include and exclude rules.")
    for layer in net.layer:
        _check_counts(layer, where)
    users = _find_users(net, where)
    makers: dict[str, _Version] = {}
    for index, layer in enumerate(net.layer):
        for number, top in enumerate(layer.top):
            if top in makers:
                _check_second_top(net, makers[top], index, number, users, where)
            makers[top] = (index, number)


def _check_counts(layer: LayerParameter, where: _Where) -> None:
    tops = len(layer.top)
    loss = layer.type.endswith("Loss")
    if loss:
        tops = max(1, tops)  # losses make a top that need not be named
    rules = (
        ("propagate_down", len(layer.propagate_down), len(layer.bottom), "bottom"),
        ("loss_weight", len(layer.loss_weight), tops, "top"),
    )
    for field, found, wanted, blob in rules:
        if found not in (0, wanted) or (field == "loss_weight" and loss and not found and tops > 1):
            raise where.error(layer, f"has {field} {found} times, and {wanted} {blob}(s). Write one for each.")


def _find_users(net: NetParameter, where: _Where) -> dict[_Version, list[str]]:
    """Who uses each content of each blob. Raises NetError for a bottom that is not there yet."""
    users: dict[_Version, list[str]] = {}
    made: dict[str, _Version] = {}
    for index, layer in enumerate(net.layer):
        for bottom in layer.bottom:
            if bottom not in made:
                raise where.error(layer, f"bottom {_missing(bottom, index, list(made), net, where)}")
            users[made[bottom]].append(_called(layer))
        for number, top in enumerate(layer.top):
            made[top] = (index, number)
            users[index, number] = []
        for number, (_, weight) in enumerate(zip(layer.top, layer.loss_weight, strict=False)):
            if weight:
                users[index, number].append(f"the loss_weight of {_called(layer)}")
    return users


def _missing(bottom: str, index: int, made: list[str], net: NetParameter, where: _Where) -> str:
    if bottom in net.layer[index].top:
        return f'"{bottom}" is its own top, which no layer before it makes. Name the blob that it should read.'
    for later in net.layer[index + 1 :]:
        if bottom in later.top:
            return f'"{bottom}" is only made further down, by {_called(later)}. Move that layer up.'
    for absent in where.whole.layer:
        if bottom in absent.top and absent not in net.layer:
            return (
                f'"{bottom}" is made by {_called(absent)}, which its include and exclude rules leave out here. '
                "Run the net in another phase (or stage), or correct the rules."
            )
    near = get_close_matches(bottom, made, 1)
    nearest = f', nearest "{near[0]}"' if near else ""
    there = ", ".join(made[-_MOST_NAMES:]) or "none"
    if len(made) > _MOST_NAMES:
        there = f"..., {there}"
    return (
        f'"{bottom}" is made by no layer before it (tops there are: {there}{nearest}). '
        "Correct the name, or the include and exclude rules of the layer that makes it."
    )


def _check_second_top(
    net: NetParameter, before: _Version, index: int, number: int, users: dict[_Version, list[str]], where: _Where
) -> None:
    """A blob may be made again only by a layer that reads it at the same place, and alone."""
    layer, first = net.layer[index], net.layer[before[0]]
    top = layer.top[number]
    if list(layer.bottom[number : number + 1]) != [top]:
        raise where.error(
            layer,
            f'top "{top}" is already made by {_called(first)}. Give one of them another name, '
            f'or let the layer work in place (bottom and top "{top}").',
        )
    if len(users[before]) > 1:
        others = [user for user in users[before] if user != _called(layer)] or [_called(layer)]
        raise where.error(
            layer, f'works in place on "{top}", which {", ".join(others)} uses as well. Give its top another name.'
        )


def _called(layer: LayerParameter) -> str:
    return f'layer "{layer.name}" ({layer.type or "no type"})'

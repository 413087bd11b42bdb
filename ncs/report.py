"""What `compile` prints about the network that it made."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.messages import shape_text

from . import compiler

if TYPE_CHECKING:
    from openvino import Model

    from common.card import InputEntry, ModelCard

    from .blob.superblob import Packed
    from .checking import Check

_MEAN_KINDS = {"image": "mean image inside", "values": "mean values inside", "none": "no mean"}


@dataclass(frozen=True)
class Written:
    """What was written: the card, what the compiler said (None without the tool chain), what the check found, the superblob."""

    card: ModelCard
    compiled: compiler.Compiled | None
    checked: Check | None
    packed: Packed | None = None


def report(model: Model, written: Written, seconds: float) -> None:
    """Print what was written. `seconds` is the time that all took."""
    card, compiled, checked = written.card, written.compiled, written.checked
    for source in card.inputs or [card.input]:
        print(f"  input   {source.blob}: {shape_text(source.shape)} {source.precision}, {_describe(source, card)}")
    outputs = {output.blob: output for output in card.outputs}
    for port in model.outputs:
        output = outputs.get(port.get_any_name())
        cut = port.get_any_name() in card.device_blobs and card.host
        what = (
            ("for this machine" if cut else "not on the card")
            if output is None
            else f"{output.task}, read by {output.read}"
        )
        print(f"  output  {port.get_any_name()}: {shape_text(port.get_shape())} {card.ir.precision}, {what}")
    if card.host:
        counts = Counter(step.kind for step in card.host)
        kinds = ", ".join(kind if count == 1 else f"{count} x {kind}" for kind, count in counts.items())
        print(f"  host    {', '.join(card.device_blobs)} -> {', '.join(outputs)}: {kinds}")
    ir_bytes = card.xml_path.stat().st_size + card.bin_path.stat().st_size
    packed = written.packed
    took = seconds - sum(each.seconds for each in (compiled, checked, packed) if each)
    kind = f"version {card.ir.version}, {card.ir.precision}"
    print(f"  IR      {card.xml_path} + .bin: {kind}, {ir_bytes / 1e6:.1f} MB, {took:.1f} s")
    if card.blob is None or compiled is None:
        print(f"  blob    not made: no compiler; to get it: {compiler.MAKE_TOOLCHAIN}, then this again with --force")
    else:
        share = f"{card.blob.shaves} shaves, {card.blob.cmx_slices} CMX slices, {card.blob.streams} streams"
        size = f"{card.blob.stages} stages, {(card.blob.bytes or 0) / 1e6:.1f} MB"
        print(f"  blob    {card.blob_path}: {share}, {size}, {compiled.seconds:.1f} s")
    if checked:
        print(f"  check   {checked}")
    if packed:
        size = f"{packed.bytes / 1e6:.1f} MB, the largest of its blobs alone {packed.largest / 1e6:.1f} MB"
        print(f"  blobs   {card.path.with_suffix('.superblob')}: for 1 to 16 shaves, {size}, {packed.seconds:.1f} s")
    print(f"  card    {card.path}")
    crop = card.input.crop_size
    if card.obstacle:
        print(f"  note    the runner cannot use this network: it {card.obstacle}")
    elif crop and card.input.resize_to is None and card.input.shape[2:] == [crop, crop]:
        print(
            f"  note    nothing says how large training's pictures were before the crop, so the runner stretches a face to "
            f'{crop}x{crop}. Compile where the LMDB is, or write "resize_to": [height, width] into "input" of the card'
        )


def _describe(source: InputEntry, card: ModelCard) -> str:
    """Say what an input takes, and what the network does to it first."""
    inputs = card.inputs or [card.input]
    # The card's mean is that of the first picture.
    described = source == next((each for each in inputs if each.is_picture), inputs[0])
    parts = [f"{source.layout} {card.channel_order}" if source.is_picture else f"{source.layout}, no picture"]
    if source.channels_reversed:
        parts.append("channels reversed inside")
    if described and (source.is_picture or card.mean.kind != "none"):
        parts.append(_MEAN_KINDS[card.mean.kind])
    if source.mean:
        parts.append(_MEAN_KINDS["values"])
    if source.scale:
        factors = " ".join(f"{factor:g}" for factor in dict.fromkeys(source.scale))
        parts.append(f"scale {factors} inside")
    if source.crop_size:
        whole = f", {shape_text(source.resize_to)}" if source.resize_to else ""
        parts.append(f"the centre {source.crop_size}x{source.crop_size} of training's pictures{whole}")
    return ", ".join(parts)

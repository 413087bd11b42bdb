"""Reads a net with its weights, card and training, and converts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from caffe_io.caffe_pb2 import NetParameter, Phase
from caffe_io.net_state import filter_net
from caffe_io.prototxt import read_net
from caffe_io.weights import read_weights
from common.errors import UsageError
from common.files import file_hash
from common.places import net_files

from .compile_options import Wishes
from .inputs.shapes import (
    Shape,
    declared_shapes,
    given_shapes,
    input_shapes,
    pictures,
    refuse_placeholders,
    with_shapes,
)
from .inputs.training import Transform, find_train_test, has_data_layers, read_transforms
from .lowering.reading import is_model_file, read_model
from .mean import channel_means, describe_mean

if TYPE_CHECKING:
    from openvino import Model

    from common.card import InputEntry, MeanEntry, NetCard, SourceEntry
    from common.cards.host import HostStep

    from .inputs.batch import Weights
    from .inputs.preprocessing import Preprocessing
    from .rest.part import HostPart


@dataclass(frozen=True)
class Sources:
    """The files to read, and the name of the files to write. `net_name` is that of --net.

    `net` is a prototxt, or a model of another kind, whose weights may be inside.
    """

    name: str
    net: Path
    weights: Path | None
    card: Path | None
    net_name: str | None = None


@dataclass(frozen=True)
class Network:
    """A converted net, in float32 and with its preprocessing inside, and what its card says before any file is written.

    `host` are the steps that follow on this machine, if the net was cut.
    """

    model: Model
    net_card: NetCard
    inputs: list[InputEntry]
    mean: MeanEntry
    source: SourceEntry
    host: Sequence[HostStep] = ()


def load(sources: Sources, wishes: Wishes) -> Network:
    """Read and convert a net, check its card against it, and say where its preprocessing comes from."""
    from common.card import SourceEntry, check_fits, plain_card, read_net_card

    from .inputs.batch import batch_of
    from .inputs.frozen import freeze
    from .inputs.order import agreed_order
    from .outputs import check_probabilities, model_outputs
    from .rest.part import finished

    net_card = None if sources.card is None else read_net_card(sources.card)
    convert = _convert_file if is_model_file(sources.net) else _convert_caffe
    converted = convert(sources, wishes)
    model, shapes, preprocessing = converted.model, converted.shapes, converted.preprocessing
    freeze(model, wishes.frozen)
    names = [source.get_any_name() for source in model.inputs]
    inputs = _describe(names, shapes, preprocessing, wishes.precision, str(sources.net))
    first = next((entry for entry in inputs if entry.is_picture), inputs[0])
    outputs = model_outputs(model, batch_of(shapes))
    host: Sequence[HostStep] = ()
    if converted.rest:
        host, outputs = finished(converted.rest, model, converted.sized, batch_of(shapes))
    if net_card is None:
        print("  no card: classes and values are called 0, 1, ... (--card NAME.json says what the outputs mean)")
        channels = first.shape[1] if first.is_picture else 0
        net_card = plain_card(sources.name, channels, outputs.shapes, outputs.softmax, outputs.detections)
    net_card = agreed_order(net_card, sources.card, first, wishes.channel_order)
    card_file = str(sources.card or sources.net)
    check_fits(net_card, first, outputs.shapes, card_file)
    check_probabilities(net_card, model, card_file, host)
    found = preprocessing.get(first.blob)
    channels = first.shape[1] if first.is_picture else 0
    mean = describe_mean(found.whole if found else None, found.mean if found else None, channels)
    taken = sources.weights if sources.weights and not is_model_file(sources.net) else sources.net
    what = "model" if is_model_file(sources.net) else "caffemodel"
    source = SourceEntry(**{what: taken.name, "sha256": file_hash(taken)})
    return Network(model, net_card, inputs, mean, source, host)


@dataclass(frozen=True)
class Converted:
    """A model, the shapes of its inputs, and what it does to them first.

    `rest` is what follows on this machine, if it was cut, and `sized` the shapes of the blobs of which the rest needs only these.
    """

    model: Model
    shapes: Mapping[str, Shape]
    preprocessing: Mapping[str, Preprocessing]
    rest: HostPart | None = None
    sized: Mapping[str, Shape] = field(default_factory=dict)


def _convert_caffe(sources: Sources, wishes: Wishes) -> Converted:
    """Convert a prototxt and a caffemodel."""
    from .converter import convert
    from .inputs.frozen import unfrozen
    from .inputs.preprocessing import plan
    from .rest.part import blobs_by_name, split

    assert sources.weights is not None
    unfiltered, weights = read_net(sources.net), read_weights(sources.weights)
    files = str(sources.net), str(sources.weights)
    rest = None
    if wishes.cut:
        filtered = filter_net(unfiltered, Phase.Value(wishes.phase), wishes.level, wishes.stages)
        rest = split(filtered, wishes.cut, wishes.outputs, files[0])
        wishes = replace(wishes, outputs=rest.device_outputs + rest.sized)
    net = _shaped(unfiltered, weights, wishes, *files)
    shapes = unfrozen(input_shapes(net, files[0]), wishes.frozen, files[0])
    transforms = _transforms(sources, unfiltered, shapes, wishes)
    preprocessing = plan(shapes, wishes.preprocessing, transforms, files[0])
    outputs = rest.device_outputs if rest else wishes.outputs
    model = convert(net, weights, preprocessing, *files, outputs, unfiltered)
    sized = blobs_by_name(net, weights, *files, rest.sized) if rest else {}
    return Converted(model, shapes, preprocessing, rest, sized)


def _convert_file(sources: Sources, wishes: Wishes) -> Converted:
    """Bring a model of ONNX, TFLite or OpenVINO IR down to operations that the stick knows."""
    from .inputs.frozen import unfrozen
    from .inputs.preprocessing import plan
    from .lowering.rebuild import rebuild

    if (wishes.phase, wishes.level, wishes.stages) != ("TEST", 0, ()):
        raise UsageError(
            f"{sources.net}: has no phases, levels or stages, which only Caffe's nets have. Leave them out."
        )
    if wishes.cut:
        raise UsageError(f"{sources.net}: --cut is for nets of Caffe. --output ends the network there for good.")
    read = read_model(sources.net, sources.weights, wishes.shapes, wishes.batch, wishes.outputs)
    if read.batch_note:
        print(f"  batch   1: {read.batch_note}")
    file = str(sources.net)
    shapes = unfrozen(read.shapes, wishes.frozen, file)
    preprocessing = plan(shapes, wishes.preprocessing, {}, file)
    return Converted(rebuild(read, preprocessing, file), shapes, preprocessing)


def _shaped(
    unfiltered: NetParameter, weights: Weights, wishes: Wishes, net_file: str, weights_file: str
) -> NetParameter:
    """Return the layers of the state and of the outputs that are asked for, with the shapes and the batch of the inputs."""
    from .cutting import cut_net
    from .inputs.batch import Batched, batch_of, for_batch, for_one_picture

    net = filter_net(unfiltered, Phase.Value(wishes.phase), wishes.level, wishes.stages)
    if wishes.outputs:
        net = cut_net(net, wishes.outputs, net_file)
    declared = declared_shapes(net, net_file, unfiltered)
    batch = wishes.batch
    if wishes.shapes:
        given = given_shapes(declared, wishes.shapes)
        batch = batch_of(given)
        net = with_shapes(net, _with_declared_batches(given, declared))
    shapes = input_shapes(net, net_file)
    if not wishes.shapes:
        refuse_placeholders(shapes, net_file)
    batched: Batched
    if batch is None:
        batched = for_one_picture(net, weights, net_file, weights_file, wishes.outputs)
    else:
        batched = for_batch(net, batch, weights, net_file, weights_file, wishes.outputs)
    if batched.note:
        print(f"  batch   {batched.batch}: {batched.note}")
    if wishes.shapes and input_shapes(batched.net) != given:
        return with_shapes(batched.net, given)
    return batched.net


def _with_declared_batches(given: Mapping[str, Shape], declared: Mapping[str, Shape]) -> dict[str, Shape]:
    """Return the given shapes with the first sizes of the declared ones, where the prototxt declares any."""
    return {
        name: (declared[name][0], *dims[1:]) if declared[name] and declared[name][0] > 0 else dims
        for name, dims in given.items()
    }


def _transforms(
    sources: Sources, unfiltered: NetParameter, shapes: Mapping[str, Shape], wishes: Wishes
) -> Mapping[str, Transform]:
    """Find out what training did to each picture: from the net itself if it has data layers, or from its train_test.

    Raises UsageError for --net NAME if neither is there and no option says what the mean is.
    """
    names = pictures(shapes)
    file: Path | None = sources.net
    net = unfiltered
    if not has_data_layers(net):
        file = find_train_test(sources.net_name, sources.net)
        if file is not None:
            net = read_net(file)
    if not names:
        return {}
    if file is None:
        if sources.net_name and not wishes.preprocessing.has_mean:
            raise UsageError(
                f"{net_files(sources.net_name).train_test}: is not there, so nothing says what mean and scale the net was "
                "trained with. Give --mean MEAN.binaryproto or --mean_value V (0 if it had none), and --scale V if it had one."
            )
        return {}
    transforms = read_transforms(net, str(file), names, wishes.level, wishes.stages)
    for place, text in dict.fromkeys((each.place, each.text) for each in transforms.values()):
        print(f"  trained {place}: {text}")
    return transforms


def _describe(
    names: Sequence[str],
    shapes: Mapping[str, Shape],
    preprocessing: Mapping[str, Preprocessing],
    precision: str,
    net_file: str,
) -> list[InputEntry]:
    """Describe the inputs for the card, with what is done to each. The card has the mean of the first picture elsewhere."""
    from common.card import describe_input

    taken = pictures(shapes)
    described = next((name for name in names if name in taken), names[0])
    entries = []
    for name in names:
        found = preprocessing.get(name)
        done: dict[str, object] = {}
        if found and found.reverse:
            done["channels_reversed"] = True
        if found and found.mean is not None and name != described:
            done["mean"] = channel_means(found.mean)
        if found and found.scale is not None:
            done["scale"] = [float(f"{factor:.7g}") for factor in found.scale.ravel()]
        if found and found.crop_size:
            done["crop_size"] = found.crop_size
        if found and found.uncropped:
            done["resize_to"] = list(found.uncropped)
        entries.append(describe_input(name, shapes[name], net_file, name in taken, precision, **done))
    return entries

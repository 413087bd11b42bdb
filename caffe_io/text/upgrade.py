"""Upgrades older nets and solvers to the current form, by the rules of Caffe's upgrade tools (upgrade_proto.cpp)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from google.protobuf.message import Message

from ..caffe_pb2 import BlobShape, LayerParameter, NetParameter, SolverParameter, V1LayerParameter
from ..errors import NetError, PrototxtError

# V1 spelled layer types in capitals. These differ from today's names in more than capitals and underscores.
_SPECIAL_TYPES = {
    "NONE": "",
    "ABSVAL": "AbsVal",
    "ARGMAX": "ArgMax",
    "BNLL": "BNLL",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "IM2COL": "Im2col",
    "LRN": "LRN",
    "MVN": "MVN",
    "RELU": "ReLU",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "TANH": "TanH",
}
V0_FORMAT = (
    "this is the V0 format (layers { layer { ... } }) of 2013, which is not supported. "
    "Convert it with Caffe 1.0's upgrade_net_proto_text (or _binary)."
)
# In the order of the old enumeration.
_SOLVER_TYPES = ("SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam")
# The blocks that V1 layers and current layers have in common.
_SETTINGS = [field.name for field in V1LayerParameter.DESCRIPTOR.fields if field.name.endswith("_param")]


def upgrade_net(net: NetParameter, name: str) -> NetParameter:
    """Upgrade `net` in place and return it; `name` is the file's name for error messages."""
    if any(layer.HasField("layer") for layer in net.layers):
        raise PrototxtError(f"{name}: {V0_FORMAT}")
    if net.layers and net.layer:
        raise NetError(
            f'{name}: has both `layers` (V1, the first is "{net.layers[0].name}") and `layer` (current, the first is '
            f'"{net.layer[0].name}"). Write all of them as `layer`.'
        )
    _move_transformations(net)
    _rename_layers(net)
    _add_input_layer(net, name)
    _freeze_batch_norm(net)
    return net


def upgrade_solver(solver: SolverParameter, name: str) -> SolverParameter:
    """Upgrade `solver` in place and return it. A missing snapshot_prefix is derived from the file's name `name`."""
    if solver.HasField("solver_type"):
        if solver.HasField("type"):
            raise PrototxtError(f"{name}: has both `solver_type` (old) and `type`. Keep `type` only.")
        solver.type = _SOLVER_TYPES[solver.solver_type]
        solver.ClearField("solver_type")
    given = [getattr(solver, field) for field in ("net_param", "train_net_param") if solver.HasField(field)]
    # Protobuf creates a missing net when it is accessed, hence the list of those given.
    for inner in (*given, *solver.test_net_param):
        upgrade_net(inner, name)
    if not solver.HasField("snapshot_prefix"):
        solver.snapshot_prefix = str(Path(name).with_suffix(""))
    elif _is_folder(solver.snapshot_prefix):
        solver.snapshot_prefix = str(Path(solver.snapshot_prefix) / Path(name).stem)
    return solver


def _is_folder(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except OSError:
        # The training will say that nothing can be written there.
        return False


def _move_transformations(net: NetParameter) -> None:
    """Move scale, mean_file, crop_size and mirror from the own blocks of V1 data layers into transform_param."""
    data = [(layer, settings) for layer in net.layers if (settings := _data_settings(layer)) is not None]
    fields = ("scale", "mean_file", "crop_size", "mirror")
    if not any(settings.HasField(field) for _, settings in data for field in fields):
        return
    for layer, settings in data:
        # Caffe leaves both blocks in every data layer, even if they are empty.
        settings.SetInParent()
        layer.transform_param.SetInParent()
        for field in fields:
            if settings.HasField(field):
                setattr(layer.transform_param, field, getattr(settings, field))
                settings.ClearField(field)


def _data_settings(layer: V1LayerParameter) -> Message | None:
    kind = V1LayerParameter.LayerType.Name(layer.type)
    if kind in ("DATA", "IMAGE_DATA", "WINDOW_DATA"):
        settings: Message = getattr(layer, f"{kind.lower()}_param")
        return settings
    return None


def _rename_layers(net: NetParameter) -> None:
    for old in net.layers:
        net.layer.append(_current_layer(old))
    net.ClearField("layers")


def _current_layer(old: V1LayerParameter) -> LayerParameter:
    new = LayerParameter(bottom=old.bottom, top=old.top, include=old.include, exclude=old.exclude)
    new.blobs.extend(old.blobs)
    new.loss_weight.extend(old.loss_weight)
    if old.HasField("name"):
        new.name = old.name
    if old.HasField("type"):
        new.type = current_type(V1LayerParameter.LayerType.Name(old.type))
    lists: dict[str, Sequence[object]] = {
        "name": old.param,
        "share_mode": old.blob_share_mode,
        "lr_mult": old.blobs_lr,
        "decay_mult": old.weight_decay,
    }
    for field, values in lists.items():
        for index, value in enumerate(values):
            while len(new.param) <= index:
                new.param.add()
            setattr(new.param[index], field, value)
    for block in _SETTINGS:
        # The names come from the message itself.
        if old.HasField(block):  # type: ignore[arg-type]
            getattr(new, block).CopyFrom(getattr(old, block))
    return new


def current_type(v1_type: str) -> str:
    """Return today's name of a V1 layer type: INNER_PRODUCT -> InnerProduct."""
    return _SPECIAL_TYPES.get(v1_type, "".join(part.capitalize() for part in v1_type.split("_")))


def _add_input_layer(net: NetParameter, name: str) -> None:
    """Turn the net's input fields into an Input layer at the top; without shapes they are dropped."""
    if not net.input:
        return
    if net.input_shape or net.input_dim:
        shapes = list(net.input_shape) or [
            BlobShape(dim=net.input_dim[first : first + 4]) for first in range(0, len(net.input_dim) - 3, 4)
        ]
        if len(shapes) < len(net.input):
            raise NetError(
                f"{name}: has {len(net.input)} inputs ({', '.join(net.input)}), but shapes for {len(shapes)}. "
                "Give each input one input_shape, or four input_dim."
            )
        layer = LayerParameter(name="input", type="Input", top=net.input)
        # Caffe ignores shapes beyond the inputs.
        layer.input_param.shape.extend(shapes[: len(net.input)])
        rest = list(net.layer)
        net.ClearField("layer")
        net.layer.extend([layer, *rest])
    net.ClearField("input")
    net.ClearField("input_shape")
    net.ClearField("input_dim")


def _freeze_batch_norm(net: NetParameter) -> None:
    """Set the multipliers of BatchNorm's three blobs to 0, because they are statistics and not learned."""
    for layer in net.layer:
        if layer.type == "BatchNorm" and len(layer.param) == 3:
            for spec in layer.param:
                spec.lr_mult = 0
                spec.decay_mult = 0

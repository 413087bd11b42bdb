"""Handles fields of prototxt text that only forks of Caffe know.

A field that does not change the result is left out. One that Caffe 1.0 has under another name is renamed. One that changes
the result, or may do so, is refused. A fork's layer type keeps its fields: whoever builds the layer knows or refuses it.

The names are from the schemas of NVIDIA's, Intel's, Microsoft's, Cambricon's, SSD's, DeepLab's and SegNet's forks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from google.protobuf.descriptor import Descriptor

from ..caffe_pb2 import NetParameter, SolverParameter, V1LayerParameter
from ..layer_types import LAYER_TYPES
from .fields import StrangeField, strange_fields
from .upgrade import V0_FORMAT

_ENGINE = "it selects the library that computes"
_PRECISION = "it selects a number format, and everything here is float32"
_SPEED = "it affects only speed or memory"
_REPORT = "it affects only the log"
_SWITCHED = "it has an effect only with a field that is refused"
_HARMLESS: dict[str, str] = {
    "*.engine": _ENGINE,
    "BlobProto.cpu_data_type": _PRECISION,
    "ConvolutionParameter.conv_algorithm": _ENGINE,
    "ConvolutionParameter.conv_algos_override": _ENGINE,
    "ConvolutionParameter.cudnn_convolution_algo_seeker": _ENGINE,
    "DataParameter.cache": _SPEED,
    "DataParameter.disk_reader_threads": _SPEED,
    "DataParameter.parser_threads": _SPEED,
    "DataParameter.precache": _SPEED,
    "DataParameter.threads": _SPEED,
    "DataParameter.verbose": _REPORT,
    "DropoutParameter.random_seed": "it only seeds random numbers",
    "ImageDataParameter.cache": _SPEED,
    "ImageDataParameter.precache": _SPEED,
    "ImageDataParameter.threads": _SPEED,
    "LayerParameter.backward_math": _PRECISION,
    "LayerParameter.backward_type": _PRECISION,
    "LayerParameter.cudnn_math_override": _ENGINE,
    "LayerParameter.debug": _REPORT,
    "LayerParameter.display": _REPORT,
    "LayerParameter.forward_math": _PRECISION,
    "LayerParameter.forward_type": _PRECISION,
    "LayerParameter.quantization_param": _PRECISION,
    "NetParameter.default_backward_math": _PRECISION,
    "NetParameter.default_backward_type": _PRECISION,
    "NetParameter.default_conv_algos_override": _ENGINE,
    "NetParameter.default_cudnn_math_override": _ENGINE,
    "NetParameter.default_forward_math": _PRECISION,
    "NetParameter.default_forward_type": _PRECISION,
    "NetParameter.eltwise_mem_sharing": _SPEED,
    "NetParameter.global_grad_scale": "it protects float16 gradients, and everything here is float32",
    "NetParameter.global_grad_scale_adaptive": "it protects float16 gradients, and everything here is float32",
    "NetParameter.mem_param": _SPEED,
    "NetParameter.reduce_buckets": _SPEED,
    "ReLUParameter.fuse": _SPEED,
    "SolverParameter.ap_version": _REPORT,
    "SolverParameter.eval_type": _REPORT,
    "SolverParameter.larc_eta": _SWITCHED,
    "SolverParameter.larc_policy": _SWITCHED,
    "SolverParameter.larc_turbo": _SWITCHED,
    "SolverParameter.local_gw_ratio": _SWITCHED,
    "SolverParameter.max_momentum": _SWITCHED,
    "SolverParameter.max_weight_decay": _SWITCHED,
    "SolverParameter.momentum_power": _SWITCHED,
    "SolverParameter.plateau_winsize": 'it has an effect only with lr_policy "plateau"',
    "SolverParameter.rampup_lr": _SWITCHED,
    "SolverParameter.show_per_class_result": _REPORT,
    "SolverParameter.solver_data_type": _PRECISION,
    "SolverParameter.store_blobs_in_old_format": "snapshots are always written in Caffe 1.0's format",
    "SolverParameter.test_and_snapshot_last_epochs": "test_interval and snapshot decide",
    "SolverParameter.warmup_start_lr": _SWITCHED,
    "SolverParameter.weight_decay_power": _SWITCHED,
    "TransformationParameter.debug_params": _REPORT,
    "TransformationParameter.display": _REPORT,
    "TransformationParameter.forward_packing": _SPEED,
    "TransformationParameter.random_seed": "it only seeds random numbers",
    "TransformationParameter.use_gpu_transform": _SPEED,
}

_CROP = "crop to a square with crop_size, or resize when the database is made"
_RATE = "Caffe 1.0's learning-rate policies (fixed, step, multistep, exp, inv, poly, sigmoid) lack it"
# Field -> its default in the fork, which changes nothing, and what to do about any other value.
_NEUTRAL: dict[str, tuple[str, str]] = {
    "BatchNormParameter.relu": ("false", "write a ReLU layer after it"),
    "BatchNormParameter.scale_bias": (
        "false",
        "write a Scale layer with bias_term: true after BatchNorm; its weights are the fourth and fifth blob",
    ),
    "BatchNormParameter.stats_batch_size": ("0", "use that batch size"),
    "BatchNormParameter.update_global_stats": ("false", "choose with use_global_stats"),
    "ConvolutionParameter.relu": ("false", "write a ReLU layer after it"),
    "DataParameter.shuffle": ("false", "shuffle when the database is made (create_lmdb.sh --shuffle)"),
    "DropoutParameter.sample_weights_test": ("false", "Caffe's Dropout changes nothing in the TEST phase"),
    "DropoutParameter.scale_train": ("true", "Caffe's Dropout scales in the TRAIN phase, not in TEST"),
    "InnerProductParameter.normalize": ("false", "Caffe's InnerProduct uses the weights as they are"),
    "InnerProductParameter.relu": ("false", "write a ReLU layer after it"),
    "LossParameter.label_smoothing": ("0", "use InfogainLoss with a matrix of the smoothed labels"),
    "LossParameter.pre_fixed_normalizer": ("1", "multiply loss_weight"),
    "LossParameter.weight_by_label_freqs": ("false", "use InfogainLoss with the weights on the diagonal"),
    "PoolingParameter.avg_include_pad": ("true", "Caffe's average divides by the padded window"),
    "PoolingParameter.axis": ("1", "Caffe pools over the axes after the channels"),
    "SolverParameter.clip_weights": ("-1", "Caffe clips gradients only (clip_gradients)"),
    "SolverParameter.larc": ("false", _RATE),
    "SolverParameter.local_lr_auto": ("false", _RATE),
    "SolverParameter.min_lr": ("0", _RATE),
    "SolverParameter.momentum_policy": ("fixed", "Caffe's momentum is constant"),
    "SolverParameter.rampup_interval": ("0", _RATE),
    "SolverParameter.warmup_iter": ("0", _RATE),
    "SolverParameter.weight_decay_policy": ("fixed", "Caffe's weight decay is constant"),
    "TransformationParameter.crop_h": ("0", _CROP),
    "TransformationParameter.crop_height": ("0", _CROP),
    "TransformationParameter.crop_w": ("0", _CROP),
    "TransformationParameter.crop_width": ("0", _CROP),
}

# Field -> the equivalent in Caffe 1.0, from the text of its value (None for a block, which keeps its content).
_RENAMED: dict[str, Callable[[str | None], str]] = {
    "ConvolutionParameter.dilation_h": lambda value: f"dilation: {value}",
    "ConvolutionParameter.dilation_w": lambda value: f"dilation: {value}",
    "ConvolutionParameter.hole": lambda value: f"dilation: {value}",
    "ConvolutionParameter.hole_h": lambda value: f"dilation: {value}",
    "ConvolutionParameter.hole_w": lambda value: f"dilation: {value}",
    "LayerParameter.relu6_param": lambda value: "relu_param",
    "PoolingParameter.ceil_mode": lambda value: f"round_mode: {'CEIL' if value in ('true', 't', '1') else 'FLOOR'}",
}


@dataclass(frozen=True)
class Finding:
    """What a message says about one unknown field, and the field's place, counted from 1.

    The file cannot be read with a `fatal` one. `misplaced` means that a closing brace before it is missing, so that no
    finding about a later place counts. `kind` is the text without the layer: many layers may have the same field.
    """

    line: int
    column: int
    text: str
    fatal: bool
    misplaced: bool = False
    kind: str = ""


@dataclass(frozen=True)
class Resolved:
    """`blank` has spaces in place of the unknown fields; `text` has Caffe 1.0's equivalent of those that have one."""

    blank: str
    text: str
    findings: list[Finding]


def resolve_fork_fields(text: str, root: Descriptor) -> Resolved | None:
    """Replace the fields of prototxt `text` that the schema of `root` lacks; None if it has them all."""
    found = strange_fields(text, root)
    if not found:
        return None
    oldest = next((strange for strange in found if strange.message.name == "V0LayerParameter"), None)
    if oldest:
        return Resolved(text, text, [Finding(oldest.line, oldest.column, V0_FORMAT, fatal=True, misplaced=True)])
    blank, new = text, text
    findings: list[Finding] = []
    # From the end, so that earlier places stay valid.
    for strange in reversed(found):
        finding, equivalent = _judge(strange, found)
        findings.insert(0, finding)
        old = text[strange.start : strange.end]
        gap = re.sub(r"[^\n]", " ", old)
        blank = blank[: strange.start] + gap + blank[strange.end :]
        new = new[: strange.start] + _replacement(strange, old, gap, equivalent) + new[strange.end :]
    return Resolved(blank, new, findings)


def summary(findings: list[Finding]) -> list[str]:
    """Return "LINE:COLUMN: text" for the first finding of each kind, with the number of the others."""
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(finding.kind or finding.text, []).append(finding)
    lines = []
    for first, *others in kinds.values():
        more = f" (And {len(others)} more like it, the last on line {others[-1].line}.)" if others else ""
        lines.append(f"{first.line}:{first.column}: {first.text}{more}")
    return lines


def _judge(strange: StrangeField, others: list[StrangeField]) -> tuple[Finding, str | None]:
    """Return what a message says about a field, and its equivalent in Caffe 1.0, None if there is none."""
    owner, name = strange.message.name, strange.name
    key = f"{owner}.{name}"
    what = f'{owner} has no field "{name}" in Caffe 1.0'
    if strange.known and strange.known.enum_type:
        what = f'"{strange.value}" is no value of {owner}.{name} in Caffe 1.0'

    def finding(rest: str, fatal: bool = False) -> Finding:
        place = f" [{strange.layer}]" if strange.layer else ""
        misplaced = strange.unclosed is not None
        return Finding(strange.line, strange.column, f"{what}{place}{rest}", fatal, misplaced, what + rest)

    if strange.unclosed is not None:
        rest = f". The closing brace of the block that begins on line {strange.unclosed} seems to be missing before it."
        return finding(rest, fatal=True), None
    if key in _RENAMED and not _is_paired(strange, others):
        return finding(". Write `dilation` twice instead, first for the height.", fatal=True), None
    if key in _RENAMED:
        equivalent = _RENAMED[key](strange.value)
        return finding(f": read as `{equivalent}`."), equivalent
    harmless = _HARMLESS.get(key) or _HARMLESS.get(f"*.{name}")
    if name.startswith("cudnn_") or (strange.known and strange.known.name == "solver_mode"):
        harmless = _ENGINE
    neutral, advice = _NEUTRAL.get(key, (None, ""))
    if neutral is not None and strange.value is not None and _same(strange.value, neutral):
        harmless = "Caffe does that anyway"
    if harmless:
        return finding(f": ignored, because {harmless}."), None
    if strange.layer and strange.layer.type and not _is_known(strange.layer.type) and name != "type":
        return finding(": left to the layer, whose type is a fork's."), None
    return finding(_refusal(strange, advice), fatal=True), None


def _refusal(strange: StrangeField, advice: str) -> str:
    if advice:
        return f". It changes the result: {advice}, and remove the field."
    if strange.known and strange.known.enum_type:
        names = [value.name for value in strange.known.enum_type.values]
        near = get_close_matches((strange.value or "").upper(), names, 3) or (names if len(names) < 9 else [])
        nearest = f". Nearest: {', '.join(near)}" if near else ""
        return f"{nearest}. Correct it; values that only forks know are not supported."
    owner, name = strange.message.name, strange.name
    if owner == "NetParameter" and name in SolverParameter.DESCRIPTOR.fields_by_name:
        return ". It belongs to a solver, but a net is expected here, such as the one that the solver names."
    if owner == "SolverParameter" and name in NetParameter.DESCRIPTOR.fields_by_name:
        return ". It belongs to a net, but a solver is expected here, which names a net (net: ...)."
    if owner == "NetParameter" and name == "item":
        return ". This is a map of label names for the SSD fork, but a net is expected here."
    near = get_close_matches(strange.name, strange.message.fields_by_name, 2)
    nearest = f" (nearest: {', '.join(near)})" if near else ""
    return (
        f"{nearest}. Correct the name; if it is a fork's field, remove it only if the net computes the same without it."
    )


def _is_paired(strange: StrangeField, others: list[StrangeField]) -> bool:
    """Whether a dilation of the height is followed by that of the width. Caffe 1.0 distinguishes them by order alone."""
    if strange.name[-2:] not in ("_h", "_w"):
        return True
    pair = [
        other.name[-2:] for other in others if other.layer is strange.layer and other.name[:-2] == strange.name[:-2]
    ]
    return pair == ["_h", "_w"]


def _replacement(strange: StrangeField, old: str, gap: str, equivalent: str | None) -> str:
    if equivalent is None:
        return gap
    if strange.value is None:
        return old.replace(strange.name, equivalent, 1)
    return equivalent + "\n" * gap.count("\n") + " "


def _same(value: str, neutral: str) -> bool:
    value = value.strip("\"'")
    try:
        return float(value) == float(neutral)
    except ValueError:
        return value == neutral


def _is_known(name: str) -> bool:
    """Say whether a layer type is Caffe's own, under its present or a former name, or taken over from a fork."""
    former_names = V1LayerParameter.DESCRIPTOR.enum_types_by_name["LayerType"].values_by_name
    row = LAYER_TYPES.get(name)
    return name in former_names or (row is not None and (row.trained or not row.fork))

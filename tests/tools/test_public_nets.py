"""The count of public prototxts that load."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.public_nets import __main__ as public_nets
from tools.public_nets import load as loading

DATA = 'layer { name: "d" type: "Data" top: "data" top: "label"'
DATA += " transform_param { crop_size: 20 } data_param { batch_size: 2 } }\n"
NEXT = 'layer { name: "r" type: "ReLU" bottom: "data" top: "y" }'
NETS = {
    "good.prototxt": DATA + 'layer { name: "r" type: "ReLU" bottom: "data" top: "y" }',
    "again/copy.prototxt": DATA + 'layer { name: "r" type: "ReLU" bottom: "data" top: "y" }',
    "solver.prototxt": 'net: "good.prototxt" base_lr: 1',
    "whole_solver.prototxt": "base_lr: 1 net_param {\n" + DATA + "}",
    "dense.prototxt": DATA + 'layer { name: "l" type: "SigmoidCrossEntropyLoss" bottom: "data" bottom: "label" top: "y" }'
    .replace('bottom: "data"', 'bottom: "c"')
    .replace("layer {", 'layer { name: "c" type: "Convolution" bottom: "data" top: "c" '
                        "convolution_param { num_output: 1 kernel_size: 1 } }\nlayer {", 1),
    "typo.prototxt": DATA + 'layer { name: "r" type: "RuLU" bottom: "data" top: "y" }',
    "field.prototxt": DATA + 'layer { name: "r" type: "ReLU" bottom: "data" top: "y" relu_param { slope: 1 } }',
    "data_field.prototxt": DATA.replace("crop_size", "resize_param { height: 9 } crop_size") + NEXT,
    "code.prototxt": 'layer { name: "d" type: "Python" top: "data" }\nlayer { name: "r" type: "ReLU" bottom: "data" top: "y" }',
    "targets.prototxt": """
layer { name: "d" type: "Python" top: "data" top: "im_info" top: "gt_boxes" }
layer { name: "c" type: "Convolution" bottom: "data" top: "s" convolution_param { num_output: 18 kernel_size: 16 stride: 16 } }
layer { name: "t" type: "Python" bottom: "s" bottom: "gt_boxes" bottom: "im_info" bottom: "data"
  top: "labels" top: "targets" top: "inside" top: "outside"
  python_param { module: "rpn.anchor_target_layer" layer: "AnchorTargetLayer" param_str: "'feat_stride': 16" } }
layer { name: "m" type: "Convolution" bottom: "data" top: "m" convolution_param { num_output: 36 kernel_size: 16 stride: 16 } }
layer { name: "l" type: "SmoothL1Loss" bottom: "m" bottom: "targets" bottom: "inside" bottom: "outside" top: "loss" }
""",
    "picture.pt": "layers { name",
}  # fmt: skip


def test_table_of_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in NETS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    public_nets.main([str(tmp_path), "--list", str(tmp_path / "list.jsonl")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:] == [
        "| 3 | 33.3% | loads |",
        "| 2 | 22.2% | loads with its own Python layers (--python-layers) |",
        "| 1 | 11.1% | loads but for a fork's fields in its data layers, which are refused |",
        "| 1 | 11.1% | field ReLUParameter.slope |",
        "| 1 | 11.1% | '': Expected X. The brace of line N is never closed. |",
        "| 1 | 11.1% | layer type RuLU is unknown |",
        "",
        "9 nets, 3 refused, 0 of these without a line number.",
    ]


def test_a_crash_and_a_hang_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.prototxt"
    path.write_text(NETS["good.prototxt"])

    def crash(path: Path) -> tuple[str, str]:
        raise ZeroDivisionError("x")

    def hang(path: Path) -> tuple[str, str]:
        while True:
            pass

    monkeypatch.setattr(public_nets, "SECONDS", 1)
    monkeypatch.setattr(loading, "load", crash)
    assert public_nets.try_file(path, tmp_path).reason == "CRASH: ZeroDivisionError"
    monkeypatch.setattr(loading, "load", hang)
    assert public_nets.try_file(path, tmp_path).reason == "HANG: more than 1 s"

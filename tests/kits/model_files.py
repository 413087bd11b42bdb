"""Models of other kinds than Caffe's: nets of torchvision and small ones of ours, written as ONNX with random weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

TORCHVISION = (
    *("resnet18", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "squeezenet1_0", "shufflenet_v2_x1_0"),
    "googlenet",
)
LARGE = ("mobilenet_v3_large", "densenet121", "regnet_y_400mf", "vit_b_32")


def torchvision_net(name: str) -> Any:
    """Return a net of torchvision in its evaluation phase. A test that needs it is skipped where it is missing."""
    import torch

    torchvision = import_torchvision()
    torch.manual_seed(1)
    more = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    return lively(getattr(torchvision.models, name)(weights=None, **more))


def import_torchvision() -> Any:
    """Return the module, with no operations of its own that PyTorch lacks. A test is skipped where torchvision is missing."""
    import torch

    # A torchvision that was built for another kind of PyTorch lacks its own operations, which these nets do not use.
    for operation in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, operation):
            torch.library.define(
                f"torchvision::{operation}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("torchvision", reason="torchvision is not installed: tests/kits/model_files.py")


def lively(net: Any) -> Any:
    """Give each BatchNorm statistics, so that leaving it out shows, and return the net in its evaluation phase."""
    import torch

    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.6, 1.4)
            module.bias.data.normal_(0, 0.3)
        elif isinstance(module, torch.nn.Linear) and not module.weight.any():
            # The head of a transformer, which begins with zeros.
            module.weight.data.normal_(0, 0.05)
    return net.eval()


def write_onnx(net: Any, path: Path, shape: Sequence[int], dynamic: bool = False) -> Path:
    """Export `net` for an input "data" of `shape`, whose batch is left open if `dynamic`."""
    pytest.importorskip("onnx", reason="onnx is not installed, which torch.onnx.export needs")
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net, (torch.rand(*shape),), str(path), dynamo=False, opset_version=14, input_names=["data"],
            dynamic_axes={"data": {0: "batch"}} if dynamic else None,
        )  # fmt: skip
    return path


def small_nets() -> dict[str, Callable[[], Any]]:
    """Name -> what makes a small net: a U-Net, heads as YOLO v5 and v8 have them, and a mixture of layers."""
    import torch
    from torch import Tensor, nn

    def block(before: int, after: int, stride: int = 1) -> Any:
        return nn.Sequential(
            nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.SiLU(inplace=True)
        )

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.ModuleList([block(3, 8), block(8, 16), block(16, 32)])
            self.up = nn.ModuleList([nn.ConvTranspose2d(32, 16, 2, 2), nn.Upsample(scale_factor=2, mode="bilinear")])
            self.join = nn.ModuleList([block(32, 16), block(24, 8)])
            self.head = nn.Conv2d(8, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            first = self.down[0](x)
            second = self.down[1](nn.functional.max_pool2d(first, 2))
            x = self.down[2](nn.functional.max_pool2d(second, 2))
            x = self.join[0](torch.cat([self.up[0](x), second], 1))
            x = self.join[1](torch.cat([self.up[1](x), first], 1))
            return torch.sigmoid(self.head(x))

    class Pyramid(nn.Module):
        """A backbone, a pyramid that is upsampled by nearest pixels, and SPPF."""

        def __init__(self) -> None:
            super().__init__()
            self.steps = nn.ModuleList([block(3, 8, 2), block(8, 16, 2), block(16, 32, 2)])
            self.pool = nn.MaxPool2d(5, 1, 2)
            self.after = block(64, 32)
            self.join = block(48, 16)

        def forward(self, x: Tensor) -> list[Tensor]:
            second = self.steps[1](self.steps[0](x))
            third = self.steps[2](second)
            one = self.pool(third)
            third = self.after(torch.cat([third, one, self.pool(one), third], 1)[:, :64])
            larger = nn.functional.interpolate(third, scale_factor=2, mode="nearest")
            return [self.join(torch.cat([larger, second], 1)), third]

    class Focus(nn.Module):
        """Every second pixel of rows and columns into channels, as YOLO v5 began."""

        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1)

    class Yolo5(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.focus = nn.Sequential(Focus(), nn.Conv2d(12, 3, 1), nn.Upsample(scale_factor=2, mode="nearest"))
            self.body = Pyramid()
            self.heads = nn.ModuleList([nn.Conv2d(16, 3 * 8, 1), nn.Conv2d(32, 3 * 8, 1)])

        def forward(self, x: Tensor) -> Tensor:
            rows = []
            for level, (features, head) in enumerate(zip(self.body(self.focus(x)), self.heads, strict=True)):
                y = head(features)
                batch, _, height, width = y.shape
                y = y.view(batch, 3, 8, height, width).permute(0, 1, 3, 4, 2).contiguous().sigmoid()
                grid = torch.stack(
                    torch.meshgrid(torch.arange(width), torch.arange(height), indexing="xy"), 2
                ).float()  # fmt: skip
                stride = 4.0 * 2**level
                anchors = torch.tensor([[1.0, 2.0], [2.0, 1.0], [3.0, 3.0]]).view(1, 3, 1, 1, 2)
                xy = (y[..., 0:2] * 2 - 0.5 + grid) * stride
                wh = (y[..., 2:4] * 2) ** 2 * anchors * stride
                rows.append(torch.cat([xy, wh, y[..., 4:]], -1).view(batch, -1, 8))
            return torch.cat(rows, 1)

    class Yolo8(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = Pyramid()
            self.boxes = nn.ModuleList([nn.Conv2d(16, 4 * 16, 1), nn.Conv2d(32, 4 * 16, 1)])
            self.classes = nn.ModuleList([nn.Conv2d(16, 5, 1), nn.Conv2d(32, 5, 1)])

        def forward(self, x: Tensor) -> Tensor:
            boxes, classes, grids = [], [], []
            for features, box, kind in zip(self.body(x), self.boxes, self.classes, strict=True):
                height, width = features.shape[2:]
                boxes.append(box(features).flatten(2))
                classes.append(kind(features).flatten(2))
                columns, rows = torch.meshgrid(torch.arange(width), torch.arange(height), indexing="xy")
                grids.append(torch.stack([columns, rows]).flatten(1).float() + 0.5)
            spread = torch.cat(boxes, 2).view(1, 4, 16, -1).transpose(2, 1).softmax(1)
            distance = (spread * torch.arange(16.0).view(1, 16, 1, 1)).sum(1)
            grid = torch.cat(grids, 1)[None]
            first, last = grid - distance[:, :2], grid + distance[:, 2:]
            found = torch.cat([(first + last) / 2, last - first], 1) * 4
            return torch.cat([found, torch.cat(classes, 2).sigmoid()], 1)

    class Mixed(nn.Module):
        """Normalisations, a reflected border, pixels out of channels, and averages of an odd grid."""

        def __init__(self) -> None:
            super().__init__()
            self.steps = nn.Sequential(
                *(
                    nn.Conv2d(3, 8, 3, padding=1),
                    nn.GroupNorm(2, 8),
                    nn.GELU(),
                    nn.InstanceNorm2d(8),
                    nn.ReflectionPad2d(1),
                ),
                *(
                    nn.AvgPool2d(3, 2, 1, count_include_pad=False),
                    nn.Conv2d(8, 12, 3),
                    nn.Hardswish(),
                    nn.PixelShuffle(2),
                ),
                *(nn.AvgPool2d(3, 2, ceil_mode=True), nn.PReLU(3), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
                *(nn.Linear(3, 7), nn.LayerNorm(7), nn.LogSoftmax(1)),
            )

        def forward(self, x: Tensor) -> Tensor:
            return self.steps(x)

    torch.manual_seed(2)
    return {
        "mixed": lambda: lively(Mixed()),
        "unet": lambda: lively(UNet()),
        "yolo5": lambda: lively(Yolo5()),
        "yolo8": lambda: lively(Yolo8()),
    }


def original_answer(path: Path, feed: NDArray[Any], shape: Sequence[int] | None = None) -> dict[str, NDArray[Any]]:
    """Output -> what today's OpenVINO computes in float32 from `feed`, by the model as its file has it."""
    import openvino

    core = openvino.Core()
    model = core.read_model(path)
    if model.inputs[0].get_partial_shape().is_dynamic:
        model.reshape({0: list(shape or feed.shape)})
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    answer = compiled({0: feed})
    return {min(output.get_names()): np.array(answer[output]) for output in compiled.outputs}

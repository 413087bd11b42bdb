"""Times convolutions, forward and backward, by layout and in bf16. training/layers/convolution.py chooses by these figures.

    python -m tools.bench.convolutions [--rounds 6]

It counts the processor time of one thread, so other programs disturb it less than they disturb a clock.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from common.commands import Parser, run

if TYPE_CHECKING:
    import torch

BATCH = 16
WAYS = {
    "channels-last": ("channels_last", "float32"),
    "NCHW": ("contiguous_format", "float32"),
    "channels-last, bf16": ("channels_last", "bfloat16"),
}
"""What a column measures -> PyTorch's names of the layout and of the numbers."""


class Shape(NamedTuple):
    """A convolution: its channels in and out, the side of its bottom, its window, its groups."""

    inputs: int
    outputs: int
    side: int
    kernel: int
    stride: int
    pad: int
    groups: int = 1


SHAPES = {
    "AgeNet conv1": Shape(3, 96, 227, 7, 4, 0),
    "AgeNet conv2": Shape(96, 256, 28, 5, 1, 2),
    "AgeNet conv3": Shape(256, 384, 14, 3, 1, 1),
    "ResNet-18 conv1": Shape(3, 64, 224, 7, 2, 3),
    "ResNet-18 3x3": Shape(64, 64, 56, 3, 1, 1),
    "FaceRes 3x3": Shape(96, 96, 8, 3, 1, 1),
    "MobileNet v1 channelwise": Shape(512, 512, 14, 3, 1, 1, 512),
    "MobileNet v1 channelwise, halving": Shape(256, 256, 28, 3, 2, 1, 256),
    "LMTCNN channelwise": Shape(512, 512, 28, 3, 2, 1, 512),
    "channelwise, wide": Shape(256, 256, 28, 5, 1, 2, 256),
    "in 32 groups": Shape(256, 256, 28, 3, 2, 1, 32),
}


def pass_of(shape: Shape, layout: torch.memory_format, numbers: torch.dtype) -> tuple[Callable[[], None], float]:
    """Return a function that runs the convolution forward and backward, and its operations in GFLOP."""
    import torch
    import torch.nn.functional as F

    def noise(*size: int) -> torch.Tensor:
        return torch.randn(size, dtype=numbers).contiguous(memory_format=layout)

    bottom = noise(BATCH, shape.inputs, shape.side, shape.side)
    # Pictures need no gradient.
    bottom.requires_grad_(shape.inputs > 3)
    weight = noise(shape.outputs, shape.inputs // shape.groups, shape.kernel, shape.kernel).requires_grad_()

    def forward() -> torch.Tensor:
        return F.conv2d(bottom, weight, None, shape.stride, shape.pad, 1, shape.groups)

    top = forward()
    gradient = torch.randn_like(top)

    def both() -> None:
        forward().backward(gradient)  # type: ignore[no-untyped-call]

    passes = 3 if bottom.requires_grad else 2
    return both, passes * 2e-9 * top.numel() * weight[0].numel()


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time that `work` takes on this thread."""
    begun = time.thread_time()
    work()
    return time.thread_time() - begun


def main(argv: Sequence[str]) -> None:
    """Print GFLOP/s of each convolution, the best of all rounds, as a Markdown table."""
    example = "python -m tools.bench.convolutions --rounds 6"
    parser = Parser("python -m tools.bench.convolutions", example, "time convolutions")
    parser.add_argument("--rounds", type=int, default=6, help="runs of each, in turn (default: %(default)s)")
    rounds = parser.parse_args(argv).rounds
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"{torch.backends.cpu.get_cpu_capability()}, one thread, batch {BATCH}, GFLOP/s\n")
    print(f"| convolution | {' | '.join(WAYS)} |\n|---|{'---|' * len(WAYS)}")
    for name, shape in SHAPES.items():
        works = {way: pass_of(shape, *(getattr(torch, known) for known in names)) for way, names in WAYS.items()}
        times = [{way: seconds(work) for way, (work, _) in works.items()} for _ in range(rounds)]
        rates = (gflop / min(each[way] for each in times) for way, (_, gflop) in works.items())
        cells = [f"{rate:.0f}" if rate > 10 else f"{rate:.1f}" for rate in rates]
        what = (
            f"{name}: {shape.kernel}x{shape.kernel}, stride {shape.stride}, {shape.inputs} to {shape.outputs} channels"
        )
        print(f"| {what} | {' | '.join(cells)} |", flush=True)
    matrix = torch.randn(1536, 1536)
    best = min(seconds(lambda: matrix @ matrix) for _ in range(3 * rounds))
    print(f"\nA matrix product: {2e-9 * 1536**3 / best:.0f}")


if __name__ == "__main__":
    run(main)

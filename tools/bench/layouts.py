"""Times convolutions, forward and backward, in PyTorch's two layouts. training/layers/convolution.py chooses by these figures.

    python -m tools.bench.layouts [--rounds 6]

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
LAYOUTS = {"channels-last": "channels_last", "NCHW": "contiguous_format"}
"""A layout -> its name in PyTorch."""


class Shape(NamedTuple):
    """A convolution: its channels in and out, the side of its bottom, its window."""

    inputs: int
    outputs: int
    side: int
    kernel: int
    stride: int
    pad: int


SHAPES = {
    "AgeNet conv1": Shape(3, 96, 227, 7, 4, 0),
    "AgeNet conv2": Shape(96, 256, 28, 5, 1, 2),
    "AgeNet conv3": Shape(256, 384, 14, 3, 1, 1),
    "ResNet-18 conv1": Shape(3, 64, 224, 7, 2, 3),
    "ResNet-18 3x3": Shape(64, 64, 56, 3, 1, 1),
    "FaceRes 3x3": Shape(96, 96, 8, 3, 1, 1),
}


def pass_of(shape: Shape, layout: torch.memory_format) -> tuple[Callable[[], None], float]:
    """Return a function that runs the convolution forward and backward, and its operations in GFLOP."""
    import torch
    import torch.nn.functional as F

    bottom = torch.randn(BATCH, shape.inputs, shape.side, shape.side).contiguous(memory_format=layout)
    # Pictures need no gradient.
    bottom.requires_grad_(shape.inputs > 3)
    weight = torch.randn(shape.outputs, shape.inputs, shape.kernel, shape.kernel).contiguous(memory_format=layout)
    weight.requires_grad_()
    top = F.conv2d(bottom, weight, None, shape.stride, shape.pad)
    gradient = torch.randn_like(top)

    def both() -> None:
        F.conv2d(bottom, weight, None, shape.stride, shape.pad).backward(gradient)  # type: ignore[no-untyped-call]

    passes = 3 if bottom.requires_grad else 2
    return both, passes * 2e-9 * top.numel() * weight[0].numel()


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time that `work` takes on this thread."""
    begun = time.thread_time()
    work()
    return time.thread_time() - begun


def main(argv: Sequence[str]) -> None:
    """Print GFLOP/s of each convolution in both layouts, the best of all rounds, as a Markdown table."""
    parser = Parser("python -m tools.bench.layouts", "python -m tools.bench.layouts --rounds 6", "time convolutions")
    parser.add_argument("--rounds", type=int, default=6, help="runs of each, in turn (default: %(default)s)")
    rounds = parser.parse_args(argv).rounds
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"{torch.backends.cpu.get_cpu_capability()}, one thread, batch {BATCH}, GFLOP/s\n")
    print(f"| convolution | {' | '.join(LAYOUTS)} |\n|---|---|---|")
    for name, shape in SHAPES.items():
        works = {layout: pass_of(shape, getattr(torch, known)) for layout, known in LAYOUTS.items()}
        times = [{layout: seconds(work) for layout, (work, _) in works.items()} for _ in range(rounds)]
        cells = [f"{work[1] / min(each[layout] for each in times):.0f}" for layout, work in works.items()]
        what = (
            f"{name}: {shape.kernel}x{shape.kernel}, stride {shape.stride}, {shape.inputs} to {shape.outputs} channels"
        )
        print(f"| {what} | {' | '.join(cells)} |", flush=True)
    matrix = torch.randn(1536, 1536)
    best = min(seconds(lambda: matrix @ matrix) for _ in range(3 * rounds))
    print(f"\nA matrix product: {2e-9 * 1536**3 / best:.0f}")


if __name__ == "__main__":
    run(main)

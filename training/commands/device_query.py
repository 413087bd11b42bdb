"""`python -m training device_query`: show the GPUs that PyTorch sees, as `caffe device_query` does for its own."""

from __future__ import annotations

import argparse

from .net_options import add_caffe_options, select_gpu

EXAMPLE = "./moka device_query"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add Caffe's own options."""
    add_caffe_options(parser)


def main(options: argparse.Namespace) -> None:
    """Print each GPU with its memory, or say that there is none."""
    select_gpu(options.gpu)
    import torch

    for number in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(number)
        print(f"GPU {number}: {properties.name}, {properties.total_memory / 2**30:.1f} GiB")
    if not torch.cuda.is_available():
        print(f"PyTorch {torch.__version__} sees no GPU; nets run on the CPU, in {torch.get_num_threads()} threads")

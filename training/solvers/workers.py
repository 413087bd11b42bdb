"""Several processes that train one net: `torchrun --standalone --nproc-per-node N moka train ...`.

They work as Caffe's runs on several GPUs do. Every worker reads its own batches, and the gradients are averaged. The first
worker tests, logs and writes. N workers of batch B make the same updates as one worker of batch N * B.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..errors import WorkerError

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

_START_TIMEOUT = timedelta(minutes=5)
# The other workers wait while the first one tests.
_STEP_TIMEOUT = timedelta(hours=6)


class Workers:
    """This process's rank in a group of `count`. With count 1 every method is a no-op.

    Methods that communicate raise WorkerError if another worker has ended.
    """

    def __init__(self, rank: int = 0, count: int = 1, group: ProcessGroup | None = None) -> None:
        self.rank = rank
        self.count = count
        self._group = group

    @property
    def first(self) -> bool:
        """Whether this is the worker that tests, logs and writes."""
        return self.rank == 0

    def broadcast(self, tensors: Sequence[Tensor]) -> None:
        """Copy the first worker's values into the tensors of all workers."""
        if self.count == 1:
            return
        for tensor in tensors:
            values = tensor.detach().contiguous()
            self._communicate(lambda dist, values=values: dist.broadcast(values, 0, self._group))
            with torch.no_grad():
                tensor.copy_(values)

    def broadcast_number(self, number: int) -> int:
        """Return the first worker's number."""
        agreed = torch.tensor(number)
        self.broadcast([agreed])
        return int(agreed)

    def broadcast_numbers(self, numbers: Sequence[float]) -> list[float]:
        """Return the first worker's numbers; `numbers` are as many in each worker."""
        agreed = torch.tensor(numbers, dtype=torch.float64)
        self.broadcast([agreed])
        return [float(number) for number in agreed]

    def average(self, gradients: Sequence[Tensor], requests: Sequence[bool]) -> list[bool]:
        """Replace the gradients by their means over all workers; return which requests any worker has."""
        if self.count == 1:
            return list(requests)
        flags = torch.tensor(requests, dtype=gradients[0].dtype, device=gradients[0].device)
        # One buffer, so that all of it is one exchange.
        buffer = torch.cat([*(gradient.reshape(-1) for gradient in gradients), flags])
        self._communicate(lambda dist: dist.all_reduce(buffer, group=self._group))
        buffer.div_(self.count)
        *means, agreed = torch.split(buffer, [*(gradient.numel() for gradient in gradients), len(requests)])
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean.view(gradient.shape))
        return [bool(flag) for flag in agreed.tolist()]

    def _communicate(self, exchange: Callable[..., object]) -> None:
        import torch.distributed

        try:
            exchange(torch.distributed)
        except RuntimeError as error:
            raise WorkerError(
                f"worker {self.rank} of {self.count}: another worker has ended ({_first_line(error)})."
            ) from error


def _count_of_workers() -> int:
    text = os.environ.get("WORLD_SIZE", "1")
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise WorkerError(
            f"WORLD_SIZE in the environment is {text!r}; expected a number of at least 1, as torchrun sets it. Unset it."
        )
    return int(text)


@contextmanager
def join_workers() -> Iterator[tuple[Workers, torch.device]]:
    """Join the workers that torchrun has started; without torchrun this process is the only one.

    Yields the workers and the device to compute on. Raises WorkerError if the others cannot be reached, or if torchrun ends
    this one.
    """
    count = _count_of_workers()
    cuda = torch.cuda.is_available()
    if count == 1:
        yield Workers(), torch.device("cuda" if cuda else "cpu")
        return
    import torch.distributed as dist

    device = _own_gpu() if cuda else torch.device("cpu")
    # Numbers that the workers agree on are on the CPU, gradients on the GPU: each has its own backend.
    backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
    try:
        dist.init_process_group(backend, timeout=_START_TIMEOUT)
        workers = Workers(dist.get_rank(), count, dist.new_group(timeout=_STEP_TIMEOUT))
    except (RuntimeError, ValueError) as error:
        raise WorkerError(
            f"the {count} workers did not find one another ({_first_line(error)}). "
            "Start them with torchrun; on one machine, with its option --standalone."
        ) from error

    def end(number: int, frame: FrameType | None) -> None:
        raise WorkerError(f"worker {workers.rank} of {count}: ended by torchrun, because another worker has ended.")

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield workers, device
    except BaseException:
        # This worker is ending already, and must not be ended before it has reported why.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise
    signal.signal(signal.SIGTERM, before)
    dist.destroy_process_group()


def _own_gpu() -> torch.device:
    """Select the GPU of this worker, one for each on a machine. Raises WorkerError if there are more workers than GPUs."""
    number = int(os.environ["LOCAL_RANK"])
    gpus = torch.cuda.device_count()
    if number >= gpus:
        raise WorkerError(
            f"worker {number + 1} on this machine has no GPU: found {gpus}, expected one for each worker. "
            f"Start torchrun with --nproc-per-node {gpus}, or train on the CPU with CUDA_VISIBLE_DEVICES= in front."
        )
    device = torch.device(f"cuda:{number}")
    torch.cuda.set_device(device)
    return device


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]

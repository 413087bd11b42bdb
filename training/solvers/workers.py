"""Several processes that train one net together: `torchrun --standalone --nproc-per-node N -m training train ...`.

The meaning is that of Caffe's runs on several GPUs: every worker reads its own batches, the gradients are averaged, the
first worker tests, logs and writes. N workers of batch B make the updates that one with batch N * B makes.
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

_TO_MEET = timedelta(minutes=5)
_TO_WAIT = timedelta(hours=6)  # the others wait while the first one tests


class Workers:
    """The process with number `rank` among `count`. By itself, it is alone and its methods do nothing."""

    def __init__(self, rank: int = 0, count: int = 1, group: ProcessGroup | None = None) -> None:
        self.rank, self.count, self._group = rank, count, group

    @property
    def first(self) -> bool:
        """Whether this is the one that tests, logs and writes."""
        return self.rank == 0

    def share(self, tensors: Sequence[Tensor]) -> None:
        """Give all workers the first one's numbers. Raises WorkerError, as the other methods, if one has ended."""
        for tensor in tensors if self.count > 1 else ():
            whole = tensor.detach().contiguous()
            self._together(lambda dist, whole=whole: dist.broadcast(whole, 0, self._group))
            with torch.no_grad():
                tensor.copy_(whole)

    def same(self, number: int) -> int:
        """The first worker's number."""
        agreed = torch.tensor(number)
        self.share([agreed])
        return int(agreed)

    def average(self, gradients: Sequence[Tensor], wishes: Sequence[bool]) -> list[bool]:
        """Replace the gradients by their means over all workers; which of the wishes any worker has."""
        if self.count == 1:
            return list(wishes)
        told = torch.tensor(wishes, dtype=gradients[0].dtype, device=gradients[0].device)
        whole = torch.cat([*(gradient.reshape(-1) for gradient in gradients), told])
        self._together(lambda dist: dist.all_reduce(whole, group=self._group))
        whole.div_(self.count)
        parts = torch.split(whole, [*(gradient.numel() for gradient in gradients), len(wishes)])
        for gradient, mean in zip(gradients, parts, strict=False):
            gradient.copy_(mean.view(gradient.shape))
        return [bool(wish) for wish in parts[-1].tolist()]

    def _together(self, work: Callable[..., object]) -> None:
        import torch.distributed

        try:
            work(torch.distributed)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0]
            raise WorkerError(f"worker {self.rank} of {self.count}: another worker has ended ({reason}).") from error


@contextmanager
def joined() -> Iterator[tuple[Workers, torch.device]]:
    """The workers that torchrun has started, or this process alone, and the device to compute on."""
    count, cuda = int(os.environ.get("WORLD_SIZE", "1")), torch.cuda.is_available()
    if count == 1:
        yield Workers(), torch.device("cuda" if cuda else "cpu")
        return
    import torch.distributed as dist

    device = torch.device(f"cuda:{os.environ['LOCAL_RANK']}" if cuda else "cpu")
    if cuda:
        torch.cuda.set_device(device)
    backend = "nccl" if cuda else "gloo"
    try:
        dist.init_process_group(backend, timeout=_TO_MEET)
        workers = Workers(dist.get_rank(), count, dist.new_group(timeout=_TO_WAIT, backend=backend))
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise WorkerError(
            f"the {count} workers did not find one another ({reason}). Start them by torchrun, on one machine with --standalone."
        ) from error

    def end(number: int, frame: FrameType | None) -> None:
        raise WorkerError(
            f"worker {workers.rank} of {count}: told to end, as torchrun does when another worker has ended."
        )

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield workers, device
    except BaseException:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # this one is ending already, and has yet to say why
        raise
    signal.signal(signal.SIGTERM, before)
    dist.destroy_process_group()

"""The loss that the log shows: the mean of the last iterations'."""

from __future__ import annotations


class SmoothedLoss:
    """Caffe's running mean over the last `count` losses (average_loss), whose value stays NaN once a loss was NaN."""

    def __init__(self, count: int) -> None:
        self.value = 0.0
        self._count, self._added = count, 0
        self._losses: list[float] = []

    def add(self, loss: float) -> None:
        """Take the loss of one more iteration."""
        if len(self._losses) < self._count:
            self._losses.append(loss)
            self.value += (loss - self.value) / len(self._losses)
        else:
            oldest = self._added % self._count
            self.value += (loss - self._losses[oldest]) / self._count
            self._losses[oldest] = loss
        self._added += 1

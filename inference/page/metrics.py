"""Figures for Prometheus: GET /metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest

if TYPE_CHECKING:
    from ..runner import Runner

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class Metrics:
    """The figures of one page. They have a registry of their own, so that two pages in one process do not share them."""

    def __init__(self, runner: Runner) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "moka_requests",
            "Requests by route, method and status.",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "moka_request_seconds", "Time to answer.", ["route"], buckets=SECONDS, registry=self.registry
        )
        self.pictures = Counter("moka_pictures", "Pictures answered about.", registry=self.registry)
        self.faces = Counter("moka_faces", "Faces answered about.", registry=self.registry)
        self.steps = Histogram(
            "moka_step_seconds",
            "Time of one picture in each step: detect, prepare, compute.",
            ["step"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.waiting = Gauge("moka_waiting", "Pictures that wait for the device.", registry=self.registry)
        self.streams = Gauge("moka_streams", "Watchers of the live picture or its answers.", registry=self.registry)
        self.live_frames = Counter("moka_live_frames", "Frames of the source answered about.", registry=self.registry)
        self.live_dropped = Counter(
            "moka_live_dropped", "Frames of the source that came while the device was busy.", registry=self.registry
        )
        self.captures = Counter("moka_captures", "Captures written.", registry=self.registry)
        device = runner.device
        Info("moka_device", "What computes.", registry=self.registry).info(
            {"name": device.name, "runtime": device.runtime, "precision": device.precision}
        )

    def count(self, faces: int, milliseconds: Mapping[str, float]) -> None:
        """Count a picture that was answered about."""
        self.pictures.inc()
        self.faces.inc(faces)
        for step, value in milliseconds.items():
            self.steps.labels(step).observe(value / 1e3)

    def text(self) -> bytes:
        """Return all figures as Prometheus reads them."""
        return generate_latest(self.registry)

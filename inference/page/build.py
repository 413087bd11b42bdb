"""Puts the page together: analyzer, source, routes, guard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from common.errors import UsageError

from ..analyzer import Analysis, FaceAnalyzer
from ..frame import Frame, Unreadable
from ..outputs.drawing import draw_faces
from ..people import own_cameras
from ..sources import KINDS, ON_STDIN, kind_of, open_sources
from .app import Parts, make_app
from .capture import Captures
from .engine import Engine
from .guard import Guard
from .live import Live
from .metrics import Metrics
from .settings import Limits

if TYPE_CHECKING:
    from faces.pictures import Picture


Source = tuple[str, Callable[[], Iterator[Frame | Unreadable]]]
"""What people call it, and a function that opens its frames."""


def check_source(word: str) -> None:
    """Look for the source that `--source` names. Raises UsageError unless it is a camera, an address, or can be read.

    A camera may be plugged in later; a file is there or is not.
    """
    kind = kind_of(word)
    if kind in ON_STDIN:
        raise UsageError(f"--source {word}: standard input can be read only once. Name a camera, a file or a URL.")
    frames = open_sources([word])
    if kind not in (KINDS["webcam"], KINDS["OAK"], KINDS["URL"]):
        first = next(frames, None)
        getattr(frames, "close", lambda: None)()
        if not isinstance(first, Frame):
            raise UsageError(
                f"--source {word}: {first.reason if first else 'there is no picture in it'}. Name another."
            )


def source_of(word: str, analyzer: FaceAnalyzer) -> Source:
    """Return how the source is opened. The camera of an OAK, on which the networks run, belongs to the analyzer."""
    # What is wrong with it is said before the page is there. If it is lost for good, the page starts it again now and then.
    started = [own_cameras(analyzer, [word], square=False)]

    def open_source() -> Iterator[Frame | Unreadable]:
        others = started.pop() if started else own_cameras(analyzer, [word], square=False)
        return open_sources([word], others)

    return word, open_source


class Page:
    """Everything behind one address. `guard` is the ASGI application; it releases `analyzer` when it is shut down."""

    def __init__(
        self,
        analyzer: FaceAnalyzer,
        host: str,
        token: str | None,
        limits: Limits,
        captures: Captures | None = None,
        source: Source | None = None,
    ) -> None:
        metrics = Metrics(analyzer.runner)
        self.engine = Engine(analyzer, metrics, limits)
        self.captures = captures
        self.live = Live(*source, self.engine, _draw) if source else None
        self.guard = Guard(
            make_app(Parts(self.engine, self.live, captures, limits, token)), host, token, limits, metrics
        )

    def end(self) -> None:
        """Let everybody go who watches."""
        if self.live:
            self.live.close()


def _draw(picture: Picture, analysis: Analysis) -> Picture:
    # A list below the picture would change its height from frame to frame; the page has a list of its own.
    return draw_faces(picture, analysis, listed=False)

"""Puts the page together: analyzer, source, routes, guard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ..analyzer import Analysis, FaceAnalyzer
from ..frame import Frame, Unreadable
from ..outputs.drawing import draw_faces
from .app import Parts, make_app
from .capture import Captures
from .engine import Engine
from .guard import Guard
from .live import Live
from .metrics import Metrics
from .settings import Limits

if TYPE_CHECKING:
    from faces.pictures import Picture


class Page:
    """Everything behind one address. `guard` is the ASGI application; it releases `analyzer` when it is shut down.

    `source` is a name for people and a function that opens the frames.
    """

    def __init__(
        self,
        analyzer: FaceAnalyzer,
        host: str,
        token: str | None,
        limits: Limits,
        captures: Captures | None = None,
        source: tuple[str, Callable[[], Iterator[Frame | Unreadable]]] | None = None,
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

"""Answers about everybody in pictures, folders, videos and cameras: sources, analyzer, tracker and outputs, put together.

Reading, finding faces, and asking the networks each have a thread; writing is done in the main one.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from common.errors import PictureError, UsageError
from common.files import refuse_existing
from common.process.signals import Terminated

from .analyzer import AUTO, NONE, Analysis, FaceAnalyzer, Found
from .frame import Frame, Unreadable
from .outputs import About, Outputs, kind_of, open_outputs
from .outputs.progress import Progress
from .outputs.summary import Summary
from .pipeline import Pipeline, close_source
from .sources import Opener, how_many, oak, open_sources
from .tracker import Tracker


class _Seen(NamedTuple):
    frame: Frame
    found: Found


class _Answered(NamedTuple):
    frame: Frame
    analysis: Analysis


class Session:
    """The work on all pictures of `words`. Iterate over it to get Unreadable, or a frame with its analysis, in their order.

    `box` is where the face is in every picture, if that is known. People in a video or before a camera are followed.
    """

    def __init__(self, analyzer: FaceAnalyzer, words: list[str], box: Found | None = None) -> None:
        self._analyzer = analyzer
        self._box = box
        self._tracked = ""
        self._tracker = Tracker()
        self._not_taken = 0
        items = open_sources(words, own_cameras(analyzer, words, square=not analyzer.detector_name and not box))
        self._pipeline = Pipeline(self._counted(items), [self._find, self._answer], droppable=_is_live)

    @property
    def dropped(self) -> int:
        """How many frames of cameras were dropped, because the device was too slow for them."""
        return self._not_taken + self._pipeline.dropped

    def __iter__(self) -> Generator[_Answered | Unreadable, None, None]:
        return iter(self._pipeline)

    def _counted(self, items: Iterable[Frame | Unreadable]) -> Iterator[Frame | Unreadable]:
        """Yield the items, and count the frames that a camera sent and nobody took in time: gaps in their numbers."""
        name, expected = "", 0
        try:
            for each in items:
                if isinstance(each, Frame) and each.live:
                    if each.name != name:
                        name, expected = each.name, 0
                    self._not_taken += max(0, each.index - expected)
                    expected = each.index + 1
                yield each
        finally:
            close_source(items)

    def _find(self, item: Frame | Unreadable) -> _Seen | _Answered | Unreadable:
        if isinstance(item, Unreadable):
            return item
        try:
            if item.outputs is not None:
                return _Answered(item, self._analyzer.read(item))
            return _Seen(item, self._box or self._analyzer.find(item.picture))
        except PictureError as error:
            return Unreadable(item.name, str(error))

    def _answer(self, item: _Seen | _Answered | Unreadable) -> _Answered | Unreadable:
        if not isinstance(item, _Seen):
            return item
        frame = item.frame
        try:
            analysis = self._analyzer.answer(frame.picture, item.found)
        except PictureError as error:
            return Unreadable(frame.name, str(error))
        if not frame.moving:
            return _Answered(frame, analysis)
        if frame.index == 0 or frame.name != self._tracked:
            self._tracked, self._tracker = frame.name, Tracker()
        return _Answered(frame, self._tracker.update(analysis))


def device_for(device: str, words: Sequence[str]) -> str:
    """Return the device to use: for the camera of an OAK, `auto` means the OAK. On USB it looks like a stick."""
    return "OAK" if device.lower() == AUTO and oak.WORD in words else device


def own_cameras(analyzer: FaceAnalyzer, words: Sequence[str], square: bool) -> dict[str, Opener]:
    """Start the camera of the device if `words` name it, and return how it is opened.

    With `square`, the frames are squares from the middle, and an OAK on which the networks run hands them these squares itself.
    Otherwise it sends its frames, and gets back the faces that are found here. Raises UsageError or DeviceError.
    """
    if oak.WORD not in words:
        return {}
    from .devices.oak import OakDevice
    from .finished import FinishedDevice

    device: object = analyzer.runner.device
    if isinstance(device, FinishedDevice):
        device = device.device
    if not isinstance(device, OakDevice):
        return {oak.WORD: oak.open_square} if square else {}
    if square and len(words) > 1:
        raise UsageError(
            f"{oak.WORD}: feeds the networks itself where nobody looks for faces, so they cannot be asked about other pictures. "
            "Name it alone, or leave --no-detect out."
        )
    device.start_camera(square)
    return {oak.WORD: lambda _: oak.oak_frames(device)}


def answer_about(options: argparse.Namespace) -> int:
    """Do what the command's options say. Returns 1 if something could not be read, else 0."""
    total = how_many(options.pictures)
    wanted: list[tuple[str, Path | None]] = [(kind_of(path), path) for path in options.output]
    for path in options.output:
        # Before the networks are loaded, which takes a while.
        refuse_existing(path, options.force)
    if not options.benchmark:
        wanted.insert(0, ("json" if options.json else "text", None))
    detector = NONE if options.no_detect or options.box else options.faces or AUTO
    # Before a camera, each frame's answer counts; of many pictures, their number in a second.
    hint = "throughput" if total and total > 1 else "latency"
    device = device_for(options.device, options.pictures)
    with FaceAnalyzer(
        options.graph,
        device,
        detector=detector,
        precision=options.precision,
        smallest=options.min_face,
        hint=hint,
    ) as analyzer:
        about, summary = About.of(analyzer.runner), Summary()
        session = Session(analyzer, options.pictures, Found((options.box,)) if options.box else None)
        with open_outputs(wanted, about, options.force) as outputs, Progress(total) as progress:
            _write_all(session, outputs, summary, progress)
        summary.dropped = session.dropped
    if options.benchmark:
        print(summary.as_json(about) if options.json else summary.as_text(about))
    elif summary.pictures > 1:
        print(summary.as_text(about), file=sys.stderr)
    for path in options.output:
        print(f"wrote {path}", file=sys.stderr)
    return 1 if summary.unreadable else 0


def _write_all(session: Session, outputs: Outputs, summary: Summary, progress: Progress) -> None:
    live = False
    # Closed before the device is, also after an error: the steps use it.
    with closing(iter(session)) as items:
        try:
            for item in items:
                progress.pause()
                if isinstance(item, Unreadable):
                    outputs.left_out(item)
                    summary.left_out(item)
                else:
                    live = item.frame.live
                    begun = time.perf_counter()
                    outputs.write(*item)
                    summary.add(*item, drawing=(time.perf_counter() - begun) * 1e3)
                progress.advance(session.dropped)
        except (KeyboardInterrupt, Terminated):
            # It is how one leaves a camera; what was written until then is wanted.
            if not live:
                raise


def _is_live(item: Frame | Unreadable) -> bool:
    return isinstance(item, Frame) and item.live

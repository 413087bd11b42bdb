"""One analyzer for all clients and the camera: they take turns, in the order in which they come."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from common.errors import PictureError
from common.pictures.header import read_header
from faces.pictures import check_picture, decode, is_truncated

from ..analyzer import Analysis, FaceAnalyzer
from ..errors import DeviceError, InferenceError
from .metrics import Metrics
from .settings import Limits

if TYPE_CHECKING:
    from faces.pictures import Picture

DECODED = 2
"""Pictures that are decoded and not yet answered about: one is prepared while the device works on the other."""


SILENT_SECONDS = 60.0
"""A picture that takes so long is not answered about any more."""


class Busy(InferenceError):
    """Too many pictures wait for the device."""


class Engine:
    """Answers about pictures, one at a time. It owns `analyzer`, which one thread may use."""

    def __init__(self, analyzer: FaceAnalyzer, metrics: Metrics, limits: Limits) -> None:
        self.analyzer = analyzer
        self.metrics = metrics
        self._problem = ""
        self._begun = 0.0
        self._limits = limits
        self._device = ThreadPoolExecutor(1, "device")
        self._decoders = ThreadPoolExecutor(DECODED, "decode")
        self._decoded = asyncio.Semaphore(DECODED)
        self._waiting = 0

    @property
    def problem(self) -> str:
        """What is wrong with the device: it has refused the last picture, or is silent about this one. "" if nothing is."""
        silent = time.monotonic() - self._begun if self._begun else 0.0
        if silent > SILENT_SECONDS:
            return f"The device has said nothing for {silent:.0f} s."
        return self._problem

    async def analyze(self, data: bytes) -> tuple[Picture, Analysis]:
        """Return the picture in a file's bytes, and the answers about it.

        Raises Busy, PictureError for bytes that are no picture, and what FaceAnalyzer.analyze raises.
        """
        if self._waiting >= self._limits.waiting:
            raise Busy(f"{self._waiting} pictures wait for the device already. Try again in a second.")
        self._waiting += 1
        self.metrics.waiting.set(self._waiting)
        try:
            async with self._decoded:
                loop = asyncio.get_running_loop()
                picture = await loop.run_in_executor(self._decoders, self._decode, data)
                return picture, await asyncio.wrap_future(self.submit(picture))
        finally:
            self._waiting -= 1
            self.metrics.waiting.set(self._waiting)

    def submit(self, picture: Picture) -> Future[Analysis]:
        """Let the device answer about a picture when its turn comes."""
        return self._device.submit(self._analyze, picture)

    def close(self) -> None:
        """Wait for the picture that the device is working on, and release the device."""
        self._device.shutdown(cancel_futures=True)
        self._decoders.shutdown(cancel_futures=True)
        self.analyzer.close()

    def _analyze(self, picture: Picture) -> Analysis:
        self._begun = time.monotonic()
        try:
            analysis = self.analyzer.analyze(picture)
        except DeviceError as error:
            self._problem = str(error)
            raise
        finally:
            self._begun = 0.0
        self._problem = ""
        self.metrics.count(len(analysis.faces), analysis.milliseconds)
        return analysis

    def _decode(self, data: bytes) -> Picture:
        """Decode a picture of any of the house's formats, unless it has too many pixels. Its metadata is not kept."""
        if not data:
            raise PictureError("The picture is empty. Send the bytes of a JPEG, PNG, WebP, BMP or TIFF file.")
        try:
            header = read_header(data)
            if header.width * header.height > self._limits.pixels:
                raise PictureError(
                    f"a {header.kind} of {header.width}x{header.height} pixels, but this page takes at most "
                    f"{self._limits.pixels}. Make it smaller"
                )
            if is_truncated(data):
                raise PictureError(f"a {header.kind} that is cut short ({len(data)} bytes). Send it again")
            picture = decode(data)
        except PictureError as error:
            raise PictureError(f"The picture cannot be used: {error}.") from error
        check_picture(picture, "The picture")
        return picture

"""Takes the pictures of the page in docs/: a desktop, a phone, and the dark colours. The faces are drawn.

    python -m tools.page.shots --graph graph --out docs

Needs a Chromium on PATH. The page is served with the networks of --graph and a video of drawn faces.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import math
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from common.commands import Parser, run
from common.errors import MokaError

from ..sample_faces import draw_face
from .serving import serving

SHOTS = {
    "page_desktop": (1180, 760, "light", "live"),
    "page_phone": (390, 844, "light", "photo"),
    "page_dark": (1180, 760, "dark", "photo"),
}
"""Name: width and height of the window, colours, and what it shows."""
COLOURS = 128
"""Of each PNG, so that it is small."""
PAIR = ((24, 1, 3), (45, 0, 5))
GROUP = ((8, 1, 3), (34, 0, 5), (66, 1, 12))
"""Age, gender and seed of each face."""
WALL, FRAME = (206, 214, 217), (250, 252, 252)
SECONDS, RATE = 4, 15


def main(argv: Sequence[str]) -> None:
    """Write the pictures."""
    parser = Parser(
        "python -m tools.page.shots", "python -m tools.page.shots --graph graph --out docs", __doc__.splitlines()[0]
    )
    parser.add_argument("--graph", type=Path, default=Path("graph"), metavar="DIR", help="folder of networks and cards")
    parser.add_argument(
        "--out", type=Path, default=Path("docs"), metavar="DIR", help="where the pictures go (default: docs)"
    )
    options = parser.parse_args(argv)
    browser = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
    )
    if not browser:
        raise MokaError("there is no chromium on PATH. Install one.")
    with tempfile.TemporaryDirectory() as folder:
        video, photo = Path(folder, "door.mp4"), Path(folder, "photo.jpg")
        _write_video(video)
        cv2.imwrite(str(photo), _group(GROUP, 1280, 800))
        words = ("--graph", options.graph, "--device", "CPU", "--source", video, "--capture", Path(folder, "captures"))
        with serving(*words) as (_, port):
            _take(browser, f"http://localhost:{port}/", photo, options.out)


def _group(people: Sequence[tuple[int, int, int]], width: int, height: int) -> NDArray[np.uint8]:
    """Draw some faces beside one another, before one wall."""
    picture = np.full((height, width, 3), WALL, np.uint8)
    side = min(int(0.8 * width / len(people)), int(0.66 * height))
    edge = side // 24
    for number, who in enumerate(people):
        face = np.asarray(cv2.resize(draw_face(*who), (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
        left = int((number + 0.5) * width / len(people) - side / 2)
        top = (height - side) // 2 + (height // 24) * (1 if number % 2 else -1)
        # Framed, as on a wall.
        corners = (left - edge, top - edge), (left + side + edge, top + side + edge)
        cv2.rectangle(picture, *corners, FRAME, cv2.FILLED)
        picture[top : top + side, left : left + side] = face
    return picture


def _write_video(path: Path) -> None:
    base = _group(PAIR, 960, 600)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), RATE, (960, 600))
    for index in range(SECONDS * RATE):
        angle = 2 * math.pi * index / (SECONDS * RATE)
        shift = np.array([[1, 0, 24 * math.sin(angle)], [0, 1, 8 * math.cos(angle)]], np.float32)
        writer.write(cv2.warpAffine(base, shift, (960, 600), borderMode=cv2.BORDER_REPLICATE))
    writer.release()


def _take(browser: str, address: str, photo: Path, out: Path) -> None:
    from playwright.sync_api import sync_playwright

    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser, args=options)
        for name, (width, height, scheme, view) in SHOTS.items():
            shape: Any = {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
            window = opened.new_page(**shape)
            window.goto(address)
            if view == "photo":
                window.click("#show-photo")
                window.set_input_files("#file", str(photo))
            people = len(GROUP if view == "photo" else PAIR)
            window.locator("#people > li").nth(people - 1).wait_for()
            # Until the rate has settled.
            window.wait_for_timeout(4000 if view == "live" else 500)
            _write_small(out / f"{name}.png", window.screenshot())
            window.close()
        opened.close()


def _write_small(path: Path, png: bytes) -> None:
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder, "whole.png")
        whole.write_bytes(png)
        with Image.open(whole) as picture:
            small = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
            small.save(path, optimize=True)
    print(f"wrote {path} ({path.stat().st_size} bytes)")


if __name__ == "__main__":
    run(main, group="dev")

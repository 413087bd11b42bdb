"""The command line: `python -m inference serve`."""

from __future__ import annotations

import argparse
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import UsageError
from common.places import GRAPH, ROOT
from faces.detectors import DETECTORS

from ..devices import PRECISIONS
from .settings import TOKEN_VARIABLE, Limits, check_token

if TYPE_CHECKING:
    from .build import Page

PACKAGES = ("fastapi", "uvicorn", "python_multipart", "prometheus_client", "fsspec", "s3fs")
EXAMPLE = "python -m inference serve --source webcam --capture captures"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--source", metavar="webcam|oak|FILE|URL", help="a camera or video to show (default: none)")
    parser.add_argument(
        "--host", default="127.0.0.1", help="the address to serve at (default: 127.0.0.1, this machine)"
    )
    parser.add_argument("--port", type=int, default=8080, help="the port; 0 takes a free one (default: 8080)")
    parser.add_argument(
        "--token",
        default=os.environ.get(TOKEN_VARIABLE) or None,
        help=f"a secret that clients have to know; needed for any other --host (default: {TOKEN_VARIABLE} in the environment)",
    )
    parser.add_argument(
        "--capture", metavar="DIR|s3://BUCKET/PREFIX", help="where captures are written (default: nowhere)"
    )
    parser.add_argument(
        "--graph", type=Path, default=GRAPH, metavar="DIR", help="folder of networks and cards (default: graph)"
    )
    parser.add_argument("--device", default="auto", help="a device, or auto (default)")
    parser.add_argument(
        "--faces",
        default="auto",
        metavar="DETECTOR",
        help=f"{', '.join(DETECTORS)} (docs/faces.md), none, or auto: blazeface if its files are there, else haar (default)",
    )
    parser.add_argument("--precision", choices=PRECISIONS, default="f32", help="what a CPU computes in (default: f32)")


def main(options: argparse.Namespace) -> None:
    """Serve until a signal ends it."""
    _check_packages()
    check_token(options.host, options.token)
    if not 0 <= options.port <= 65535:
        raise UsageError(f"--port {options.port}: expected 0 to 65535.")

    from common.process.listening import listen

    from ..analyzer import FaceAnalyzer
    from ..people import device_for
    from .build import Page, check_source, source_of
    from .capture import Captures
    from .server import make_server

    limits = Limits()
    # What can be refused quickly comes first, before the networks are loaded.
    with listen(options.host, options.port) as listening:
        captures = Captures(options.capture) if options.capture else None
        if options.source:
            check_source(options.source)
        device = device_for(options.device, [options.source])
        analyzer = FaceAnalyzer(options.graph, device, detector=options.faces, precision=options.precision)
        source = source_of(options.source, analyzer) if options.source else None
        page = Page(analyzer, options.host, options.token, limits, captures, source)
        server = make_server(page.guard, limits, page.end)
        print(_about(options, page, listening.getsockname()[1]), flush=True)
        server.run([listening])


def _check_packages() -> None:
    """Raise UsageError if the packages of the page are not installed: those of the runner may be, without them."""
    missing = [name for name in PACKAGES if not find_spec(name)]
    if missing:
        raise UsageError(
            f"the page needs packages that are not installed ({', '.join(missing)}). Install them: "
            f"{sys.executable} -m pip install -r {ROOT}/locks/page.txt"
        )


def _about(options: argparse.Namespace, page: Page, port: int) -> str:
    """Say where the page is, and what it runs on."""
    runner = page.engine.analyzer.runner
    host = f"[{options.host.strip('[]')}]" if ":" in options.host else options.host
    rows = [
        ("page", f"http://{host}:{port}/" + (", which asks for the token" if options.token else "")),
        ("device", f"{runner.device.name}, {runner.device.runtime}, {runner.device.precision}: {runner.why}"),
        ("networks", ", ".join(card.name for card in runner.cards)),
        ("faces", page.engine.analyzer.detector_name or "not looked for: every picture is one face"),
        ("source", page.live.source if page.live else "none: photographs and the browser's own camera"),
        ("capture", page.captures.place if page.captures else "off"),
    ]
    return "\n".join([*(f"{name:10}{text}" for name, text in rows), "Ctrl-C ends it."])

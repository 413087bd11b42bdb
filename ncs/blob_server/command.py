"""Verb `blob_server`: answer blobconverter's requests on this machine."""

from __future__ import annotations

import argparse
import logging
import re
import sys
from importlib.util import find_spec

from common.errors import UsageError
from common.places import ROOT

from .. import compiler

EXAMPLE = "./moka blob_server --port 8060"
PACKAGES = ("starlette", "uvicorn", "python_multipart", "yaml")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--port", type=int, default=8060, help="the port; 0 takes a free one (default: 8060)")
    parser.add_argument(
        "--host", default="127.0.0.1", help="the address to serve at (default: 127.0.0.1, this machine)"
    )
    parser.add_argument(
        "--token", help="a secret of 16 or more letters and digits in the address; needed for any other --host"
    )
    parser.add_argument(
        "--most_mb", type=int, default=512, metavar="MB", help="the largest request in megabytes (default: 512)"
    )
    parser.add_argument(
        "--time_limit",
        type=float,
        default=compiler.TIMEOUT,
        metavar="SECONDS",
        help=f"after which a compilation is stopped (default {compiler.TIMEOUT:g})",
    )


def main(options: argparse.Namespace) -> None:
    """Serve until a signal ends it."""
    missing = [name for name in PACKAGES if not find_spec(name)]
    if missing:
        raise UsageError(
            f"blob_server needs packages that are not installed ({', '.join(missing)}). Install them: "
            f"{sys.executable} -m pip install -r {ROOT}/locks/page.txt"
        )
    if options.host not in _LOOPBACK and not options.token:
        raise UsageError(f"--host {options.host}: others could reach it, so it needs a --token SECRET, too.")
    if options.token is not None and not _TOKEN.fullmatch(options.token):
        raise UsageError("--token: expected 16 to 128 letters, digits, _ and -, because it stands in the address.")
    if not 1 <= options.most_mb <= 1 << 16:
        raise UsageError(f"--most_mb {options.most_mb}: expected 1 to {1 << 16}.")
    if not 0 <= options.port <= 65535:
        raise UsageError(f"--port {options.port}: expected 0 to 65535.")
    compiler.check_limit(options.time_limit)
    serve(options)


def serve(options: argparse.Namespace) -> None:
    """Listen, say where, and answer."""
    import uvicorn

    from common.process.listening import listen

    from .app import Limits, make_app

    app = make_app(Limits(options.most_mb << 20, options.time_limit), options.token)
    # Clients that send nonsense are no news.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=64,
        timeout_graceful_shutdown=1,
        h11_max_incomplete_event_size=16 << 10,
    )
    with listen(options.host, options.port) as listening:
        host = f"[{options.host}]" if ":" in options.host else options.host
        url = f"http://{host}:{listening.getsockname()[1]}" + (f"/{options.token}" if options.token else "")
        print(f'server    {url}\nin Python blobconverter.set_defaults(url="{url}")\nCtrl-C ends it.', flush=True)
        if not compiler.available():
            print(f"no compiler yet, so no blobs: {compiler.MAKE_TOOLCHAIN}", file=sys.stderr)
        uvicorn.Server(config).run([listening])

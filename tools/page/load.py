"""Puts the page of the runner under load, on this machine: many clients, connections that dawdle, bodies that are too large.

    python -m tools.page.load --graph graph [--clients 32] [--seconds 60]

Starts `python -m inference serve` as a process of its own, sends drawn faces, and prints what came of it. The exit code is 1 if
any request of the clients failed, or a bad one was not refused.
"""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

import http.client
import os
import platform
import re
import socket
import threading
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from common.commands import Parser, run
from common.errors import MokaError, UsageError

from ..sample_faces import draw_face
from .serving import serving

PEOPLE = ((8, 1, 3), (34, 0, 5), (66, 1, 12))
"""Age, gender and seed of the faces in the picture."""
SETTLED = 0.2
"""After this share of the time the memory is taken that the end is compared with."""
GROWTH = 1.1
OVERSIZED = 64 << 20


class Load(NamedTuple):
    """What the clients saw: seconds of each request, and what went wrong how often."""

    seconds: list[float]
    problems: Counter[str]


def main(argv: Sequence[str]) -> int:
    """Run the load and print its figures."""
    options = _options(argv)
    picture = _picture()
    with serving("--graph", options.graph, "--device", options.device) as (process, port):
        _send(port, picture)
        load = Load([], Counter())
        memory: list[float] = []
        refused: dict[str, str] = {}
        end = time.monotonic() + options.seconds
        threads = [threading.Thread(target=_client, args=(port, picture, end, load)) for _ in range(options.clients)]
        threads.append(threading.Thread(target=_watch_memory, args=(process, end, memory)))
        threads.append(threading.Thread(target=_dawdle, args=(port, options.slow, end, refused)))
        threads.append(threading.Thread(target=_oversize, args=(port, refused)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        _send(port, picture)
    return _report(options, load, memory, refused)


def _options(argv: Sequence[str]) -> Namespace:
    parser = Parser("python -m tools.page.load", "python -m tools.page.load --graph graph", __doc__.splitlines()[0])
    parser.add_argument("--graph", type=Path, default=Path("graph"), metavar="DIR", help="folder of networks and cards")
    parser.add_argument("--device", default="CPU", help="a device of the runner (default: CPU)")
    parser.add_argument("--clients", type=int, default=32, help="clients at a time (default: 32)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default: 60)")
    parser.add_argument(
        "--slow", type=int, default=64, help="connections that never send a whole request (default: 64)"
    )
    options = parser.parse_args(argv)
    if options.clients < 1 or options.slow < 0 or not 1 <= options.seconds < 1e6:
        raise UsageError(
            "--clients, --slow, --seconds: expected at least 1 client, no negative number, and 1 second or more."
        )
    return options


def _picture() -> bytes:
    """Return a JPEG of 1280x800 pixels with three drawn faces."""
    picture = np.full((800, 1280, 3), (210, 205, 196), np.uint8)
    for number, who in enumerate(PEOPLE):
        left, top = 80 + 400 * number, 200 + 60 * (number % 2)
        picture[top : top + 320, left : left + 320] = cv2.resize(
            draw_face(*who), (320, 320), interpolation=cv2.INTER_CUBIC
        )
    return bytes(cv2.imencode(".jpg", picture)[1])


def _send(port: int, picture: bytes) -> None:
    """Send one picture and check that all faces are answered about."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    problem = _ask(connection, picture)
    connection.close()
    if problem:
        raise MokaError(f"POST /analyze: {problem}.")


def _ask(connection: http.client.HTTPConnection, picture: bytes) -> str:
    connection.request("POST", "/analyze", picture, {"Content-Type": "image/jpeg"})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        return f"status {answer.status}"
    found = body.count(b'"box"')
    return "" if found == len(PEOPLE) else f"{found} faces"


def _client(port: int, picture: bytes, end: float, load: Load) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while time.monotonic() < end:
        begun = time.perf_counter()
        try:
            problem = _ask(connection, picture)
        except (OSError, http.client.HTTPException) as error:
            problem = type(error).__name__
            connection.close()
        load.seconds.append(time.perf_counter() - begun)
        if problem:
            load.problems[problem] += 1
    connection.close()


def _dawdle(port: int, count: int, end: float, refused: dict[str, str]) -> None:
    """Hold connections open with a letter now and then, and note how long the page lets them."""
    begun = time.monotonic()
    waiting = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(count)]
    for each in waiting:
        each.setblocking(False)
    longest = 0.0
    while waiting and time.monotonic() < max(end, begun + 30):
        for each in list(waiting):
            try:
                each.send(b"G")
                closed = each.recv(1) == b""
            except BlockingIOError:
                closed = False
            except OSError:
                closed = True
            if closed:
                longest = time.monotonic() - begun
                each.close()
                waiting.remove(each)
        time.sleep(0.5)
    for each in waiting:
        each.close()
    refused["slow"] = (
        f"{count} let go within {longest:.0f} s" if not waiting else f"NOT REFUSED: {len(waiting)} still open"
    )


def _oversize(port: int, refused: dict[str, str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/analyze", bytes(OVERSIZED), {"Content-Type": "image/jpeg"})
        status = connection.getresponse().status
        refused["oversized"] = f"{OVERSIZED} bytes: 413" if status == 413 else f"NOT REFUSED: {status}"
    except OSError as error:
        refused["oversized"] = f"NOT REFUSED: {type(error).__name__}"
    connection.close()


def _watch_memory(pid: int, end: float, memory: list[float]) -> None:
    while time.monotonic() < end:
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("ascii"))
        memory.append(int(found[1]) / 1024 if found else 0.0)
        time.sleep(0.25)


def _report(options: Namespace, load: Load, memory: list[float], refused: dict[str, str]) -> int:
    times = sorted(load.seconds)
    p50, p90, p99 = (1e3 * times[min(len(times) - 1, int(len(times) * share))] for share in (0.5, 0.9, 0.99))
    settled = memory[int(len(memory) * SETTLED)]
    last = float(np.median(memory[-8:]))
    problems = ", ".join(f"{count} x {name}" for name, count in load.problems.items()) or "none"
    rows = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the end",
        "clients": f"{options.clients} for {options.seconds:g} s, {len(PEOPLE)} faces a picture, device {options.device}",
        "pictures": f"{len(times)}, {len(times) / options.seconds:.1f} a second",
        "errors": problems,
        "latency": f"p50 {p50:.0f} ms, p90 {p90:.0f} ms, p99 {p99:.0f} ms, longest {1e3 * times[-1]:.0f} ms",
        "memory": f"{settled:.0f} MB after {SETTLED:.0%} of the time, {last:.0f} MB at the end, at most {max(memory):.0f} MB",
        **dict(sorted(refused.items())),
    }
    print("\n".join(f"{name:10}{text}" for name, text in rows.items()))
    failed = load.problems or last > GROWTH * settled or any(text.startswith("NOT") for text in refused.values())
    return 1 if failed else 0


if __name__ == "__main__":
    run(main, group="page")

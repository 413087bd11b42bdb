"""Connections that take too long, over real sockets of this machine."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import numpy as np

from inference.page.settings import Limits
from kits.page import make_page, moving, served

HEAD = b"POST /analyze HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n"


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def rest_of(connection: socket.socket) -> bytes:
    """All that comes until the other side closes the connection."""
    parts = []
    try:
        while part := connection.recv(1 << 16):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def test_a_head_that_comes_by_single_letters_is_not_waited_for(tmp_path: Path) -> None:
    """Slow loris: many connections that never send a whole request."""
    limits = Limits(head_seconds=0.3)
    with served(make_page(tmp_path, limits=limits), limits) as port:
        slow = [connect(port) for _ in range(20)]
        for each in slow[:10]:
            each.sendall(b"GET /healthz HTTP/1.1\r\nHost: local")
        with connect(port) as quick:
            quick.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert rest_of(quick).startswith(b"HTTP/1.1 200 OK")
        for each in slow:
            assert rest_of(each) == b""
            each.close()


def test_a_second_request_on_a_connection_is_not_waited_for_either(tmp_path: Path) -> None:
    limits = Limits(head_seconds=0.3)
    with served(make_page(tmp_path, limits=limits), limits) as port, connect(port) as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert slow.recv(1 << 16).startswith(b"HTTP/1.1 200 OK")
        slow.sendall(b"GET /heal")
        assert b"HTTP/1.1" not in rest_of(slow)


def test_a_body_that_never_ends_is_not_waited_for(tmp_path: Path) -> None:
    limits = Limits(body_seconds=0.3)
    with served(make_page(tmp_path, limits=limits), limits) as port, connect(port) as slow:
        slow.sendall(HEAD % 1000 + b"x")
        answer = rest_of(slow)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"The body took more than 0.3 s." in answer


def test_a_body_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with served(make_page(tmp_path)) as port, connect(port) as large:
        large.sendall(HEAD % (1 << 40))
        assert large.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_sends_all_of_a_large_body_still_reads_the_answer(tmp_path: Path) -> None:
    with served(make_page(tmp_path, limits=Limits(body=1 << 20))) as port, connect(port) as large:
        large.sendall(HEAD % (8 << 20) + bytes(8 << 20))
        answer = rest_of(large)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.rstrip(b"\r\n0").endswith(b'Make the picture smaller."}')


def test_a_head_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with served(make_page(tmp_path)) as port, connect(port) as large:
        large.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + bytes(20_000).replace(b"\0", b"x"))
        assert rest_of(large).startswith(b"HTTP/1.1 400 ")


def test_who_reads_nothing_of_a_video_is_let_go(tmp_path: Path) -> None:
    noise = moving(picture=np.random.default_rng(1).integers(0, 256, (960, 1280, 3), np.uint8))
    limits = Limits(stall_seconds=0.3)
    page = make_page(tmp_path, limits=limits, source=("camera", noise))
    with served(page, limits) as port, connect(port) as stalled:
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.sendall(b"GET /video HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert stalled.recv(15) == b"HTTP/1.1 200 OK"
        deadline = time.monotonic() + 30
        while page.live._watchers == 0:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        while page.live._watchers:
            assert time.monotonic() < deadline, "it still holds the stream"
            time.sleep(0.05)


def test_too_many_connections_are_told_so(tmp_path: Path) -> None:
    limits = Limits(connections=5)
    with served(make_page(tmp_path, limits=limits), limits) as port:
        idle = [connect(port) for _ in range(5)]
        with connect(port) as one_more:
            one_more.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert rest_of(one_more).startswith(b"HTTP/1.1 503 ")
        for each in idle:
            each.close()


def test_ending_does_not_wait_for_watchers(tmp_path: Path) -> None:
    page = make_page(tmp_path, source=("camera", moving()))
    with served(page) as port, connect(port) as watcher:
        watcher.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        seen = b""
        while b"data: {" not in seen:
            seen += watcher.recv(1 << 16)
        page.end()
        while not seen.endswith(b"\r\n0\r\n\r\n"):
            seen += watcher.recv(1 << 16)

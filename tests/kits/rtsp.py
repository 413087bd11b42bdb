"""A camera that speaks RTSP (RFC 2326), with JPEGs over RTP (RFC 2435) inside the same connection.

It knows just what a client asks for: OPTIONS, DESCRIBE, SETUP, PLAY. After `count` frames it falls silent or hangs up.
"""

from __future__ import annotations

import base64
import contextlib
import socketserver
import struct
import threading

import cv2

from kits.sources import shade

_MOST = 1400
_CLOCK = 90_000


class Camera(socketserver.ThreadingTCPServer):
    """`hang`: say nothing after the frames, and keep the connection. `user`: NAME:PASSWORD that it asks for."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, count: int = 10**6, hang: bool = False, user: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Client)
        self.count, self.hang, self.user = count, hang, user
        self.visits = 0
        self.leave = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"rtsp://127.0.0.1:{self.server_address[1]}/stream"

    def close(self) -> None:
        self.leave.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def __enter__(self) -> Camera:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Client(socketserver.StreamRequestHandler):
    server: Camera

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            self._talk()

    def _talk(self) -> None:
        while line := self.rfile.readline():
            words = line.decode("latin-1").split()
            headers = {}
            while (line := self.rfile.readline().strip()) and b":" in line:
                name, _, value = line.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            number = headers.get("cseq", "0")
            wanted = "Basic " + base64.b64encode(self.server.user.encode()).decode()
            if self.server.user and words[0] != "OPTIONS" and headers.get("authorization") != wanted:
                self._answer(number, "401 Unauthorized", 'WWW-Authenticate: Basic realm="camera"\r\n')
            elif words[0] == "OPTIONS":
                self._answer(number, more="Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n")
            elif words[0] == "DESCRIBE":
                text = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\n"
                text += "a=control:track\r\n"
                self._answer(
                    number, more=f"Content-Type: application/sdp\r\nContent-Length: {len(text)}\r\n", body=text
                )
            elif words[0] == "SETUP":
                self._answer(number, more="Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n")
            elif words[0] == "PLAY":
                self.server.visits += 1
                self._answer(number, more="Session: 1\r\nRange: npt=0-\r\n")
                self._play()
                return
            else:
                self._answer(number)

    def _answer(self, number: str, status: str = "200 OK", more: str = "", body: str = "") -> None:
        self.wfile.write(f"RTSP/1.0 {status}\r\nCSeq: {number}\r\n{more}\r\n{body}".encode())

    def _play(self) -> None:
        sequence = 0
        for frame in range(self.server.count):
            tables, scan = _parts(cv2.imencode(".jpg", shade(frame))[1].tobytes())
            for start in range(0, len(scan), _MOST):
                part = scan[start : start + _MOST]
                last = start + _MOST >= len(scan)
                # 4:2:0 is type 1; Q 255 says that the tables follow; sides are in units of 8 pixels.
                jpeg = struct.pack(">IBBBB", start, 1, 255, 64 // 8, 48 // 8)
                jpeg += struct.pack(">BBH", 0, 0, len(tables)) + tables if start == 0 else b""
                marker = 0x80 if last else 0
                rtp = struct.pack(">BBHII", 0x80, marker | 26, sequence & 0xFFFF, frame * _CLOCK // 25, 7) + jpeg + part
                self.wfile.write(struct.pack(">cBH", b"$", 0, len(rtp)) + rtp)
                sequence += 1
            if self.server.leave.wait(0.01):
                return
        if self.server.hang:
            self.server.leave.wait(60)


def _parts(jpeg: bytes) -> tuple[bytes, bytes]:
    """The two tables of quantization, and the data of the scan."""
    tables, position = b"", 2
    while True:
        code, length = jpeg[position + 1], int.from_bytes(jpeg[position + 2 : position + 4], "big")
        content = jpeg[position + 4 : position + 2 + length]
        if code == 0xDB:
            tables += b"".join(content[start + 1 : start + 65] for start in range(0, len(content), 65))
        position += 2 + length
        if code == 0xDA:
            return tables, jpeg[position:-2]

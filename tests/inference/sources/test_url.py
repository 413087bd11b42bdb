"""Addresses, against a server on this computer: a stream of JPEGs, a video, a picture, and servers that misbehave."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import pytest

import inference.sources.live as live
import inference.sources.url as url
from inference.frame import Frame
from inference.sources import open_sources
from inference.sources.url import public_name
from kits.sources import frames, reasons, shade, write_video


class Site(BaseHTTPRequestHandler):
    film = b""
    transport = b""
    names = "film.ts"
    asked: list[tuple[str, str]] = []  # noqa: RUF012 - emptied by the fixture

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        Site.asked.append((self.path, self.headers.get("Authorization", "")))
        jpeg = cv2.imencode(".jpg", shade(5))[1].tobytes()
        if path == "/face.jpg":
            self.answer("image/jpeg", jpeg)
        elif path == "/cut.jpg":
            self.answer("image/jpeg", jpeg[: len(jpeg) // 2])
        elif path == "/film.mp4":
            self.answer("video/mp4", Site.film)
        elif path == "/film.ts":
            self.answer("video/mp2t", Site.transport)
        elif path == "/list.m3u8":
            text = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.2,\n{Site.names}\n#EXT-X-ENDLIST\n"
            self.answer("application/x-mpegurl", text.encode())
        elif path == "/page":
            self.answer("text/html", b"<html>no picture</html>")
        elif path == "/stream":
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            for _ in range(40):
                self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\n")
                self.wfile.write(f"Content-Length: {len(jpeg)}\r\n\r\n".encode() + jpeg + b"\r\n")
                time.sleep(0.01)
        elif path == "/slow.jpg":
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            for _ in range(100):
                self.wfile.write(b"\xff")
                self.wfile.flush()
                time.sleep(0.05)
        elif path == "/unnamed":
            self.answer("application/octet-stream", jpeg)
        elif path in ("/digest", "/locked") and not self.headers.get("Authorization"):
            how = 'Digest realm="camera", nonce="1", qop="auth"' if path == "/digest" else 'Basic realm="camera"'
            self.send_response(401)
            self.send_header("WWW-Authenticate", how)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif path in ("/digest", "/locked"):
            self.answer("image/jpeg", jpeg)
        else:
            self.send_error(404)

    def answer(self, kind: str, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        # The reader may leave.
        with contextlib.suppress(OSError):
            super().handle()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    Site.film = write_video(tmp_path_factory.mktemp("film") / "a.mp4", 12, "mp4v").read_bytes()
    Site.transport = write_video(tmp_path_factory.mktemp("film") / "a.ts", 12, "mp4v").read_bytes()
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(live, "WAITS", (0.0,))
    Site.asked.clear()


def test_a_picture(site: str) -> None:
    (frame,) = frames(open_sources([f"{site}/face.jpg"]))
    assert (frame.name, frame.live, frame.picture.shape) == (f"{site}/face.jpg", False, (48, 64, 3))
    (reason,) = reasons(open_sources([f"{site}/cut.jpg"]))
    assert reason.startswith("cut short")


@pytest.mark.parametrize("path", ["film.mp4", "film.ts", "list.m3u8"])
def test_a_video_loses_no_frame(site: str, path: str) -> None:
    """Also one that does not say how long it is, and one that a playlist names."""
    found = frames(open_sources([f"{site}/{path}"]))
    assert [frame.index for frame in found] == list(range(12))
    assert not any(frame.live for frame in found)


def test_the_stream_of_a_camera_is_live(site: str, capfd: pytest.CaptureFixture[str]) -> None:
    source = open_sources([f"{site}/stream"])
    frame = next(source)
    assert isinstance(frame, Frame)
    assert frame.live
    assert frame.picture.shape == (48, 64, 3)
    source.close()  # type: ignore[attr-defined]
    assert capfd.readouterr() == ("", "")


def test_a_playlist_does_not_reach_files_of_this_computer(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "private.ts", 12, "mp4v")
    monkeypatch.setattr(Site, "names", f"file://{path}")
    (reason,) = reasons(open_sources([f"{site}/list.m3u8"]))
    assert reason.startswith(("no stream of pictures opened", "it opened, but sends no frame"))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/absent", "the server answers 404"),
        ("/digest", "the server answers 401"),
        ("/page", "no stream of pictures opened"),
    ],
)
def test_what_is_neither(site: str, path: str, words: str, capfd: pytest.CaptureFixture[str]) -> None:
    (reason,) = reasons(open_sources([site + path]))
    assert words in reason
    assert capfd.readouterr().err == ""


def test_user_and_password_reach_the_camera_and_nobody_else(site: str) -> None:
    word = f"{site.replace('//', '//anna:s%20ecret@')}/locked?pwd=1234&channel=2"
    (frame,) = frames(open_sources([word]))
    assert frame.name == f"{site}/locked?pwd=...&channel=2"
    expected = "Basic " + base64.b64encode(b"anna:s ecret").decode()
    assert Site.asked == [("/locked?pwd=1234&channel=2", ""), ("/locked?pwd=1234&channel=2", expected)]
    (unreadable,) = open_sources([word.replace("locked", "absent")])
    assert "s%20ecret" not in str(unreadable)
    assert "1234" not in str(unreadable)


def test_a_camera_that_asks_for_digest(site: str) -> None:
    assert len(frames(open_sources([f"{site.replace('//', '//anna:secret@')}/digest"]))) == 1
    assert Site.asked[-1][1].startswith('Digest username="anna"')


def test_a_picture_whose_server_does_not_know_what_it_is(site: str) -> None:
    (frame,) = frames(open_sources([f"{site}/unnamed"]))
    assert not frame.live


def test_a_server_that_sends_a_byte_now_and_then(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(url, "_PICTURE_SECONDS", 0.3)
    assert reasons(open_sources([f"{site}/slow.jpg"])) == ["the server did not finish within 0.3 s"]


def test_a_picture_larger_than_a_file_may_be(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOKA_MAX_PIXELS", "100")
    (reason,) = reasons(open_sources([f"{site}/face.jpg"]))
    assert "larger than the 400 bytes" in reason


def test_a_port_where_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """It accepts the connection and then says nothing, as a camera does whose program hangs."""
    monkeypatch.setattr(url, "OPEN_SECONDS", 0.3)
    monkeypatch.setattr(live, "SILENCE", 3.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (reason,) = reasons(open_sources([f"http://127.0.0.1:{port}/face.jpg"]))
        assert "cannot be reached (timed out)" in reason
        (reason,) = reasons(open_sources([f"rtsp://anna:secret@127.0.0.1:{port}/stream"]))
        assert reason.startswith(("no stream of pictures opened within", "nothing came for"))
    (reason,) = reasons(open_sources([f"http://127.0.0.1:{port}/face.jpg"]))
    assert "refused" in reason


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("rtsp://anna:se@cret@host.example.org:554/a?b=1", "rtsp://host.example.org:554/a?b=1"),
        ("http://host.example.org/a?user=x&PASSWORD=y&id=3", "http://host.example.org/a?user=...&PASSWORD=...&id=3"),
        ("http://host.example.org/a@b/c", "http://host.example.org/a@b/c"),
        ("http://host.example.org", "http://host.example.org"),
    ],
)
def test_the_public_name(word: str, shown: str) -> None:
    assert public_name(word) == shown

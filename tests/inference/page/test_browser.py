"""The page in Chromium, without a screen and with Chromium's own fake camera.

It needs a Chromium of the system; nothing is downloaded.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from faces.face import Face
from kits.inference import detector_card, write_detector
from kits.page import TOKEN, make_page, moving, photo, served

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium on this machine"),
]
SECONDS = 20_000
"""Milliseconds that a page may take: the machine may be busy."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    options = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    if os.geteuid() == 0:
        options.append("--no-sandbox")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


def is_error(message: Any) -> bool:
    # At the end of a test the page is gone before its window.
    return message.type == "error" and "net::ERR_" not in message.text


@pytest.fixture
def window(chromium: Any) -> Iterator[Any]:
    """A window of a browser; what its console says about an error fails the test."""
    context = chromium.new_context(permissions=["camera"], viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(SECONDS)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if is_error(message) else None)
    page.problems = problems
    yield page
    context.close()
    assert problems == []


def upload(kind: str = "image/png", data: bytes | None = None) -> dict[str, Any]:
    return {"name": "photo", "mimeType": kind, "buffer": photo() if data is None else data}


def until(window: Any, true: str) -> None:
    """Wait for a JavaScript expression. Playwright's own wait evaluates text in the page, which the page forbids."""
    deadline = time.monotonic() + SECONDS / 1e3
    while not window.evaluate(true):
        assert time.monotonic() < deadline, f"{true} is still not so"
        window.wait_for_timeout(30)


def people_of(window: Any, count: int) -> list[str]:
    """The text of the list, when it has so many people."""
    until(window, f"document.querySelectorAll('#people > li').length === {count}")
    return [" ".join(text.split()) for text in window.locator("#people > li").all_inner_texts()]


def test_a_photograph_is_chosen_and_answered_about(tmp_path: Path, window: Any) -> None:
    with served(make_page(tmp_path)) as port:
        window.goto(f"http://127.0.0.1:{port}/")
        assert window.title() == "Moka"
        window.set_input_files("#file", upload())
        first, second = people_of(window, 2)
        assert re.fullmatch(r"1 Person 1 colour green \d+ %", first), first
        assert second.startswith("2 Person 2")
        assert "ms" in window.locator("#latency").inner_text()
        assert window.locator("#said").inner_text() == "2 people. 1: green. 2: green"
        # The frames of the faces lie where the faces are: 300 x 100 pixels, enlarged or not.
        shown, box = window.locator("#photo").bounding_box(), window.locator(".box").nth(1).bounding_box()
        scale = shown["width"] / 300
        assert abs(box["x"] - shown["x"] - 200 * scale) < 2
        assert abs(box["width"] - 60 * scale) < 2


def test_things_in_the_whole_picture_are_shown(tmp_path: Path, window: Any) -> None:
    write_detector(tmp_path / "graph", detector_card(), [[0, 1, 0.9, 0.25, 0.5, 0.5, 1.0]])
    with served(make_page(tmp_path)) as port:
        window.goto(f"http://127.0.0.1:{port}/")
        window.set_input_files("#file", upload())
        assert people_of(window, 1) == ["1 cat pet cat 90 %"]
        assert window.locator("#said").inner_text() == "1 thing. 1: cat"
        shown, box = window.locator("#photo").bounding_box(), window.locator(".box").bounding_box()
        assert abs(box["x"] - shown["x"] - 75 * shown["width"] / 300) < 2


def test_a_photograph_is_dropped(tmp_path: Path, window: Any) -> None:
    with served(make_page(tmp_path, faces=())) as port:
        window.goto(f"http://127.0.0.1:{port}/")
        window.wait_for_selector("#main:not([hidden])")
        window.evaluate(
            """bytes => {
                const data = new DataTransfer();
                data.items.add(new File([new Uint8Array(bytes)], "x.png", {type: "image/png"}));
                document.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
            }""",
            list(photo()),
        )
        until(window, "document.getElementById('nobody').textContent === 'No face in this picture.'")


def test_a_large_photograph_is_made_smaller_in_the_browser(tmp_path: Path, window: Any) -> None:
    from inference.page.settings import Limits

    with served(make_page(tmp_path, limits=Limits(pixels=90_000))) as port:
        window.goto(f"http://127.0.0.1:{port}/")
        window.wait_for_selector("#main:not([hidden])")
        with window.expect_response("**/analyze") as answer:
            window.set_input_files("#file", upload(data=photo(900, 300)))
        people_of(window, 2)
    assert (answer.value.json()["width"], answer.value.json()["height"]) == (300, 100)


def test_what_is_no_picture_is_said(tmp_path: Path, window: Any) -> None:
    with served(make_page(tmp_path)) as port:
        window.goto(f"http://127.0.0.1:{port}/")
        window.wait_for_selector("#main:not([hidden])")
        window.set_input_files("#file", upload(data=b"no picture at all"))
        until(window, "document.getElementById('problem').textContent.includes('not a picture')")
        assert window.locator("#problem").get_attribute("role") == "alert"
    # Chromium calls every refused request an error.
    assert all("422" in problem for problem in window.problems)
    window.problems.clear()


def test_the_camera_of_the_browser_and_a_capture_on_s3(tmp_path: Path, window: Any, bucket: Any) -> None:
    with served(make_page(tmp_path, faces=(Face((20, 20, 60, 60), 0.9),), capture="s3://faces/browser")) as port:
        window.goto(f"http://127.0.0.1:{port}/")
        window.click("#show-camera")
        people_of(window, 1)
        until(window, "document.getElementById('rate').textContent.includes('pictures/s')")
        window.click("#capture")
        until(window, "document.getElementById('note').textContent.startsWith('Captured')")
        assert window.evaluate("document.getElementById('camera').srcObject.active")
        window.click("#show-photo")
        assert window.evaluate("document.getElementById('camera').srcObject") is None
    keys = [each["Key"] for each in bucket.list_objects_v2(Bucket="faces")["Contents"]]
    assert [Path(key).suffix for key in sorted(keys)] == [".jpg", ".json"]
    answers = json.loads(bucket.get_object(Bucket="faces", Key=max(keys))["Body"].read())
    assert (len(answers["faces"]), answers["source"]) == (1, "sent")


def test_live_frames_flow_and_space_captures(tmp_path: Path, window: Any) -> None:
    page = make_page(tmp_path, source=("camera", moving()), capture=str(tmp_path / "captures"))
    with served(page) as port:
        window.goto(f"http://127.0.0.1:{port}/")
        assert len(people_of(window, 2)) == 2
        assert window.locator("#show-live").get_attribute("aria-pressed") == "true"
        until(window, "document.getElementById('video').naturalWidth > 0")
        until(window, "document.getElementById('rate').textContent.includes('pictures/s')")
        window.keyboard.press("Space")
        until(window, "document.getElementById('note').textContent.startsWith('Captured')")
        written = sorted((tmp_path / "captures").iterdir())
        assert [path.suffix for path in written] == [".jpg", ".json"]
        assert len(json.loads(written[1].read_text("utf-8"))["faces"]) == 2
        # On a button, Space presses it.
        window.focus("#show-photo")
        window.keyboard.press("Space")
        assert window.locator("#show-photo").get_attribute("aria-pressed") == "true"
        assert len(list((tmp_path / "captures").iterdir())) == 2
        window.wait_for_timeout(300)
        assert page.live._watchers == 0


def test_the_token_is_asked_for_once(tmp_path: Path, window: Any) -> None:
    page = make_page(tmp_path, token=TOKEN, source=("camera", moving()))
    with served(page) as port:
        window.goto(f"http://127.0.0.1:{port}/")
        window.fill("#token", "another-secret-altogether")
        window.keyboard.press("Enter")
        until(window, "document.getElementById('login-problem').textContent.includes('not the token')")
        window.fill("#token", TOKEN)
        window.keyboard.press("Enter")
        people_of(window, 2)
        until(window, "document.getElementById('video').naturalWidth > 0")
        window.reload()
        people_of(window, 2)
        assert TOKEN not in window.evaluate("document.cookie + location.href")
    assert all("401" in problem for problem in window.problems)
    window.problems.clear()


def test_a_phone_shows_all_without_scrolling_sideways(tmp_path: Path, window: Any) -> None:
    with served(make_page(tmp_path)) as port:
        window.set_viewport_size({"width": 360, "height": 740})
        window.goto(f"http://127.0.0.1:{port}/")
        window.set_input_files("#file", upload())
        people_of(window, 2)
        assert window.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert window.locator("#choose").bounding_box()["height"] >= 44
        people, frame = window.locator("#people").bounding_box(), window.locator("#frame").bounding_box()
        assert people["y"] > frame["y"] + frame["height"]


CONTRAST = """(names) => {
    const numbers = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
    const light = (colour) => {
        const [r, g, b] = numbers(colour).map((v) => v / 255).map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
        return .2126 * r + .7152 * g + .0722 * b;
    };
    const behind = (element) => {
        const colour = getComputedStyle(element).backgroundColor;
        return /, 0\\)$/.test(colour) ? behind(element.parentElement) : colour;
    };
    return names.map((name) => {
        const element = document.querySelector(name);
        const [one, two] = [light(getComputedStyle(element).color), light(behind(element))].sort((a, b) => b - a);
        return (one + .05) / (two + .05);
    });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_schemes(tmp_path: Path, window: Any, scheme: str) -> None:
    """At least 4.5 to 1, as the Web Content Accessibility Guidelines ask for."""
    with served(make_page(tmp_path)) as port:
        window.emulate_media(color_scheme=scheme)
        window.goto(f"http://127.0.0.1:{port}/")
        window.set_input_files("#file", upload())
        people_of(window, 2)
        dark = window.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).every((v) => v < 60)")
        names = [
            "h1",
            "#show-photo",
            "#choose",
            "dt",
            "dd.answer",
            "dd.sure",
            ".badge",
            "footer dt",
            "footer a",
            "#device",
        ]
        ratios = window.evaluate(CONTRAST, names)
    assert dark == (scheme == "dark")
    assert min(ratios) >= 4.5, dict(zip(names, ratios, strict=True))


def test_keyboard_and_screen_reader(tmp_path: Path, window: Any) -> None:
    with served(make_page(tmp_path, source=("camera", moving()), capture=str(tmp_path / "captures"))) as port:
        window.goto(f"http://127.0.0.1:{port}/")
        people_of(window, 2)
        reached = []
        for _ in range(8):
            window.keyboard.press("Tab")
            reached.append(window.evaluate("document.activeElement.id || document.activeElement.textContent"))
        buttons = ["show-live", "show-photo", "show-camera", "choose", "capture"]
        assert reached == ["Skip to the answers", *buttons, "API", "Metrics"]
        spoken = window.locator("body").aria_snapshot()
    for part in (
        'heading "Moka" [level=1]',
        'button "Live" [pressed]',
        'button "Camera of this device"',
        'img "The live picture with the answers drawn in"',
        'heading "People 2" [level=2]',
        'heading "Person 1" [level=3]',
        "term: colour",
        "definition: green",
        "2 people. 1: green. 2: green",
    ):
        assert part in spoken, spoken


def test_where_a_browser_gives_no_camera_the_page_says_what_to_do(tmp_path: Path, window: Any) -> None:
    """So it is with http to another machine than one's own."""
    window.add_init_script("Object.defineProperty(navigator, 'mediaDevices', {value: undefined})")
    with served(make_page(tmp_path)) as port:
        window.goto(f"http://127.0.0.1:{port}/")
        window.click("#show-camera")
        until(window, f"document.getElementById('empty-text').textContent.includes('ssh -L {port}:localhost:{port}')")

"""What every request passes: host, origin, rate, token, size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from inference.page.settings import Limits
from kits.page import TOKEN, client_of, make_page, photo

PNG = {"content-type": "image/png"}
ELSEWHERE = "203.0.113.7"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with client_of(make_page(tmp_path)) as opened:
        yield opened


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:8080", "moka.localhost"])
def test_names_of_this_machine(client: TestClient, host: str) -> None:
    assert client.get("/status", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "[::1", "203.0.113.7:8080"])
def test_a_name_that_only_leads_here_is_refused(client: TestClient, host: str) -> None:
    """DNS rebinding: the name of a foreign page, which leads to 127.0.0.1."""
    answer = client.get("/status", headers={"host": host})
    assert (answer.status_code, "this machine alone" in answer.json()["detail"]) == (403, True)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:9999"},
        {"origin": "null"},
        {"origin": "http://[bad"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
    ],
)
def test_another_page_in_the_browser_is_refused(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.post("/analyze", content=photo(), headers={**PNG, **headers})
    assert (answer.status_code, "Another web page" in answer.json()["detail"]) == (403, True)


def test_our_own_page_and_links_to_it_are_let_in(client: TestClient) -> None:
    own = {"origin": "http://localhost", "sec-fetch-site": "same-origin"}
    assert client.post("/analyze", content=photo(), headers={**PNG, **own}).status_code == 200
    assert client.get("/", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}).status_code == 200
    assert (
        client.get("/video", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}).status_code == 403
    )


def test_the_token(tmp_path: Path) -> None:
    page = make_page(tmp_path, host="0.0.0.0", token=TOKEN)
    with client_of(page, ELSEWHERE, "pi.example") as client:
        for path in ("/", "/page.js", "/healthz"):
            assert client.get(path).status_code == 200
        for path in ("/status", "/metrics", "/video", "/events", "/openapi.json", "/nothing"):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert client.post("/analyze", content=photo(), headers=PNG).status_code == 401
        assert client.post("/capture").status_code == 401
        wrong = {"authorization": f"Bearer {TOKEN}x"}
        assert client.get("/status", headers=wrong).status_code == 401
        right = {"authorization": f"bearer {TOKEN}"}
        assert client.get("/status", headers=right).status_code == 200
        assert client.post("/analyze", content=photo(), headers={**PNG, **right}).status_code == 200


def test_a_browser_gets_a_cookie_for_the_token(tmp_path: Path) -> None:
    page = make_page(tmp_path, host="0.0.0.0", token=TOKEN)
    with client_of(page, ELSEWHERE, "pi.example") as client:
        wrong = client.post("/session", json={"token": "another-secret-altogether"})
        assert (wrong.status_code, wrong.headers.get("set-cookie")) == (401, None)
        right = client.post("/session", json={"token": TOKEN})
        assert right.status_code == 204
        assert {"HttpOnly", "SameSite=strict"} <= set(right.headers["set-cookie"].split("; "))
        assert client.get("/status").status_code == 200
        client.cookies.clear()
        assert client.get("/status", headers={"cookie": "moka_token=wrong"}).status_code == 401
        assert client.get("/status", headers={"cookie": "moka_token; =;;"}).status_code == 401


def test_a_rate_for_each_client_that_is_not_on_this_machine(tmp_path: Path) -> None:
    page = make_page(tmp_path, host="0.0.0.0", token=TOKEN, limits=Limits(rate=0.5, burst=3))
    with client_of(page, ELSEWHERE) as client:
        codes = [client.get("/healthz").status_code for _ in range(5)]
        assert codes == [200, 200, 200, 429, 429]
        assert int(client.get("/healthz").headers["retry-after"]) in (2, 3)
        for address, status in [("203.0.113.8", 200), ("127.0.0.1", 200), (ELSEWHERE, 429)]:
            other = TestClient(page.guard, client=(address, 1), base_url="http://x.example")
            assert other.get("/healthz").status_code == status
        # A household has a /64 of addresses.
        codes = []
        for number in range(5):
            household = TestClient(page.guard, client=(f"2001:db8::{number}", 1), base_url="http://x.example")
            codes.append(household.get("/healthz").status_code)
        assert codes == [200, 200, 200, 429, 429]


def test_the_rates_of_many_clients_take_little_memory(tmp_path: Path) -> None:
    page = make_page(tmp_path, host="0.0.0.0", token=TOKEN)
    for number in range(5000):
        page.guard._wait_of(f"198.51.{number // 256}.{number % 256}")
    assert len(page.guard._rates) == 4096


def test_sizes(tmp_path: Path) -> None:
    page = make_page(tmp_path, limits=Limits(body=1000))
    with client_of(page) as client:
        large = client.post("/analyze", content=bytes(1001), headers=PNG)
        assert (large.status_code, "at most 1000 bytes" in large.json()["detail"]) == (413, True)
        parts = client.post("/analyze", content=iter([bytes(600)] * 2), headers=PNG)
        assert "transfer-encoding" in parts.request.headers
        assert parts.status_code == 413
        nonsense = client.post("/analyze", content=photo(), headers={**PNG, "content-length": "-5"})
        assert nonsense.status_code == 413
        assert page.guard._bodies == 0


def test_all_bodies_together(tmp_path: Path) -> None:
    page = make_page(tmp_path, limits=Limits(bodies=100))
    with client_of(page) as client:
        answer = client.post("/analyze", content=bytes(101), headers=PNG)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert client.get("/healthz").status_code == 200


def test_no_answer_may_be_kept_or_framed(client: TestClient) -> None:
    for answer in (client.get("/status"), client.get("/nothing"), client.post("/analyze", content=b"", headers=PNG)):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_another_server_may_stand_before_a_page_with_a_token(tmp_path: Path) -> None:
    """It hands on the name that the browser uses."""
    with client_of(make_page(tmp_path, token=TOKEN), host="pi.example") as client:
        headers = {**PNG, "origin": "https://pi.example", "authorization": f"Bearer {TOKEN}"}
        assert client.post("/analyze", content=photo(), headers=headers).status_code == 200
        assert (
            client.post("/analyze", content=photo(), headers={**headers, "origin": "https://x.example"}).status_code
            == 403
        )

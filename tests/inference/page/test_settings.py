"""Which addresses need a token, and which token will do."""

from __future__ import annotations

import pytest

from inference import UsageError
from inference.page.settings import check_token, is_loopback


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.9.1", "localhost", "LOCALHOST.", "::1", "[::1]", "::ffff:127.0.0.1"]
)
def test_this_machine(host: str) -> None:
    assert is_loopback(host)
    check_token(host, None)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "203.0.113.7", "pi.example", "localhost.example", "", "::ffff:203.0.113.7"]
)
def test_any_other_address_needs_a_token(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(UsageError, match="--token"):
        check_token(host, None)
    check_token(host, "0123456789abcdef")


@pytest.mark.parametrize("token", ["", "short", "has a space in the middle", "ümlaut-ümlaut-ümlaut"])
def test_a_token_that_will_not_do(token: str) -> None:
    with pytest.raises(UsageError, match="expected at least 16"):
        check_token("127.0.0.1", token)

"""Sockets of our servers."""

from __future__ import annotations

import pytest

from common.errors import UsageError
from common.process.listening import listen


def test_an_address_that_cannot_be_had() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"--host 127.0.0.1 --port {port}: cannot listen there .*--port 0"):
            listen("127.0.0.1", port)
    with pytest.raises(UsageError, match="cannot listen there"):
        listen("no.such.host.invalid", 0)

"""What the page allows: sizes, rates, times, and the addresses that need a token."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from common.errors import UsageError

SHORTEST_TOKEN = 16
TOKEN_VARIABLE = "MOKA_TOKEN"
"""The environment variable that --token may come from: a command line can be read by everybody on the machine."""
HOW_TO_MAKE_A_TOKEN = "python3 -c 'import secrets; print(secrets.token_urlsafe())' makes one"


@dataclass(frozen=True)
class Limits:
    """What one client may ask for, and all of them together. Bytes, pixels, seconds and numbers."""

    body: int = 16 << 20
    """Bytes of one picture file."""
    bodies: int = 64 << 20
    """Bytes of all picture files that are in memory at a time."""
    pixels: int = 25_000_000
    rate: float = 20.0
    """Requests a second of one client, on the average. Clients on this machine are not counted."""
    burst: int = 60
    """So many may come at once."""
    waiting: int = 64
    """Pictures that wait for the device."""
    streams: int = 16
    """Watchers of the live picture, or of its answers."""
    connections: int = 256
    connections_of_one: int = 64
    """Of one client that is not on this machine."""
    head_seconds: float = 10.0
    """For the head of a request."""
    body_seconds: float = 30.0
    """For its body."""
    stall_seconds: float = 30.0
    """For which a client may read nothing of what it is sent."""


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches the address or name `host`."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.split("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def check_token(host: str, token: str | None) -> None:
    """Raise UsageError unless `token` will do for a page at the address `host`."""
    if token is None:
        if not is_loopback(host):
            raise UsageError(
                f"--host {host}: everybody in the network could use the page and see the camera. Add --token SECRET or set "
                f"{TOKEN_VARIABLE} ({HOW_TO_MAKE_A_TOKEN}), or keep 127.0.0.1 and forward the port with ssh -L."
            )
        return
    if len(token) < SHORTEST_TOKEN or not all("!" <= character <= "~" for character in token):
        raise UsageError(
            f"--token: found {len(token)} characters, expected at least {SHORTEST_TOKEN}, all of them ASCII without spaces. "
            f"{HOW_TO_MAKE_A_TOKEN}."
        )

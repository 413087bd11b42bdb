"""A socket for a server of ours: the page, and blob_server."""

from __future__ import annotations

import socket

from ..errors import UsageError


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises UsageError if the address or port cannot be had."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        return socket.create_server(address, family=family, backlog=512)
    except (OSError, UnicodeError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"--host {host} --port {port}: cannot listen there ({reason}). Another program may have the port: try --port 0, "
            "which takes a free one."
        ) from error

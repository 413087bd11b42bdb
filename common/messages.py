"""Parts of messages that every room writes the same way."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from difflib import get_close_matches

COMPILE_AGAIN = "Compile the network again: ./moka compile --net NAME --force"
"""The way out for a network whose files or card do not belong together."""


def shape_text(dims: Iterable[int]) -> str:
    """Write a shape as messages do: 1x3x227x227, or "scalar" if it has no axes."""
    return "x".join(map(str, dims)) or "scalar"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean "X"?` for the known name closest to `name`, ignoring case, or "" if none is close."""
    by_lower = {each.lower(): each for each in known}
    close = get_close_matches(name.lower(), by_lower, 1)
    return f' Did you mean "{by_lower[close[0]]}"?' if close else ""


def known_names(name: str, known: Iterable[str]) -> str:
    """Return `Known: A, B, C. Did you mean "B"?`, the end of a message about an unknown name."""
    names = sorted(known, key=str.lower)
    return f"Known: {', '.join(names) or 'none'}.{did_you_mean(name, names)}"


def last_line(error: BaseException) -> str:
    """Return the last line of an error's message without its full stop.

    OpenVINO says there what is wrong; the lines above it name places in OpenVINO's source.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else "it gives no reason"


_NO_MEMORY = (
    # PyTorch, OpenCV and C++.
    "can't allocate memory",
    "Insufficient memory",
    "std::bad_alloc",
    "Storage size calculation overflowed",
    # The loader of shared libraries, the system, and Python's threads, which need memory for their stacks.
    "failed to map segment from shared object",
    "cannot allocate memory",
    "Cannot allocate memory",
    "can't start new thread",
)
_NO_REASON = ("error return without exception set", "returned NULL without setting an exception")
"""Python's own words for an extension module that failed and did not say why."""


def is_lack_of_memory(error: BaseException) -> bool:
    """Whether there was no memory for Python or numpy, or, by the words of their own errors, for another library."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, SystemError) and any(words in str(error) for words in _NO_REASON):
        # A library that gets no memory while it is loaded may end without a word. Only under a limit does that happen:
        # without one the system ends the process itself.
        return _memory_is_limited()
    return any(words in str(error) for words in _NO_MEMORY)


def _memory_is_limited() -> bool:
    if sys.platform == "win32":
        return False
    import resource

    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


def printable(text: str) -> str:
    """Write control characters as \\x1b: names in other people's files could otherwise command the terminal."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", lambda found: f"\\x{ord(found[0]):02x}", text)

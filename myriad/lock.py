"""The lock file of OpenVINO's MYRIAD plugin, which it opens when it drives a stick."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

# The plugin's own name for it, whatever TMPDIR says.
LOCK = Path("/", "tmp", "mvnc.mutex")


def why_locked_out() -> str:
    """Say why the plugin cannot open its lock file and what to do; return "" if it can.

    The plugin makes the file for its user and never deletes it. Where it cannot open it, which is so for the second user
    of a machine, it ends its process without a word.
    """
    try:
        # As the plugin does.
        os.close(os.open(LOCK, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o660))
    except OSError as error:
        reason = error.strerror
    else:
        return ""
    owner = _owner(LOCK)
    if owner is None:
        return f"{LOCK}: the lock file of OpenVINO's MYRIAD plugin cannot be made ({reason}). Check the folder's permissions."
    return (
        f"{LOCK}: the lock file of OpenVINO's MYRIAD plugin belongs to the user {owner} and cannot be opened ({reason}). "
        f"Ask {owner} or an administrator to delete it while no stick is in use."
    )


def _owner(path: Path) -> str | None:
    """Return the name of a file's user, or the number of one who has no name; None if there is no file."""
    try:
        number = path.lstat().st_uid
    except OSError:
        return None
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)

"""The lock file of the MYRIAD plugin, with a file in its place: the real one belongs to the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from kits.second_user import SecondUser
from myriad import lock

SCRIPT = """
import sys
from pathlib import Path
from myriad import lock
lock.LOCK = Path(sys.argv[1])
print(lock.why_locked_out())
"""


def test_nothing_is_said_while_it_can_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "LOCK", tmp_path / "mvnc.mutex")
    assert lock.why_locked_out() == ""
    assert lock.why_locked_out() == ""


def test_no_folder_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "LOCK", tmp_path / "none" / "mvnc.mutex")
    assert "cannot be made (No such file or directory). Check the folder" in lock.why_locked_out()


def test_a_lock_of_another_user(second_user: SecondUser) -> None:
    mutex = second_user.folder / "mvnc.mutex"
    mutex.touch(0o640)
    done = second_user.run("-c", SCRIPT, mutex)
    assert done.stdout == (
        f"{mutex}: the lock file of OpenVINO's MYRIAD plugin belongs to the user root and cannot be opened "
        "(Permission denied). Ask root or an administrator to delete it while no stick is in use.\n"
    )
    second_user.owns(mutex)
    assert second_user.run("-c", SCRIPT, mutex).stdout == "\n"

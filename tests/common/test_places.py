from __future__ import annotations

import re
from pathlib import Path

import pytest

from common import places
from common.errors import CardError, MokaError
from common.places import ROOT, name_and_card, net_files, require_toolchain, toolchain_has, toolchain_program


def names(folder: Path) -> list[str]:
    files = net_files("SmallNet", folder)
    return [str(file.relative_to(folder)) for file in (files.train_test, files.solver, files.deploy, files.card)]


IN_A_FOLDER = [
    f"SmallNet/{name}" for name in ("train_test.prototxt", "solver.prototxt", "deploy.prototxt", "card.json")
]
FLAT = [f"SmallNet{name}" for name in ("_train_test.prototxt", "_solver.prototxt", "_deploy.prototxt", ".json")]


def test_a_net_has_a_folder(tmp_path: Path) -> None:
    assert names(tmp_path) == IN_A_FOLDER
    (tmp_path / "SmallNet").mkdir()
    assert names(tmp_path) == IN_A_FOLDER


@pytest.mark.parametrize("name", ["SmallNet_train_test.prototxt", "SmallNet_deploy.prototxt", "SmallNet.json"])
def test_files_of_the_flat_layout_are_found(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert names(tmp_path) == FLAT


def test_the_folder_comes_before_the_flat_layout(tmp_path: Path) -> None:
    (tmp_path / "SmallNet").mkdir()
    (tmp_path / "SmallNet_deploy.prototxt").touch()
    assert names(tmp_path) == IN_A_FOLDER


def test_another_net_s_flat_files_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "SmallNet2_deploy.prototxt").touch()
    (tmp_path / "SmallNet_solver.prototxt").touch()
    assert names(tmp_path) == IN_A_FOLDER


@pytest.mark.parametrize("name", ["AgeNet", "GenderNet"])
def test_the_project_s_nets_are_where_net_files_says(name: str) -> None:
    files = net_files(name, ROOT / "prototxt")
    assert all(file.is_file() for file in (files.train_test, files.solver, files.deploy, files.card))


def test_name_and_card_of_a_deploy_net_in_either_layout(working_folder: Path) -> None:
    assert name_and_card(Path("nets/SmallNet/deploy.prototxt")) == ("SmallNet", Path("nets/SmallNet/card.json"))
    assert name_and_card(Path("nets/SmallNet_deploy.prototxt")) == ("SmallNet", Path("nets/SmallNet.json"))
    assert name_and_card(Path("nets/other.prototxt")) == ("other", Path("nets/other.json"))
    # The name of the folder, also if that is the current one.
    assert name_and_card(Path("deploy.prototxt")) == (working_folder.name, Path("card.json"))
    # No net is there, but whoever reads it says so.
    assert name_and_card(Path()) == ("", Path(".json"))


def test_the_tool_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "TOOLCHAIN", tmp_path)
    program = tmp_path / "movidius/bin/mo"
    assert toolchain_program("movidius", "mo") == program
    assert not toolchain_has("movidius", "mo")
    message = re.escape(f"{program}: not found. ") + ".*" + re.escape("tools/toolchain.sh movidius")
    for kind in (MokaError, CardError):
        with pytest.raises(kind, match=message):
            require_toolchain("movidius", "mo", kind)
    program.parent.mkdir(parents=True)
    program.touch()
    assert toolchain_has("movidius", "mo")
    assert require_toolchain("movidius", "mo") == program

"""A superblob against the compiler's own blobs, and against depthai 3, whose format it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import UsageError
from kits.commands import inside
from kits.ncs import write_small_net
from kits.oracle import movidius
from myriad.superblob import SHAVES, read_superblob
from ncs import compiler
from ncs.__main__ import ROOM

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small net, compiled with --superblob."""
    movidius("python")
    folder = tmp_path_factory.mktemp("superblob")
    files = write_small_net(folder)
    with inside(folder):
        ROOM.main(
            [
                *("compile", "--model", str(files["net"]), "--weights", str(files["weights"]), "--superblob"),
                *("--mean", str(files["mean"]), "--card", str(files["card"]), "--shaves", "4"),
            ]
        )
    return folder / "graph"


def test_its_own_blob_is_the_compiled_one(graph: Path) -> None:
    assert read_superblob(graph / "SmallNet.superblob").blob(4) == (graph / "SmallNet.blob").read_bytes()


@pytest.mark.parametrize("shaves", [1, 6, 8, 16])
def test_each_blob_is_what_the_compiler_makes(graph: Path, shaves: int, tmp_path: Path) -> None:
    """With one stream, and with as many as there are SHAVEs for: they do not change a blob."""
    found = read_superblob(graph / "SmallNet.superblob").blob(shaves)
    for streams in {1, min(3, SHAVES // shaves)}:
        blob = tmp_path / f"{streams}.blob"
        scratch = tmp_path / str(streams)
        scratch.mkdir()
        files = (graph / "SmallNet.xml", graph / "SmallNet.bin", blob)
        compiler.compile_blob(*files, scratch, compiler.Resources(shaves, shaves, streams))
        assert found == blob.read_bytes()


def test_depthai_reads_it(graph: Path) -> None:
    """depthai 2, which the group `oak` installs, has no superblobs. With a later one on PYTHONPATH this test runs."""
    import depthai

    if not hasattr(depthai.OpenVINO, "SuperBlob"):
        pytest.skip(f"depthai {depthai.__version__} knows no superblobs")
    theirs = depthai.OpenVINO.SuperBlob(str(graph / "SmallNet.superblob"))
    ours = read_superblob(graph / "SmallNet.superblob")
    for shaves in range(1, SHAVES + 1):
        found = theirs.getBlobWithNumShaves(shaves)
        assert found.numShaves == shaves
        assert bytes(found.data) == ours.blob(shaves)


def test_slices_are_as_many_as_shaves() -> None:
    with pytest.raises(UsageError, match="as many CMX slices as SHAVEs"):
        ROOM.main(["compile", "--net", "AgeNet", "--superblob", "--shaves", "4", "--cmx_slices", "6"])

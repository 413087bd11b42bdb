"""Snapshots: written and read back, moved, of another net, damaged; and the check of their folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from caffe_io.caffe_pb2 import TRAIN, NetParameter
from caffe_io.errors import WeightsError
from caffe_io.weights import read_solverstate, read_weights, write_solverstate
from kits.commands import inside
from kits.training_layers import build_net
from training.nets.net import Net
from training.solvers.snapshot import read_snapshot, write_snapshot


def small_net(outputs: int = 2, seed: int = 0) -> Net:
    text = f"""layer {{ name: "in" type: "Input" top: "data" input_param {{ shape {{ dim: 1 dim: 3 dim: 4 dim: 4 }} }} }}
    layer {{ name: "c" type: "Convolution" bottom: "data" top: "c"
      convolution_param {{ num_output: {outputs} kernel_size: 2 weight_filler {{ type: "xavier" }} }} }}"""
    return build_net(text, seed=seed)


def histories_of(net: Net, seed: int = 9) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(p.values.shape, generator=generator) for p in net.parameters]


def test_written_and_read_back(tmp_path: Path) -> None:
    net = small_net(seed=1)
    histories = histories_of(net)
    names = write_snapshot(net, histories, f"{tmp_path}/sub/net", 30, 2)
    assert names == (f"{tmp_path}/sub/net_iter_30.caffemodel", f"{tmp_path}/sub/net_iter_30.solverstate")
    state = read_solverstate(names[1])
    assert (state.iter, state.current_step, state.learned_net) == (30, 2, names[0])
    other = small_net(seed=2)
    theirs = [torch.zeros_like(h) for h in histories]
    assert read_snapshot(names[1], other, theirs) == (30, 2)
    for mine, copy in zip(net.parameters, other.parameters, strict=True):
        assert torch.equal(mine.values, copy.values)
    for mine, copy in zip(histories, theirs, strict=True):
        assert torch.equal(mine, copy)


def test_a_caffemodel_describes_its_net(tmp_path: Path) -> None:
    net = small_net()
    model, _ = write_snapshot(net, histories_of(net), f"{tmp_path}/net", 1, 0)
    written = NetParameter.FromString(Path(model).read_bytes())
    assert written.name == "N"
    assert [(layer.name, layer.type, layer.phase, len(layer.blobs)) for layer in written.layer] == [
        ("in", "Input", TRAIN, 0),
        ("c", "Convolution", TRAIN, 2),
    ]
    assert list(written.layer[1].blobs[0].shape.dim) == [2, 3, 2, 2]


def test_a_second_snapshot_of_the_same_number_replaces_the_first(tmp_path: Path) -> None:
    net = small_net()
    for value in (1.0, 2.0):
        with torch.no_grad():
            net.parameters[1].values.fill_(value)
        model, _ = write_snapshot(net, histories_of(net), f"{tmp_path}/net", 1, 0)
    np.testing.assert_array_equal(read_weights(model)["c"][1], [2, 2])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net_iter_1.caffemodel", "net_iter_1.solverstate"]


def test_a_pair_that_was_moved_is_found(tmp_path: Path) -> None:
    net = small_net(seed=1)
    with inside(tmp_path):
        for name in write_snapshot(net, histories_of(net), "old/net", 5, 0):
            (tmp_path / "new").mkdir(exist_ok=True)
            Path(name).rename(tmp_path / "new" / Path(name).name)
    other = small_net(seed=2)
    assert read_snapshot(tmp_path / "new/net_iter_5.solverstate", other, histories_of(other)) == (5, 0)
    assert torch.equal(other.parameters[0].values, net.parameters[0].values)


def test_snapshots_that_do_not_fit(tmp_path: Path) -> None:
    net = small_net()
    model, state = write_snapshot(net, histories_of(net), f"{tmp_path}/net", 5, 0)
    with pytest.raises(WeightsError, match="has 2 history blobs; expected 1 for the net's 2 weights"):
        read_snapshot(state, net, histories_of(net)[:1])
    write_solverstate(tmp_path / "other.solverstate", 5, model, [np.zeros((7,), np.float32)] * 2)
    with pytest.raises(WeightsError, match=r'other.*history of layer "c", blob 0, is 7; expected 2x3x2x2'):
        read_snapshot(tmp_path / "other.solverstate", net, histories_of(net))
    write_solverstate(tmp_path / "none.solverstate", 5, "", [])
    with pytest.raises(WeightsError, match="names no caffemodel"):
        read_snapshot(tmp_path / "none.solverstate", net, histories_of(net))
    with pytest.raises(WeightsError, match=r"net_iter_5\.caffemodel"):
        read_snapshot(state, small_net(outputs=3), histories_of(net))
    with pytest.raises(WeightsError, match=r"no iteration number.*caffemodel.*--weights"):
        read_snapshot(model, net, histories_of(net))
    Path(model).unlink()
    with pytest.raises(WeightsError, match=r"net_iter_5\.caffemodel cannot be read"):
        read_snapshot(state, net, histories_of(net))


def test_hdf5(tmp_path: Path) -> None:
    net, other = small_net(seed=1), small_net(seed=2)
    histories, theirs = histories_of(net), histories_of(net, seed=3)
    names = write_snapshot(net, histories, f"{tmp_path}/net", 30, 2, hdf5=True)
    assert names == (f"{tmp_path}/net_iter_30.caffemodel.h5", f"{tmp_path}/net_iter_30.solverstate.h5")
    assert read_snapshot(names[1], other, theirs) == (30, 2)
    assert all(torch.equal(a.values, b.values) for a, b in zip(net.parameters, other.parameters, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(histories, theirs, strict=True))


def test_a_kill_between_the_two_files_leaves_no_mixed_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An earlier run's solver state of that number must not pair with the new weights."""
    net = small_net()
    model, state = write_snapshot(net, histories_of(net), f"{tmp_path}/net", 7, 0)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.solvers.snapshot.write_solverstate", killed)
    with pytest.raises(KeyboardInterrupt):
        write_snapshot(net, histories_of(net), f"{tmp_path}/net", 7, 0)
    assert Path(model).exists()
    assert not Path(state).exists()

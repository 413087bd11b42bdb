"""The blobs behind the published frame rates are those that the compiler makes."""

from __future__ import annotations

import pytest
from google.protobuf import text_format

from caffe_io.caffe_pb2 import NetParameter
from kits.oracle import movidius
from myriad.cost.constants import LATENCIES
from tools.blob_cost.published import asks, efforts, read
from tools.blob_cost.zoo import cost_of
from tools.zoo import NETS

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize("name", ["ResNet-18"])
def test_what_a_published_net_asks_is_what_its_blob_asks(name: str) -> None:
    movidius("python")
    entry = NETS[name]
    cost = cost_of(text_format.Parse(entry.writer(entry.full, 1.0).text, NetParameter()))
    (net,) = (net for net in read() if net.net.startswith(name))
    assert efforts(asks(cost.blob)) == net.efforts
    assert cost.latency == pytest.approx(net.latency / 1e3, rel=LATENCIES.worst - 1)

from __future__ import annotations

import json
import struct
from pathlib import Path

from kits.net_blobs import read_bytes, read_records
from myriad.listing import as_json
from tools.fuzz_blobs.samples import arithmetic, network
from tools.fuzz_blobs.writer import Record, Tensor, blob


def test_a_network(tmp_path: Path) -> None:
    found = json.loads(json.dumps(as_json.contents(read_bytes(tmp_path, network()))))
    assert found["header"]["shaves"] == 4
    assert found["multiply_adds"] == 8 * 8 * 8 * 3 * 9
    assert found["inputs"][0]["dims"] == [1, 3, 8, 8]
    unit, copy = found["stages"][1], found["stages"][3]
    assert unit["jobs"][0]["job"] == "convolution" and unit["jobs"][0]["kernel"] == [3, 3]
    assert unit["data"][3] == {
        "role": "out",
        "element": "FP16",
        "order": "NCHW",
        "dims": [1, 8, 8, 8],
        "strides": [1024, 128, 16, 2],
        "bytes": 1024,
        "place": "cmx",
        "offset": 4096,
    }
    assert (copy["name"], copy["beside"]) == ("Copy", 2)


def test_unknown_stages_and_computed_shapes(tmp_path: Path) -> None:
    found = as_json.contents(read_bytes(tmp_path, arithmetic()))
    assert found["stages"][8]["raw_parameters"] == "010000000200000003000000"
    assert found["stages"][7]["data"][5]["fixed"] is False


def test_numbers_that_json_lacks(tmp_path: Path) -> None:
    data = Tensor((1, 3, 8, 8))
    record = Record(57, [data, data], struct.pack("<ff", -float("inf"), float("nan")))
    blob_read = read_bytes(tmp_path, blob([("data", data)], [("prob", data)], [record]))
    text = json.dumps(as_json.contents(blob_read), allow_nan=False)
    assert json.loads(text)["stages"][0]["parameters"] == {"min": "-inf", "max": "nan"}
    assert read_records(tmp_path, record)[0].parameters["min"] == -float("inf")

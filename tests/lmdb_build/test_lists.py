from __future__ import annotations

import os
from pathlib import Path

import pytest

from common.errors import OutputExists
from lmdb_build.errors import ListError
from lmdb_build.lists import Entry, list_text, read_list, refuse_other_lists, refuse_several_labels, write_lists


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "list.txt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_the_label_stands_after_the_last_space(tmp_path: Path) -> None:
    path = write(tmp_path, "a b/c d.jpg 3\n x.jpg 0\ny.jpg 2147483647")
    assert read_list(path) == [("a b/c d.jpg", 3), (" x.jpg", 0), ("y.jpg", 2**31 - 1)]


def test_negative_labels_as_caffe_reads_them(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jpg -1\nb.jpg -2147483648\nc.jpg +5\nd.jpg -0")
    assert [entry.label for entry in read_list(path)] == [-1, -(2**31), 5, 0]


def test_lists_from_other_systems(tmp_path: Path) -> None:
    assert read_list(write(tmp_path, "a.jpg 3\r\nb.jpg 4\r\n\r\n\n")) == [("a.jpg", 3), ("b.jpg", 4)]


def test_a_byte_order_mark_is_no_part_of_the_first_path(tmp_path: Path) -> None:
    assert read_list(write(tmp_path, "\ufeffa.jpg 3\nb.jpg 4\n")) == [("a.jpg", 3), ("b.jpg", 4)]
    with pytest.raises(ListError, match=r"is UTF-16 text. Save it as UTF-8"):
        read_list(write(tmp_path, "a.jpg 3\n".encode("utf-16")))


def test_several_labels(tmp_path: Path) -> None:
    entries = [Entry("a.jpg", 1), Entry("a.png 0 1", 0), Entry("b 7", 2), Entry("c.png 0.5 -1e-3", 2)]
    with pytest.raises(ListError, match=r'list, line 2: "a\.png 0 1 0" has several labels\. .*HDF5Data.*second LMDB'):
        refuse_several_labels("list", f"{tmp_path}/", entries)
    (tmp_path / "a.png 0 1").touch()
    with pytest.raises(ListError, match=r"list, line 4"):
        refuse_several_labels("list", f"{tmp_path}/", entries)
    refuse_several_labels("list", f"{tmp_path}/", entries[:3])


@pytest.mark.timeout(20)
def test_a_list_that_is_a_fifo_or_a_device(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "list")
    with pytest.raises(ListError, match=r"list: cannot be read .a FIFO, not an ordinary file"):
        read_list(tmp_path / "list")
    with pytest.raises(ListError, match=r"/dev/zero: cannot be read .a device"):
        read_list("/dev/zero")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    entries = [Entry("data/ä ö.jpg", 8), Entry(b"not utf-8 \xff.jpg".decode("utf-8", "surrogateescape"), 0)]
    assert read_list(write(tmp_path, list_text(entries))) == entries


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.jpg 1\nb.jpg\n", "line 2: 'b.jpg' has no label"),
        ("a.jpg 1\n\nb.jpg 2\n", "line 2: '' has no label"),
        ("a.jpg 1\nb.jpg two\n", "line 2: the label 'two' is not an integer"),
        ("a.jpg 1.5", r"line 1: the label '1.5' is not an integer. .*HDF5Data.*second LMDB"),
        ("a.jpg 1e3", r"line 1: the label '1e3' is not an integer. .*HDF5Data"),
        ("a.jpg " + "1" * 5000, "line 1: the label '1+' is not an integer"),
        ("a.jpg\t1", "line 1: .* has no label"),
        ("a.jpg \nb.jpg 1\n", "line 1: the label '' is not an integer"),
        ("a.jpg 1_0", "line 1: the label '1_0' is not an integer"),
        ("a.jpg 0\na.jpg 1\na.jpg -2147483649\n", "line 3: the label -2147483649 is out of range"),
        ("a.jpg 2147483648", "line 1: the label 2147483648 is out of range"),
        (" 3", "line 1: ' 3' has no label"),
        ("", "is empty"),
        ("\n\n", "is empty"),
    ],
)
def test_a_line_that_is_not_path_and_label(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ListError, match=message):
        read_list(write(tmp_path, text))


def test_a_missing_list(tmp_path: Path) -> None:
    with pytest.raises(ListError, match=r"none\.txt: cannot be read \(No such file.*build_dataset"):
        read_list(tmp_path / "none.txt")


def test_a_path_with_a_line_break_is_not_written() -> None:
    with pytest.raises(ListError, match="line break"):
        list_text([Entry("a\nb.jpg", 1)])


def test_a_list_is_only_written_if_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "DEF" / "list.txt"
    write_lists({path: b"a 1\n"})
    before = path.stat()
    refuse_other_lists({path: b"a 1\n"})
    write_lists({path: b"a 1\n"})
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ino == before.st_ino
    with pytest.raises(OutputExists, match="--force"):
        refuse_other_lists({path: b"b 1\n"})
    refuse_other_lists({path: b"b 1\n"}, force=True)
    write_lists({path: b"b 1\n"})
    assert path.read_bytes() == b"b 1\n"
    assert [file.name for file in path.parent.iterdir()] == ["list.txt"]


def test_old_and_new_lists_are_never_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that ends between two renames leaves some of the new lists, and none of an earlier division."""
    paths = [tmp_path / name for name in ("train.csv", "test.csv", "same.json", "report.json")]
    old = {path: b"same" if path.stem == "same" else b"old" for path in paths}
    stale = tmp_path / "val.csv"
    write_lists({**old, stale: b"old"})
    replace, done = Path.replace, []

    def stopped(path: Path, target: Path) -> Path:
        if len(done) == 1:
            raise KeyboardInterrupt
        done.append(target)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_lists({path: b"same" if path.stem == "same" else b"new" for path in paths}, [stale])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"train.csv": b"new", "same.json": b"same"}

"""Says what a file is that was taken for another: most damaged downloads are one of a few kinds of file."""

from __future__ import annotations

import re

HEAD = 4096
"""How many bytes of the beginning of a file `what_it_is` needs."""

_LFS = (
    "It is a Git LFS pointer, not the file itself. Fetch the file with `git lfs pull` in its repository, "
    "or download it from the repository's page."
)
_PAGE = (
    "It is a web page (HTML), not the file itself: the address led to a page, such as a login or a download's warning. "
    "Open the address in a browser and download the file from there."
)
_ZIP = "It is a zip archive. Unpack it first. (PyTorch's .pth and .pt, Keras's .keras and NumPy's .npz are zip archives, too.)"

# What the bytes of a file begin with, and what to say.
_MAGIC: list[tuple[bytes, str]] = [
    (b"version https://git-lfs.github.com/spec/", _LFS),
    (b"\x89HDF\r\n\x1a\n", "It is an HDF5 file."),
    (b"PK\x03\x04", _ZIP),
    (b"\x1f\x8b", "It is packed with gzip. Unpack it first (gunzip, or tar xzf)."),
    (b"BZh", "It is packed with bzip2. Unpack it first (bunzip2, or tar xjf)."),
    (b"\xfd7zXZ\0", "It is packed with xz. Unpack it first (unxz, or tar xJf)."),
    (b"7z\xbc\xaf\x27\x1c", "It is a 7z archive. Unpack it first."),
    (b"Rar!", "It is a RAR archive. Unpack it first."),
    (b"\xff\xd8\xff", "It is a JPEG picture."),
    (b"\x89PNG\r\n\x1a\n", "It is a PNG picture."),
    (b"\x93NUMPY", "It is a NumPy array (.npy)."),
    (b"\x80\x02", "It is a Python pickle. An older .pth of PyTorch is one. It holds no Caffe net."),
    (b"%PDF-", "It is a PDF document."),
    (b"\x08\x03\x12\x07pytorch", "It is an ONNX model, which no command here reads."),
]

# What text begins with, and what to say.
_TEXT: list[tuple[re.Pattern[str], str]] = [
    (re.compile(r"\s*(<!--.*?-->\s*)*<(!doctype html|html|head|body)\b", re.IGNORECASE | re.DOTALL), _PAGE),
    (re.compile(r'\s*(<\?xml[^>]*\?>\s*)?<net\s+name="'), "It is an OpenVINO model (.xml), which is compiled already."),
    (
        re.compile(r"\s*<(\?xml|!DOCTYPE|Error>)"),
        "It is XML, such as the answer of a server that refused the download.",
    ),
    (re.compile(r'\s*\{\s*"'), "It is JSON."),
    (re.compile(r"\s*\[net\]", re.IGNORECASE), "It is a net of Darknet (.cfg), not of Caffe."),
    (re.compile(r"(#.*\n|\s)*(import|from)\s+[\w.]+\s*(import|as|,|\n)"), "It is a Python program."),
    (re.compile(r"#!.*\b(ba|z|da)?sh\b"), "It is a shell script."),
]
_PROTOTXT: list[tuple[re.Pattern[str], str]] = [
    (
        re.compile(r'(#.*\n|\s)*(net|train_net|base_lr|test_iter)\s*:\s*["0-9]'),
        "It is a solver as text (prototxt). Pass it with --solver.",
    ),
    (
        re.compile(r'(#.*\n|\s)*((name|input)\s*:\s*["\']|layers?\s*:?\s*\{|force_backward\s*:)'),
        "It is a net as text (prototxt). Pass it with --model, and the caffemodel, which is binary, with --weights.",
    ),
]


def what_it_is(data: bytes) -> str:
    """Say what a file that begins with `data` is, and how to get the right one. Return "" if it is unknown."""
    return foreign_kind(data) or _first(_PROTOTXT, data)


def foreign_kind(data: bytes) -> str:
    """Say the same of files that are none of Caffe's text files."""
    return next((sentence for magic, sentence in _MAGIC if data.startswith(magic)), "") or _first(_TEXT, data)


def _first(table: list[tuple[re.Pattern[str], str]], data: bytes) -> str:
    head = data[:HEAD]
    if b"\0" in head:
        return ""
    text = head.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    return next((sentence for pattern, sentence in table if pattern.match(text)), "")

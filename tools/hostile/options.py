"""Numbers and words that no option can mean: beyond 32 and 64 bits, NaN, infinite, negative, empty."""

from __future__ import annotations

from .cases import Case
from .world import WEIGHTS

_TRAIN = "train --force --solver prototxt/Tiny/solver.prototxt"
_TEST = f"test --model prototxt/Tiny/train_test.prototxt --weights {WEIGHTS}"
_TIME = "time --model prototxt/Tiny/deploy.prototxt"
_COMPILE = f"compile --out new --model prototxt/Tiny/deploy.prototxt --weights {WEIGHTS}"
_CONVERT = "convert_imageset ./ list.txt new_lmdb"
_BUILD = "build_dataset --images faces"

_WHOLE = ("0", "-1", "3000000000", "99999999999999999999", "1e3", "nan", "x", "")
_REAL = ("nan", "inf", "-inf", "x", "")

# Words of a command, an option, and values that it must refuse.
_TABLE: list[tuple[str, str, tuple[str, ...]]] = [
    (_TRAIN, "--max_iter", _WHOLE),
    (_TRAIN, "--level", ("99999999999", "-99999999999", "x", "")),
    (_TRAIN, "--precision", ("fp8", "")),
    (_TRAIN, "--engine", ("theano", "")),
    (_TRAIN, "--gpu", ("x", "-1")),
    (_TEST, "--iterations", _WHOLE[:1] + _WHOLE[4:]),
    (_TEST, "--level", ("99999999999", "x")),
    (_TIME, "--iterations", _WHOLE[:2] + _WHOLE[4:]),
    (_TIME, "--level", ("99999999999",)),
    (_COMPILE, "--shaves", _WHOLE),
    (_COMPILE, "--cmx_slices", _WHOLE),
    (_COMPILE, "--streams", _WHOLE),
    (_COMPILE, "--mean_value", _REAL),
    (_COMPILE, "--scale", ("0", *_REAL)),
    (_COMPILE, "--batch", _WHOLE),
    (_COMPILE, "--input_shape", ("x", "1,3", "0,3,16,16", "1,3,99999999,99999999", "")),
    (_COMPILE, "--output", ("nowhere", "")),
    (_COMPILE, "--level", ("99999999999",)),
    (_CONVERT, "--resize_height", ("-1", "1000000 --resize_width 1000000", "5000000000", "nan", "x")),
    (_CONVERT, "--encode_type", ("exe", "../x")),
    (_CONVERT, "--backend", ("rocksdb", "")),
    (_BUILD, "--split", ("0", "1", "-1", "1e308", *_REAL)),
    (_BUILD, "--dataset", ("nowhere", "")),
    ("extract_features " + WEIGHTS + " prototxt/Tiny/train_test.prototxt", "fc", tuple(
        f"new_lmdb {count} lmdb" for count in ("0", "-1", "99999999999999999999", "x")
    )),
    ("extract_features " + WEIGHTS + " prototxt/Tiny/train_test.prototxt", "nowhere", ("new_lmdb 1 lmdb",)),
    ("extract_features " + WEIGHTS + " prototxt/Tiny/train_test.prototxt", "fc", ("new_lmdb 1 rocksdb",)),
    ("infer --image_path face.jpg", "--device", ("TPU", "")),
    ("evaluate --model prototxt/Tiny/train_test.prototxt --weights " + WEIGHTS, "--engine", ("tensorflow", "")),
    ("evaluate --model prototxt/Tiny/train_test.prototxt --weights " + WEIGHTS, "--level", ("99999999999",)),
    ("draw --out new.svg --model prototxt/Tiny/deploy.prototxt", "--level", ("99999999999",)),
    ("upgrade prototxt/Tiny/deploy.prototxt new.prototxt", "--kind", ("x",)),
]  # fmt: skip


def cases() -> list[Case]:
    """Return the cases."""
    found = []
    for words, option, values in _TABLE:
        for value in values:
            name = f"{words.split(' ')[0]} {option}/{value or 'empty'}".replace(" ", "/", 1)
            # An empty value is a word of its own.
            command = (*words.split(" "), option, *(value.split(" ") if value else [""]))
            found.append(Case(name, command))
    verbs = ("build_dataset", "convert_imageset", "compute_image_mean", "unpack", "train", "test", "time", "upgrade", "draw",
             "extract_features", "compile", "mean", "infer", "evaluate")  # fmt: skip
    found += [Case(f"{verb}/unknown option", (verb, "--nowhere", "1")) for verb in verbs]
    found += [Case(f"{verb}/too many words", (verb, *["x"] * 9)) for verb in verbs]
    found.append(Case("no such verb", ("frobnicate",)))
    return found

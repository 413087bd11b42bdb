"""The faces of a data set's pictures, cut before the lists are made.

The labels are read from the set as it was published. Only then does each sample get its cut face in place of its picture,
so a picture without a face cannot shift the labels of others.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..errors import DatasetError
from ..samples import Found, LeftOut, Note
from .cutter import Source, open_cutter, record_path
from .folder import only_run
from .options import CutOptions, check_places


def cut_samples(found: Found, images: Path, into: Path, options: CutOptions, force: bool) -> Found:
    """Return `found` with the faces of its pictures, which lie in a folder in `into` that is named after `images`.

    `images` is the folder of the set, or its file. Raises DatasetError if not one face is found, OutputExists if the folder
    holds faces of other pictures or of other options and `force` is false.
    """
    out = into / f"{images.resolve().stem if images.is_file() else images.resolve().name}_faces"
    check_places(images, out, f"--images {images}: the faces go to {out}. That")
    cutter = open_cutter(out, images if images.is_dir() else images.parent, options, force, follow=False)
    with only_run(out):
        new = cutter.cut_all([Source(sample.name, sample.path, sample.box) for sample in found.samples])
    cuts = {sample.name: cutter.record.pictures[sample.name] for sample in found.samples}
    left_out = [LeftOut(name, cut.reason) for name, cut in cuts.items() if not cut.cut]
    samples = [
        replace(sample, path=out / sample.name, box=None, landmarks=())
        for sample in found.samples
        if cuts[sample.name].cut
    ]
    if not samples:
        raise DatasetError(f"{images}: no face was found in its {len(cuts)} pictures. Try another --faces.")
    notes = [
        Note("pictures left out because no face could be cut out of them", len(left_out)),
        Note("pictures that show several faces, of which one was taken", sum(cut.faces > 1 for cut in cuts.values())),
    ]
    print(f"{out}: {len(samples)} faces of {options.size}x{options.size}, {new} of them newly cut")
    print(f"{record_path(out)}: what was found in each picture")
    print(f"the card of a net that learns from them needs {options.on_card()}")
    return Found(samples, found.left_out + left_out, found.notes + [note for note in notes if note.times], found.tasks)

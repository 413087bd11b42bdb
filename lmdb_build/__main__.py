"""`python -m lmdb_build VERB`: from labelled pictures to lists, LMDB and mean image."""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

from common.commands import Room, Verb

ROOM = Room(
    "lmdb_build",
    "From labelled pictures to lists, LMDB and mean image.",
    {
        "build_dataset": Verb(
            "lmdb_build.build_dataset", "write the lists of a balanced training set and a test set from labelled faces"
        ),
        "cut_faces": Verb("lmdb_build.cutting.cut_faces", "cut the faces out of pictures, upright and square"),
        "convert_imageset": Verb(
            "lmdb_build.convert_imageset", "write an LMDB from a list of pictures, with the flags of Caffe's tool"
        ),
        "create_lmdb": Verb(
            "lmdb_build.labels.create_lmdb", "write an LMDB of pictures and one of their labels, for several tasks"
        ),
        "soft_labels": Verb(
            "lmdb_build.labels.soft_labels", "write labels that are distributions over bins, such as ages"
        ),
        "compute_image_mean": Verb(
            "lmdb_build.compute_image_mean", "write the mean image of an LMDB, as Caffe's tool does"
        ),
        "unpack": Verb("lmdb_build.unpack", "unpack an archive of pictures into data/"),
    },
)

if __name__ == "__main__":
    ROOM.run()

"""`python -m training VERB`: train, test and inspect Caffe nets."""

from __future__ import annotations

from common.commands import Room, Verb

ROOM = Room(
    "training",
    "Train, test and inspect Caffe nets. Options may begin with one dash, as those of Caffe's own tool do.",
    {
        "train": Verb("training.commands.train", "train a net by a solver prototxt"),
        "test": Verb(
            "training.commands.testing", "score a net: the means of its outputs over batches of its test data"
        ),
        "time": Verb("training.commands.timing", "time the forward and backward pass of each layer"),
        "upgrade": Verb("training.commands.upgrade", "write a net or solver of an older format in the current one"),
        "draw": Verb("training.commands.draw", "show a net as a table and as an SVG picture"),
        "extract_features": Verb(
            "training.commands.extract_features", "write blobs of a net, batch by batch, into LMDBs"
        ),
    },
    moved={"evaluate": "evaluation"},
)

if __name__ == "__main__":
    ROOM.run()

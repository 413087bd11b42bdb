"""`python -m training VERB`: train, test and inspect Caffe nets."""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

from common.commands import Room, Verb

ROOM = Room(
    "training",
    "Train, test and inspect Caffe nets. Options may begin with one dash, as in Caffe's own tool.",
    {
        "train": Verb("training.commands.train", "train a net with the settings in a solver prototxt"),
        "test": Verb("training.commands.testing", "show the mean of each of a net's outputs over batches of test data"),
        "time": Verb("training.commands.timing", "time the forward and backward pass of each layer"),
        "upgrade": Verb("training.commands.upgrade", "convert a net or solver from an older format to the current one"),
        "draw": Verb("training.commands.draw", "show a net as a table and as an SVG picture"),
        "extract_features": Verb(
            "training.commands.extract_features", "write a net's blobs, batch by batch, to databases"
        ),
        "import_torch": Verb(
            "training.commands.import_torch", "write the weights of a torchvision net as a caffemodel"
        ),
        "compress": Verb(
            "training.commands.compress", "make a trained net smaller and faster: low rank, fewer channels"
        ),
        "device_query": Verb("training.commands.device_query", "show the GPUs that PyTorch sees"),
    },
    moved={"evaluate": "evaluation"},
)

if __name__ == "__main__":
    ROOM.run()

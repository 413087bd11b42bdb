"""`python -m ncs VERB`: from a trained caffemodel to what a device runs."""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

from common.commands import Room, Verb

ROOM = Room(
    "ncs",
    "From a trained caffemodel to what a device runs.",
    {
        "compile": Verb("ncs.compile", "turn a caffemodel into OpenVINO IR (FP16), a Myriad X blob and a model card"),
        "blob_server": Verb(
            "ncs.blob_server.command", "compile what the package blobconverter sends, on this machine", "page"
        ),
        "blob": Verb("ncs.blob.command", "look into a Myriad X blob: what is in it, and how two differ"),
        "mean": Verb("ncs.mean", "write a mean.binaryproto as .npy: float32, channels x height x width, BGR"),
        "types": Verb("ncs.list_types", "list the layer types that are converted, left out or refused"),
    },
)

if __name__ == "__main__":
    ROOM.run()

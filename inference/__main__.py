"""`python -m inference`: answer about the picture of a face."""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

from common.commands import Room, Verb

ROOM = Room(
    "inference",
    "Answer about the picture of a face, on a Myriad X stick or the CPU.",
    {
        "infer": Verb("inference.command", "tell age and gender from the picture of one face"),
        "devices": Verb("inference.devices.listing", "list the devices that can run the networks, and what is missing"),
        "serve": Verb(
            "inference.page.command", "serve a page and an API that answer about photographs and cameras", "page"
        ),
        "bundle": Verb("inference.bundle", "put the runner and its networks into one file for another machine"),
    },
    default="infer",
    group="runner",
)

if __name__ == "__main__":
    ROOM.run()

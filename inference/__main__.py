"""`python -m inference`: answer about people in pictures."""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

from common.commands import Room, Verb

ROOM = Room(
    "inference",
    "Answer about people in pictures, on a Myriad X stick or what else is there.",
    {
        "infer": Verb("inference.command", "tell age and gender of the people in pictures, videos or before a camera"),
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

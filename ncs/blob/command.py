"""Verb `blob`, which has verbs of its own."""

from __future__ import annotations

from common.commands import Verb

VERBS = {
    "cost": Verb("ncs.blob.cost", "estimate how long a Myriad X takes for a blob, and which of several is best"),
    "list": Verb("ncs.blob.contents", "list what is in a blob: its inputs, outputs, stages and memory"),
    # Named, not imported: pictures and answers are the runner's.
    "run": Verb("inference.blob.run", "compute a blob on this machine and say what it answers about a picture"),
    "extract": Verb("ncs.blob.extract", "take a blob out of a superblob, which holds those for 1 to 16 SHAVEs"),
    "diff": Verb("ncs.blob.difference", "compare two blobs stage by stage"),
}

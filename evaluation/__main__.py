"""`python -m evaluation VERB`: how good a trained network is."""

from __future__ import annotations

from common.commands import Room, Verb

ROOM = Room(
    "evaluation",
    "Measure trained networks.",
    {
        "evaluate": Verb(
            "evaluation.evaluate", "measure a trained classifier: accuracy, 1-off, recall, confusion matrix"
        ),
    },
)

if __name__ == "__main__":
    ROOM.run()

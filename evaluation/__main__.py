"""`python -m evaluation VERB`: how good a trained network is."""

from __future__ import annotations

if __name__ == "__main__":
    import common.process.start  # noqa: F401 (what it does has to come first)

from common.commands import Room, Verb

ROOM = Room(
    "evaluation",
    "Measure trained networks.",
    {
        "evaluate": Verb(
            "evaluation.evaluate", "measure a trained net in each of its tasks: accuracy, errors, confusion matrix"
        ),
        "compare": Verb(
            "evaluation.compare", "compare runs on the same records: figures, and whether differences are chance"
        ),
        "cross_validate": Verb(
            "evaluation.cross_validate", "run the folds of a recipe; mean and deviation of their figures"
        ),
        "report": Verb("evaluation.report", "show the figures of a run as one HTML page, with its hardest pictures"),
    },
)

if __name__ == "__main__":
    ROOM.run()

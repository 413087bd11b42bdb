"""Pictures that must stay together: those with the same contents, and if asked those of one person."""

from __future__ import annotations

from collections.abc import Sequence

from ..samples import Sample, shuffled


def groups_of(samples: Sequence[Sample], seed: int, by_person: bool = False) -> list[list[Sample]]:
    """Return the groups in an order that depends on `seed` and the sorted names alone.

    UTKFace has some pictures under several names, and a test picture must not be trained on under its other name. If two
    persons share a picture, they become one group, because one of the names is wrong.
    """
    leader: dict[str, str] = {}

    def find(key: str) -> str:
        leader.setdefault(key, key)
        while leader[key] != key:
            leader[key] = leader[leader[key]]
            key = leader[key]
        return key

    order = shuffled(sorted(samples, key=lambda sample: sample.name), seed)
    for sample in order:
        if by_person and sample.person:
            leader[find(_content(sample))] = find(f"person {sample.person}")
    groups: dict[str, list[Sample]] = {}
    for sample in order:
        groups.setdefault(find(_content(sample)), []).append(sample)
    return list(groups.values())


def _content(sample: Sample) -> str:
    return f"content {sample.digest}" if sample.digest else f"name {sample.name}"

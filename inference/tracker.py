"""Follows people over the frames of a video, and steadies what is answered about each.

Written here because what there is brings PyTorch or SciPy with it, which a Raspberry Pi should not need, and because averaging
answers needs their probabilities. Boxes are matched by their overlap, best first, as in the IOU tracker (Bochinski et al. 2017).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from faces.face import Face, overlap

from .analyzer import Analysis, AnalyzedFace
from .answer import Answer, averaged

LEAST_OVERLAP = 0.3
"""Intersection over union of a face's boxes in two frames."""
FRAMES_KEPT = 15
"""A face that is not found for so many frames gets a new number when it comes back."""
LEAST_WEIGHT = 0.15
"""What the newest answer counts at least. The first ones are averaged evenly; later the last dozen or so count."""


Key = tuple[str, str, int]
"""Network, task, and which of the network's answers with that task."""


@dataclass
class _Track:
    number: int
    face: Face
    answers: dict[Key, Answer]
    count: int = 1
    unseen: int = 0


class Tracker:
    """Numbers the faces of one video, from 1, and averages the answers about each.

    `update` takes the frames in order. A face in two frames is the same person's if the boxes overlap enough.
    """

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._next = 1

    def update(self, analysis: Analysis) -> Analysis:
        """Return the analysis of the next frame with `track` set on each face, and with steadier answers."""
        free = list(self._tracks)
        tracked: dict[int, AnalyzedFace] = {}
        pairs = _pairs(free, analysis.faces)
        for _, track, place in pairs:
            if track in free and place not in tracked:
                free.remove(track)
                tracked[place] = self._continued(track, analysis.faces[place])
        for track in free:
            track.unseen += 1
        self._tracks = [track for track in self._tracks if track.unseen <= FRAMES_KEPT]
        faces = [
            tracked.get(place) or self._begun(analyzed) if analyzed.face else analyzed
            for place, analyzed in enumerate(analysis.faces)
        ]
        return replace(analysis, faces=tuple(faces))

    def _begun(self, analyzed: AnalyzedFace) -> AnalyzedFace:
        assert analyzed.face
        self._tracks.append(_Track(self._next, analyzed.face, _keyed(analyzed.answers)))
        self._next += 1
        return replace(analyzed, track=self._next - 1)

    def _continued(self, track: _Track, analyzed: AnalyzedFace) -> AnalyzedFace:
        assert analyzed.face
        track.face, track.unseen, track.count = analyzed.face, 0, track.count + 1
        weight = max(LEAST_WEIGHT, 1 / track.count)
        steady = []
        for key, answer in _keyed(analyzed.answers).items():
            # A network that gave no answer about the face before begins now.
            before = track.answers.get(key)
            track.answers[key] = averaged(before, answer, weight) if before else answer
            steady.append(track.answers[key])
        return replace(analyzed, answers=tuple(steady), track=track.number)


def _keyed(answers: Iterable[Answer]) -> dict[Key, Answer]:
    counts: Counter[tuple[str, str]] = Counter()
    keyed = {}
    for answer in answers:
        name = (answer.network, answer.task)
        keyed[(*name, counts[name])] = answer
        counts[name] += 1
    return keyed


def _pairs(tracks: list[_Track], faces: Iterable[AnalyzedFace]) -> list[tuple[float, _Track, int]]:
    """Return overlap, track and place of all faces and tracks that overlap enough, best first."""
    pairs = [
        (overlap(track.face.box, analyzed.face.box), track, place)
        for place, analyzed in enumerate(faces)
        if analyzed.face
        for track in tracks
    ]
    return sorted((pair for pair in pairs if pair[0] >= LEAST_OVERLAP), key=lambda pair: -pair[0])

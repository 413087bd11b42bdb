"""A stage of a Myriad X blob: one step of the program that the device runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from .cursor import Cursor
from .data import Data, Place, read_data
from .errors import BlobError
from .kinds import KINDS, UNIT, Kind
from .unit import Descriptor, Job, read_descriptors

BORDER = 0x7F83FF19
"""The last number of each record."""
MOST_STAGES = 1 << 16
MOST_DATA = 1 << 18
"""In all stages. A large net has some thousands."""
_HEAD, _TAIL = 16, 8


@dataclass(frozen=True)
class Stage:
    """A stage. `number` counts the records from 0; one that is injected comes right after the stage that carries it.

    `type` is the number of its kind. `raw` are its parameters as they are in the file; `parameters` are the same by name, empty
    where the layout is not known. `jobs` are those of the convolution and pooling unit. The record begins at byte `at`.
    """

    number: int
    type: int
    shaves: int
    raw: bytes
    parameters: Mapping[str, int | float]
    data: tuple[Data, ...]
    at: int
    length: int
    jobs: tuple[Descriptor, ...] = ()
    injected_in: int = -1

    @property
    def kind(self) -> Kind:
        """The row of the table of kinds. For a number that is not in it, a row without parameters."""
        return KINDS.get(self.type, Kind(f"Type {self.type}", None))

    @property
    def name(self) -> str:
        """The name of its kind."""
        return self.kind.name

    @cached_property
    def roles(self) -> tuple[str, ...]:
        """What each of `data` is for: in, out, weights ..., in their order."""
        if self.type == UNIT:
            return self._roles_in_the_unit()
        words = self.kind.roles.split()
        least = sum(not word.endswith(("?", "*")) for word in words)
        spare = len(self.data) - least
        roles: list[str] = []
        for word in words:
            if word.endswith("*"):
                roles += [word[:-1] or "data"] * max(spare, 0)
                spare = 0
            elif not word.endswith("?") or spare > 0:
                spare -= word.endswith("?")
                roles.append(word.rstrip("?"))
        roles += ["data"] * (len(self.data) - len(roles))
        return tuple(roles[: len(self.data)])

    def _roles_in_the_unit(self) -> tuple[str, ...]:
        roles = ["data"] * len(self.data)
        for job in self.jobs:
            for role, place in (
                ("in", job.input),
                ("out", job.output),
                ("weights", job.weights),
                ("bias", job.bias),
                ("scale", job.scales),
            ):
                if place >= 0:
                    roles[place] = role
        return tuple(roles)

    def find(self, role: str) -> Data:
        """Return the data with this role. Raises BlobError if there are none."""
        if role not in self.roles:
            raise BlobError(f"{self}: has no data for {role}.")
        return self.data[self.roles.index(role)]

    @property
    def outputs(self) -> tuple[Data, ...]:
        """The data that it writes."""
        return tuple(data for role, data in zip(self.roles, self.data, strict=True) if role.startswith("out"))

    @property
    def traffic(self) -> tuple[int, int, int]:
        """The bytes of its constants, of what else it reads, and of what it writes. Data of no place are not counted."""
        constants = reads = writes = 0
        for role, data in zip(self.roles, self.data, strict=True):
            if role.startswith("out"):
                writes += data.shape.bytes
            elif data.place is Place.CONSTANT:
                constants += data.shape.bytes
            elif data.place is not Place.NONE:
                reads += data.shape.bytes
        return constants, reads, writes

    def __str__(self) -> str:
        return f"stage {self.number} ({self.name})"


def read_stages(data: bytes, at: int, count: int, end: int, constants: int | None) -> tuple[Stage, ...]:
    """Read `count` stages from byte `at` on, which all end before byte `end`. `constants` is as in `read_shape`."""
    if count > MOST_STAGES:
        raise BlobError(f"{count} stages, expected at most {MOST_STAGES}.")
    reader = _Reader(data, constants)
    for _ in range(count):
        at = reader.read(at, end)
    return tuple(reader.stages)


class _Reader:
    """Reads records one after another into `stages`."""

    def __init__(self, data: bytes, constants: int | None) -> None:
        self.data = data
        self.constants = constants
        self.left = MOST_DATA
        self.stages: list[Stage] = []

    def read(self, at: int, limit: int, parent: int = -1) -> int:
        """Append the stage whose record begins at byte `at`, and the one that it carries. Return where the record ends."""
        number = len(self.stages)
        head = Cursor(self.data, at, limit, f"stage {number}")
        length, kind, shaves, size = (head.u32() for _ in range(4))
        what = f"stage {number} ({KINDS[kind].name if kind in KINDS else f'Type {kind}'})"
        end = at + length
        if size < 4 or _HEAD - 4 + size + _TAIL > length or end > limit:
            raise BlobError(
                f"{what}: {length} bytes, {size} of them parameters, do not fit between bytes {at} and {limit}."
            )
        body = head.at + size - 4
        tail = Cursor(self.data, end - _TAIL, end, what)
        if (tail.u32(), tail.u32()) != (kind, BORDER):
            raise BlobError(f"{what}: does not end with its type and a border before byte {end}.")
        # It takes its place in the list before the one that it carries.
        stage = Stage(number, kind, shaves, self.data[head.at : body], {}, (), at, length, (), parent)
        self.stages.append(stage)
        parameters = Cursor(self.data, head.at, body, what)
        if kind == UNIT:
            stage = self._with_jobs(stage, parameters)
        found = self._read_data(Cursor(self.data, body, end - _TAIL, what), kind == UNIT)
        for job in stage.jobs:
            needed = (job.input, job.output) if job.job is Job.POOLING else (job.input, job.output, job.weights)
            if min(needed) < 0:
                raise BlobError(f"{what}: a job of the unit without input, output or weights.")
        used = {place for job in stage.jobs for place in (job.input, job.output, job.weights, job.bias, job.scales)}
        if not used <= set(range(-1, len(found))):
            raise BlobError(f"{what}: uses data number {max(used)}, but has {len(found)}.")
        named = {} if kind == UNIT else _named(stage.kind, found, parameters)
        if parameters.left:
            raise BlobError(f"{what}: {parameters.left} bytes of parameters more than its kind has.")
        self.stages[number] = replace(stage, data=found, parameters=named)
        return end

    def _with_jobs(self, stage: Stage, parameters: Cursor) -> Stage:
        """Read the jobs of the unit, and the stage that runs beside it."""
        jobs = read_descriptors(parameters)
        if parameters.u32():
            if stage.injected_in >= 0:
                raise BlobError(f"{stage}: carries a stage, though it is carried itself.")
            parameters.at = self.read(parameters.at, parameters.end, stage.number)
        return replace(stage, jobs=jobs)

    def _read_data(self, cursor: Cursor, counted: bool) -> tuple[Data, ...]:
        """Read data descriptors. Only the unit's stages say how many there are."""
        count = cursor.u32() if counted else -1
        found = []
        while cursor.left:
            found.append(read_data(cursor, self.constants))
            self.left -= 1
            if self.left < 0:
                raise BlobError(f"{cursor.what}: more than {MOST_DATA} data in all stages.")
        if counted and len(found) != count:
            raise BlobError(f"{cursor.what}: has {len(found)} data, expected {count}.")
        return tuple(found)


def _named(kind: Kind, data: tuple[Data, ...], cursor: Cursor) -> dict[str, int | float]:
    """Return the parameters by name; an empty table if their layout is not known."""
    if kind.parameters is None:
        cursor.at = cursor.end
        return {}
    layout = kind.parameters
    if kind.older is not None and cursor.left == 4 * len(kind.older):
        layout = kind.older
    letters = "".join(letter for _, letter in layout)
    # The floats of arithmetic are whole numbers where it computes with whole numbers.
    if kind.roles.startswith("in0") and data and data[0].shape.element == "S32":
        letters = letters.replace("f", "i")
    return {name: value for (name, _), value in zip(layout, cursor.numbers(letters), strict=True)}

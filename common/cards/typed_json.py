"""JSON files as pydantic models, and pydantic's errors as sentences for people."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from ..commands import LOGGER
from ..errors import CardError
from ..inputs import read_input
from ..messages import did_you_mean, known_names

if TYPE_CHECKING:
    from typing_extensions import Self

_logger = logging.getLogger(LOGGER)
MAX_BYTES = 16 << 20
"""Far more than any card needs. It keeps a wrong file from filling the memory."""
MAX_DEPTH = 50
"""Lists in lists. Far more than any card needs, and Python's own reader and writer of JSON fail only at hundreds."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
Model = TypeVar("Model", bound=BaseModel)
Location = tuple[int | str, ...]


class JsonObject(BaseModel):
    """A JSON object with known keys. Other keys are kept, and all are written in the order in which they came."""

    # Only the outermost model is built, when it is first used. Building each of them doubles the time of the import.
    model_config = ConfigDict(extra="allow", frozen=True, strict=True, defer_build=True)
    _keys: tuple[str, ...] = PrivateAttr(default=())

    @model_validator(mode="wrap")
    @classmethod
    def _remember_order(cls, content: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        entry = validate(content)
        if isinstance(content, dict):
            entry._keys = tuple(content)
        return entry

    @model_serializer(mode="wrap")
    def _write_in_order(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = write(self)
        return {**{key: content[key] for key in self._keys if key in content}, **content}


class KnownKeys(JsonObject):
    """A JSON object in which a key that is not known is an error: it may be a slip of the pen."""

    model_config = ConfigDict(extra="forbid")


def rule(message: str) -> PydanticCustomError:
    """Return the error of a validator that looks at several keys together. `message` is its whole sentence."""
    # Without a context, pydantic takes the message as it is.
    return PydanticCustomError("rule", message)


def read_model(model: type[Model], path: Path, next_step: str) -> Model:
    """Read a JSON file as `model`.

    Raises CardError with the file, the key, what was found, what was expected, and `next_step`.
    """
    try:
        data = read_input(path, MAX_BYTES)
    except OSError as error:
        raise CardError(f"{path}: cannot be read ({error.strerror}). {next_step}") from error
    try:
        content = json.loads(data.decode("utf-8"), object_pairs_hook=_unique_keys)
    except UnicodeDecodeError as error:
        raise CardError(f"{path}: is not JSON, nor any text in UTF-8. {next_step}") from error
    except _RepeatedKey as error:
        raise CardError(
            f'{path}: the key "{error}" is there twice in one object. Keep one of them. {next_step}'
        ) from error
    except json.JSONDecodeError as error:
        raise CardError(f"{path}:{error.lineno}:{error.colno}: is not JSON: {error.msg}. {next_step}") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; thousands of brackets
        raise CardError(f"{path}: is JSON that cannot be read: {error}. {next_step}") from error
    if _depth(content) > MAX_DEPTH:
        raise CardError(f"{path}: is JSON of more than {MAX_DEPTH} levels; expected a card. {next_step}")
    return parse(model, content, str(path), next_step)


def parse(model: type[Model], content: object, file: str, next_step: str) -> Model:
    """Turn `content` into `model`. Raises CardError about `file` as `read_model` does."""
    if not isinstance(content, dict):
        raise CardError(f"{file}: holds {_shown(content)}; expected a JSON object. {next_step}")
    try:
        found = model.model_validate(content)
    except ValidationError as error:
        problems = _problems(error, model, content)
    else:
        for key, known in _other_keys(found):
            # Others may be a user's own notes.
            if hint := did_you_mean(key, known):
                _logger.warning('%s: "%s" is no known key, so it changes nothing.%s', file, key, hint)
        return found
    # A file of another format has other keys too, so its format is named first.
    key = "format" if "format" in problems else next(iter(problems))
    others = [f'"{name}"' for name in problems if name != key]
    more = f" Also wrong: {', '.join(others)}." if others else ""
    raise CardError(f"{file}: {problems[key]}{more} {next_step}") from None


class _RepeatedKey(ValueError):
    """A key that an object has twice. Readers of JSON differ in which of them they take."""


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _RepeatedKey(next(key for key in keys if keys.count(key) > 1))
    return found


def _other_keys(value: object) -> Iterator[tuple[str, list[str]]]:
    """The keys that a model and the models in it keep without knowing them, each with those that it knows."""
    if isinstance(value, list):
        for item in value:
            yield from _other_keys(item)
    elif isinstance(value, BaseModel):
        known = list(type(value).model_fields)
        yield from ((key, known) for key in value.model_extra or ())
        for name in known:
            yield from _other_keys(getattr(value, name))


def _problems(error: ValidationError, model: type[BaseModel], content: dict[str, Any]) -> dict[str, str]:
    """Key path -> the sentence that says what is wrong there."""
    problems: dict[str, str] = {}
    for detail in error.errors(include_url=False):
        kind, location = detail["type"], detail["loc"]
        if kind.startswith("union_tag"):  # the key that says which model of a union it is
            location = (*location, detail["ctx"]["discriminator"].strip("'"))
        location, expected = _place(model, location)
        key = _key_path(location)
        found, value = _look_up(content, location)
        if kind == "rule":
            problems.setdefault(key, detail["msg"])
        elif kind == "extra_forbidden":
            unknown = str(detail["loc"][-1])
            known = _known_keys(model, detail["loc"][:-1])
            problems.setdefault(unknown, f'"{_key_path(detail["loc"])}" is no known key. {known_names(unknown, known)}')
        elif not found:
            problems.setdefault(key, f'"{key}" is missing; expected {expected}.')
        else:
            problems.setdefault(key, f'"{key}" is {_shown(value)}; expected {expected}.{_hint(value, expected)}')
    return problems


def _depth(content: object) -> int:
    """How many lists and objects lie in each other; counted up to MAX_DEPTH + 1."""
    depth = 0
    level = [content]
    while depth <= MAX_DEPTH:
        inner: list[object] = []
        for value in level:
            if isinstance(value, dict):
                inner += value.values()
            elif isinstance(value, list):
                inner += value
        if not any(isinstance(value, (dict, list)) for value in level):
            break
        depth += 1
        level = inner
    return depth


def _place(model: type[BaseModel], location: Location) -> tuple[Location, str]:
    """The keys of `location` down to a described field, and its description up to the colon: what is expected.

    Pydantic's location also holds the tags of unions, and goes on into lists that are described as one value.
    """
    keys: list[int | str] = []
    expected = "an object"
    models: tuple[type[BaseModel], ...] = (model,)
    for part in location:
        if isinstance(part, int):
            keys.append(part)
            expected = "an object"
            continue
        fields = [each.model_fields[part] for each in models if part in each.model_fields]
        if not fields:
            continue
        keys.append(part)
        texts = [(field.description or "a value").partition(":")[0] for field in fields]
        *firsts, last = dict.fromkeys(texts)
        expected = f"{', '.join(firsts)} or {last}" if firsts else last
        models = tuple(_models(fields[0].annotation))
        if not models:
            break
    return tuple(keys), expected


def _known_keys(model: type[BaseModel], location: Location) -> list[str]:
    """The keys of the object at `location`."""
    models: tuple[type[BaseModel], ...] = (model,)
    for part in location:
        if isinstance(part, str):
            models = tuple(
                inner
                for each in models
                if part in each.model_fields
                for inner in _models(each.model_fields[part].annotation)
            )
    return [key for each in models for key in each.model_fields]


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """The models in a type such as `list[A | B]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _hint(value: Any, expected: str) -> str:
    """Say more about a wrong value than what was expected, if there is more to say."""
    texts = [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
    if any(_CONTROL.search(text) for text in texts):
        return " A control character is in it, which a terminal would obey."
    if isinstance(value, str):
        return did_you_mean(value, re.split(", | or ", expected))
    if not isinstance(value, list) or "name" not in expected:
        return ""
    if any(type(item) in (int, float) for item in value):
        return f" Write numbers as text: {_shown([item if isinstance(item, str) else str(item) for item in value])}."
    repeated = [text for number, text in enumerate(texts) if text in texts[:number]]
    return f" {_shown(repeated[0])} is there twice." if repeated else ""


def _look_up(content: Any, location: Location) -> tuple[bool, Any]:
    """Whether `content` has a value at `location`, and the value."""
    for key in location:
        try:
            content = content[key]
        except (KeyError, IndexError, TypeError):
            return False, None
    return True, content


def _key_path(location: Location) -> str:
    """Write a location as people do: outputs[0].read."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).lstrip(".")


def _shown(value: object) -> str:
    """A value as JSON, cut to what fits in a message."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."

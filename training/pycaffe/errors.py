"""Errors that scripts written for pycaffe can catch as what pycaffe itself raises."""

from __future__ import annotations

from ..errors import TrainingError


class PycaffeValueError(TrainingError, ValueError):
    """A value that does not fit, or a name that is not there."""


class PycaffeTypeError(TrainingError, TypeError):
    """An argument of another type, too few arguments, or too many."""


class PycaffeFieldError(TrainingError, AttributeError):
    """A setting that a message of caffe.proto does not have."""


class PycaffeRuntimeError(TrainingError, RuntimeError):
    """A file that is missing, or something that this interface does not do."""


class PycaffeAssertionError(TrainingError, AssertionError):
    """Something that pycaffe asserts."""

"""All cases."""

from __future__ import annotations

from . import caffe_names, cards, databases, files, nets, options, paths, pictures, surroundings
from .cases import Case


def all_cases() -> list[Case]:
    """Return every case; ids are unique."""
    tables = (paths, options, nets, files, databases, pictures, cards, caffe_names, surroundings)
    return [case for table in tables for case in table.cases()]

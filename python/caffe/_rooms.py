"""Finds the rooms of the checkout, and nothing else of it.

sys.path stays as it is: in the checkout lie folders such as tools and tests, which would hide a script's own modules of these
names, or be hidden by them. Only the three rooms that this module needs are loaded, from their own folders.
"""

import importlib.util
import sys
import warnings
from importlib.machinery import PathFinder
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
ROOMS = ("common", "caffe_io", "training")


def load(name: str) -> None:
    """Load a room under its name. Raises ImportError if a module of that name, which is not ours, has been imported."""
    place = CHECKOUT / name / "__init__.py"
    loaded = sys.modules.get(name)
    if loaded is not None:
        if not _is(place, getattr(loaded, "__file__", None)):
            raise ImportError(
                f"import caffe: the module {name} has been imported from {getattr(loaded, '__file__', 'elsewhere')}, but caffe "
                f"needs {place.parent}. Import caffe first, or give your module another name.",
                name=name,
            )
        return
    found = PathFinder.find_spec(name)
    if found is not None and found.origin is not None and not _is(place, found.origin):
        warnings.warn(
            f"import caffe: from now on `import {name}` finds {place.parent}, not {found.origin}. Give your module another name.",
            stacklevel=4,
        )
    spec = importlib.util.spec_from_file_location(name, place, submodule_search_locations=[str(place.parent)])
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def _is(place: Path, file: str | None) -> bool:
    return file is not None and Path(file).resolve() == place


for room in ROOMS:
    load(room)

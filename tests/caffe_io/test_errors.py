from __future__ import annotations

import re

from caffe_io import errors


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn: dict[str, tuple[str, str | None]] = {}
    parents: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ([│ ├└─]*)(\w+)  .*?(?:exit code (\d))?$", line)
        if found:
            depth = len(found[1]) // 4
            parents[depth:] = [found[2]]
            drawn[found[2]] = (parents[depth - 1] if depth else "Exception", found[3])
    classes = {name: value for name, value in vars(errors).items() if isinstance(value, type)}
    assert set(drawn) == set(classes)
    for name, (parent, code) in drawn.items():
        assert classes[name].__bases__[0].__name__ == parent
        assert code is None or classes[name].exit_code == int(code)
        assert classes[name].__doc__

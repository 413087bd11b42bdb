"""tools.bench.machine: how a processor is named."""

from __future__ import annotations

import pytest

from tools.bench import machine


def test_a_processor_is_named_with_its_widest_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cpu_flags", lambda: {"avx2", "avx512f"})
    assert machine.machine().endswith(" with AVX512")
    monkeypatch.setattr(machine, "cpu_flags", lambda: {"sse2"})
    assert " with " not in machine.machine()

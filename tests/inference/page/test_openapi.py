"""Asks the API everything that its OpenAPI document allows, and some of what it forbids (schemathesis)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from openapi_spec_validator import validate

from kits.page import TOKEN, client_of, make_page

PATHS = {"/healthz", "/metrics", "/status", "/session", "/analyze", "/capture", "/video", "/events"}
EXAMPLES = 15


@pytest.fixture(scope="module", params=[None, TOKEN], ids=["open", "token"])
def schema(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    import schemathesis

    folder = tmp_path_factory.mktemp("page")
    # Without a source, so that no answer is endless.
    page = make_page(folder, token=request.param, capture=str(folder / "captures"))
    headers = {"host": "localhost", **({"authorization": f"Bearer {TOKEN}"} if request.param else {})}
    yield schemathesis.openapi.from_asgi("/openapi.json", page.guard, headers=headers), headers
    page.engine.close()


def test_the_document_is_valid(tmp_path: Path) -> None:
    with client_of(make_page(tmp_path)) as client:
        document = client.get("/openapi.json").json()
    validate(document)
    assert set(document["paths"]) == PATHS
    assert "picture" in json.dumps(document["paths"]["/analyze"]["post"]["requestBody"])


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["POSITIVE", "NEGATIVE"])
def test_every_request_is_answered_as_documented(schema: Any, mode: str) -> None:
    import schemathesis
    from schemathesis.checks import CHECKS

    loaded, headers = schema
    # Most bytes that the document allows are no picture: they get 422. And every request here bears the token;
    # test_guard.py asks without.
    left_out = CHECKS.get_by_names(["positive_data_acceptance", "ignored_auth"])
    tried = []
    for each in loaded.get_all_operations():
        operation = each.ok()
        tried.append(operation.path)
        if mode == "NEGATIVE" and operation.method == "get":
            # There is nothing about it that could be wrong.
            continue

        @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode[mode]))
        @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        def ask(case: Any) -> None:
            case.call_and_validate(headers=headers, excluded_checks=left_out)

        ask()
    assert set(tried) == PATHS

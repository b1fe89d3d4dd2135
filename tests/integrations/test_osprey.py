"""The plugin on Osprey's recorded shapes; ``python -m benchmarks.plugins osprey`` has the real."""

from __future__ import annotations

import asyncio
import importlib
import sys
from types import ModuleType
from typing import Any

import aiohttp
import pytest

from tests.integrations.conftest import ScriptedService
from tests.integrations.make_results import make_line
from tests.integrations.recorded_shapes import (
    Config,
    ConstExpr,
    ExecutionContext,
    ExpectedUdfException,
    install_osprey,
)

URL = "https://f.example/a.png"


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    install_osprey(monkeypatch)
    monkeypatch.delitem(sys.modules, "app.integrations.osprey", raising=False)
    return importlib.import_module("app.integrations.osprey")


class Rules:
    """Evaluates functions of the plugin in one execution, as the engine does."""

    def __init__(self, plugin: ModuleType, service: ScriptedService) -> None:
        self._plugin = plugin
        self._config = Config(EYELINE_URL=service.url, EYELINE_API_KEY="key")

    def evaluate(self, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
        functions = {function.__name__: function for function in self._plugin.register_udfs()}

        async def execute() -> list[Any]:
            helpers = dict(self._plugin.register_udf_helpers(config=self._config))
            assert helpers.keys() == set(functions.values())
            context = ExecutionContext(helpers)
            try:
                return await asyncio.gather(
                    *(self._call(functions[name], context, values) for name, values in calls)
                )
            finally:
                for client in helpers.values():
                    await client.close()

        return asyncio.run(execute())

    async def _call(self, function: Any, context: ExecutionContext, values: Any) -> Any:
        by_name = {"AvatarRatios": "UrlArguments", "AvatarLlr": "RatioArguments"}
        arguments = getattr(self._plugin, by_name[function.__name__])(**values)
        return await function(None, arguments).async_execute(context, arguments)


def test_rules_get_both_ratios_and_ask_once(plugin: ModuleType, service: ScriptedService) -> None:
    service.answers["/v1/analyses"] = (200, make_line(3.0))
    both, ordinary, framed = Rules(plugin, service).evaluate(
        ("AvatarRatios", {"url": URL}),
        ("AvatarLlr", {"url": URL, "against": ConstExpr("ordinary")}),
        ("AvatarLlr", {"url": URL, "against": ConstExpr("framed")}),
    )
    assert both == [ordinary, framed] == [3.5, 1.5]
    assert service.requests == [("/v1/analyses", {}, {"url": URL})]
    assert service.keys == {"Bearer key"}


@pytest.mark.parametrize(
    ("status", "answer"),
    [(200, {**make_line(0.0), "outcome": "no_face"}), (424, {"code": "fetch_failed"}), (415, {})],
)
def test_without_a_face_to_measure_no_rule_is_evaluated(
    plugin: ModuleType, service: ScriptedService, status: int, answer: dict[str, Any]
) -> None:
    service.answers["/v1/analyses"] = (status, answer)
    with pytest.raises(ExpectedUdfException):
        Rules(plugin, service).evaluate(("AvatarRatios", {"url": URL}))


@pytest.mark.parametrize("status", [401, 429, 500])
def test_a_service_that_fails_is_an_error(
    plugin: ModuleType, service: ScriptedService, status: int
) -> None:
    service.answers["/v1/analyses"] = (status, {})
    with pytest.raises(aiohttp.ClientResponseError, match=str(status)):
        Rules(plugin, service).evaluate(("AvatarRatios", {"url": URL}))


def test_a_wrong_alternative_is_told_when_rules_are_compiled(plugin: ModuleType) -> None:
    errors: list[dict[str, Any]] = []

    class ValidationContext:
        def add_error(self, **error: Any) -> None:
            errors.append(error)

    for word in ("framed", "ordinary", "everything"):
        arguments = plugin.RatioArguments(url=URL, against=ConstExpr(word))
        plugin.AvatarLlr(ValidationContext(), arguments)
    assert [error["hint"] for error in errors] == ["use one of: ordinary, framed"]

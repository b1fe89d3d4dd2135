"""Osprey's and python-threatexchange's base classes, as far as our plugins extend them.

Recorded from roostorg/osprey (osprey.async_worker, osprey.engine) and threatexchange 1.2.17:
signatures, and what their engines do with what they are given. ``python -m benchmarks.plugins``
runs the same plugins against the real code, where that is installed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import IntEnum
from types import ModuleType
from typing import Any, ClassVar, Generic, TypeVar

import pytest

T = TypeVar("T")
U = TypeVar("U")
V = TypeVar("V")


class ExpectedUdfException(Exception):
    """Osprey: nodes that depend on the function are not executed, and nothing is reported."""


class AsyncExternalService(Generic[T, U]):
    """Osprey: what an accessor caches by key within an execution."""


class ArgumentsBase:
    """Osprey: the arguments of a function, by annotation."""

    def __init__(self, **values: Any) -> None:
        assert values.keys() == type(self).__annotations__.keys()
        vars(self).update(values)


class ConstExpr(Generic[T]):
    """Osprey: an argument that is known when rules are compiled."""

    def __init__(self, value: T) -> None:
        self.value = value
        self.argument_span = "span"


class UDFBase(Generic[T, U]):
    """Osprey: a function of the rule language."""

    def __init__(self, validation_context: Any, arguments: Any) -> None:
        self.arguments = arguments


class AsyncUDFBase(UDFBase[T, U]):
    """Osprey: awaited on the event loop."""

    execute_async: ClassVar[bool] = True


class ExecutionContext:
    """Osprey: one execution of all rules for one action. ``helpers``: by class of function."""

    def __init__(self, helpers: dict[type, Any]) -> None:
        self._helpers = helpers
        self._accessors: dict[int, Accessor] = {}

    def get_udf_helper(self, udf: Any) -> Any:
        return self._helpers[type(udf)]

    def get_async_external_service_accessor(self, service: Any) -> Accessor:
        return self._accessors.setdefault(id(service), Accessor(service.get_from_service))


class Accessor:
    def __init__(self, ask: Callable[[str], Coroutine[Any, Any, Any]]) -> None:
        self._ask = ask
        self._futures: dict[str, asyncio.Task[Any]] = {}

    async def get(self, key: str) -> Any:
        if key not in self._futures:
            self._futures[key] = asyncio.ensure_future(self._ask(key))
        return await self._futures[key]


class Config(dict[str, str]):
    """Osprey: its configuration."""

    def expect_str(self, key: str) -> str:
        return self[key]

    def get_optional_str(self, key: str) -> str | None:
        return self.get(key)


def install_osprey(monkeypatch: pytest.MonkeyPatch) -> None:
    """``import osprey…`` finds these shapes until the test ends."""
    engine, worker = "osprey.engine", "osprey.async_worker"
    _install(
        monkeypatch,
        {
            f"{worker}.adaptor.interfaces": {"AsyncUDFBase": AsyncUDFBase},
            f"{worker}.adaptor.plugin_manager": {"hookimpl_osprey_async": lambda hook: hook},
            f"{worker}.lib.external_service": {"AsyncExternalService": AsyncExternalService},
            f"{engine}.executor.execution_context": {
                "ExecutionContext": ExecutionContext,
                "ExpectedUdfException": ExpectedUdfException,
            },
            f"{engine}.udf.arguments": {"ArgumentsBase": ArgumentsBase, "ConstExpr": ConstExpr},
            f"{engine}.udf.base": {"UDFBase": UDFBase},
            "osprey.worker.lib.config": {"Config": Config},
        },
    )


class MissingAuth(Exception):
    """threatexchange: no credentials anywhere."""


class InvalidAuth(Exception):
    """threatexchange: credentials that are refused."""

    def __init__(self, src_api: type, message: str) -> None:
        super().__init__(message)


class CredentialHelper:
    """threatexchange: found in the environment or a file, and absent here."""

    @classmethod
    def get(cls, for_cls: type) -> Any:
        raise MissingAuth


class SignalExchangeWithAuth(Generic[T, U]):
    """threatexchange: a mixin."""


class SignalExchangeAPIWithSimpleUpdates(Generic[T, U, V]):
    """threatexchange: an exchange whose records are (signal type, signal) → metadata."""


@dataclass
class CollaborationConfigWithDefaults:
    name: str
    api: str = ""
    enabled: bool = True


class SignalOpinionCategory(IntEnum):
    INVESTIGATION_SEED = 1


@dataclass
class SignalOpinion:
    is_mine: bool
    category: SignalOpinionCategory
    tags: set[str]


@dataclass
class FetchDelta(Generic[T, U, V]):
    updates: Any
    checkpoint: Any


class FetchedSignalMetadata:
    pass


class NoCheckpointing:
    pass


class SignalType:
    pass


class PdqSignal(SignalType):
    pass


@dataclass
class ThreatExchangeExtensionManifest:
    signal_types: tuple[type, ...] = ()
    content_types: tuple[type, ...] = ()
    apis: tuple[type, ...] = ()


def install_threatexchange(monkeypatch: pytest.MonkeyPatch) -> None:
    """``import threatexchange…`` finds these shapes until the test ends."""
    exchanges = "threatexchange.exchanges"
    _install(
        monkeypatch,
        {
            f"{exchanges}.auth": {
                "CredentialHelper": CredentialHelper,
                "SignalExchangeWithAuth": SignalExchangeWithAuth,
                "SignalExchangeAPIMissingAuthException": MissingAuth,
                "SignalExchangeAPIInvalidAuthException": InvalidAuth,
            },
            f"{exchanges}.fetch_state": {
                "FetchDelta": FetchDelta,
                "FetchedSignalMetadata": FetchedSignalMetadata,
                "NoCheckpointing": NoCheckpointing,
                "SignalOpinion": SignalOpinion,
                "SignalOpinionCategory": SignalOpinionCategory,
            },
            f"{exchanges}.collab_config": {
                "CollaborationConfigWithDefaults": CollaborationConfigWithDefaults
            },
            f"{exchanges}.signal_exchange_api": {
                "SignalExchangeAPIWithSimpleUpdates": SignalExchangeAPIWithSimpleUpdates
            },
            "threatexchange.extensions.manifest": {
                "ThreatExchangeExtensionManifest": ThreatExchangeExtensionManifest
            },
            "threatexchange.signal_type.pdq.signal": {"PdqSignal": PdqSignal},
            "threatexchange.signal_type.signal_base": {"SignalType": SignalType},
        },
    )


def _install(monkeypatch: pytest.MonkeyPatch, contents: dict[str, dict[str, Any]]) -> None:
    for name, members in contents.items():
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            path = ".".join(parts[:depth])
            if path not in sys.modules:
                monkeypatch.setitem(sys.modules, path, ModuleType(path))
            if depth > 1:
                parent = sys.modules[".".join(parts[: depth - 1])]
                setattr(parent, parts[depth - 1], sys.modules[path])
        vars(sys.modules[name]).update(members)

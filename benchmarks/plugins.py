"""The plugins of other programs in those programs' own code, against a running service.

    python -m benchmarks.plugins osprey URL PICTURE_URL
    python -m benchmarks.plugins threatexchange URL [--min-llr -6]

Each runs where the other program is installed, which need not have Eyeline's own dependencies
(``PYTHONPATH`` names this checkout), and prints one JSON object. `osprey`: rules are compiled,
validated and executed by Osprey's engine and async executor; a wrong rule must be refused.
`threatexchange`: the extension is loaded by its manifest, every list of the service is fetched and
converted, and a PDQ index is built of it and asked; the same hashes go through a bank file and the
``local_file`` exchange.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RULES = """
AvatarUrl: str = JsonData(path='$.avatar', coerce_type=True)
Both = AvatarRatios(url=AvatarUrl)
Ordinary = AvatarLlr(url=AvatarUrl, against='ordinary')
Framed = AvatarLlr(url=AvatarUrl, against='framed')
LooksGenerated = Rule(when_all=[Ordinary >= 1.0, Framed >= 1.0], description='StyleGAN-made')
LooksFramed = Rule(when_all=[Ordinary >= 1.0, Framed < 1.0], description='a generator’s frame')
"""


def run_osprey(service_url: str, picture_url: str) -> dict[str, Any]:
    """Compile and execute ``RULES`` for an action that names the picture."""
    imported = importlib.import_module
    plugin = imported("app.integrations.osprey")
    manager = imported("osprey.async_worker.adaptor.plugin_manager")
    manager.plugin_manager.register(plugin)
    config = imported("osprey.worker.lib.singletons").CONFIG.instance()
    config.configure_from_env()
    registry, helpers = manager.bootstrap_async_udfs(Settings(service_url))
    manager.bootstrap_async_ast_validators()
    validate = _validator(registry)
    graph = imported("osprey.engine.executor.execution_graph").compile_execution_graph(
        validate(RULES)
    )
    action_type = imported("osprey.engine.executor.execution_context").Action
    execute = imported("osprey.async_worker.executor").execute

    async def run(url: str) -> Any:
        action = action_type(
            action_id=1,
            action_name="register",
            data={"avatar": url},
            timestamp=datetime.now(UTC).replace(tzinfo=None),
        )
        return await execute(graph, helpers, action, max_concurrent=12)

    async def run_both() -> tuple[Any, Any]:
        client = helpers.get_udf_helper(_instance_of(plugin.AvatarRatios))
        try:
            return await run(picture_url), await run(f"{picture_url}.missing")
        finally:
            await client.close()

    seen, missing = asyncio.run(run_both())
    names = ("Both", "Ordinary", "Framed", "LooksGenerated", "LooksFramed")
    return {
        "functions": sorted(u.__name__ for u in registry.iter_functions() if "Avatar" in str(u)),
        "features": {name: seen.extracted_features.get(name) for name in names},
        "errors": len(seen.error_infos),
        "without_a_picture": {
            "features": {name: missing.extracted_features.get(name) for name in names},
            "errors": len(missing.error_infos),
        },
        "refused": _is_refused(validate, RULES.replace("against='framed'", "against='other'"))
        and _is_refused(validate, RULES.replace("url=AvatarUrl, against", "against")),
    }


class Settings:
    """Osprey's configuration, as far as the plugin reads it."""

    def __init__(self, service_url: str) -> None:
        self._values = {"EYELINE_URL": service_url}

    def expect_str(self, key: str) -> str:
        return self._values[key]

    def get_optional_str(self, key: str) -> str | None:
        return self._values.get(key)


def _validator(registry: Any) -> Any:
    imported = importlib.import_module
    sources = imported("osprey.engine.ast.sources")
    validators = imported("osprey.engine.ast_validator.validator_registry").ValidatorRegistry
    config_validator = imported("osprey.engine.stdlib").get_config_registry().get_validator()
    rules = validators.get_instance().instance_with_additional_validators(config_validator)
    validate_sources = imported("osprey.engine.ast_validator").validate_sources

    def validate(text: str) -> Any:
        source = sources.Sources.from_dict({sources.SOURCE_ENTRY_POINT_PATH: text})
        return validate_sources(source, registry, rules)

    return validate


def _is_refused(validate: Any, text: str) -> bool:
    failure = importlib.import_module("osprey.engine.ast_validator.validation_context")
    try:
        validate(text)
    except failure.ValidationFailed:
        return True
    return False


def _instance_of(function: type) -> Any:
    return object.__new__(function)


def run_threatexchange(service_url: str, min_llr: float | None) -> dict[str, Any]:
    """Fetch, convert, index and match with python-threatexchange."""
    imported = importlib.import_module
    manifest = imported("threatexchange.extensions.manifest").ThreatExchangeExtensionManifest
    (api,) = manifest.load_from_module_name("app.integrations.threatexchange").apis
    pdq = imported("threatexchange.signal_type.pdq.signal").PdqSignal
    collab = api.get_config_cls()(name="eyeline", service_url=service_url, min_llr=min_llr)
    fetched: dict[Any, Any] = {}
    for delta in api.for_collab(collab).fetch_iter([pdq], None):
        api.naive_fetch_merge(fetched, delta.updates)
    signals = api.naive_convert_to_signal_type([pdq], collab, fetched).get(pdq, {})
    index = pdq.get_index_cls().build(signals.items())
    found = [hash_ for hash_ in signals if index.query(hash_)]
    return {
        "exchange": api.get_name(),
        "hashes": len(signals),
        "opinions": sorted({str(metadata) for metadata in signals.values()}),
        "found_in_index": len(found),
        "read_from_bank_file": _read_bank_file(list(signals), pdq),
    }


def _read_bank_file(hashes: list[str], pdq: Any) -> int:
    """How many of ``hashes`` come back from a bank file through the ``local_file`` exchange."""
    bank = importlib.import_module("app.integrations.hash_bank")
    file_api = importlib.import_module("threatexchange.exchanges.impl.file_api")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flagged.txt"
        path.write_text("".join(bank.bank_lines(hashes)), encoding="utf-8")
        collab = file_api.FileCollaborationConfig(name="bank", filename=str(path))
        exchange = file_api.LocalFileSignalExchangeAPI.for_collab(collab)
        (delta,) = exchange.fetch_iter([pdq], None)
        converted = exchange.naive_convert_to_signal_type([pdq], collab, delta.updates)
    return len(converted.get(pdq, {}).keys() & set(hashes))


def main() -> None:
    """Read the command line, and print what was seen."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("program", choices=("osprey", "threatexchange"))
    parser.add_argument("service_url")
    parser.add_argument("picture_url", nargs="?", default="")
    parser.add_argument("--min-llr", type=float, help="what counts as flagged")
    arguments = parser.parse_args()
    if arguments.program == "osprey":
        shown = run_osprey(arguments.service_url, arguments.picture_url)
    else:
        shown = run_threatexchange(arguments.service_url, arguments.min_llr)
    json.dump(shown, sys.stdout)
    print()


if __name__ == "__main__":
    main()

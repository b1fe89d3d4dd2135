"""What is shipped to deploy by: settings, metrics and names in it exist; every file parses."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import app
from app.runtime.observability import Metrics
from app.settings import Settings, variable_name
from tests.api.stub_analyzer import StubAnalyzer

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
KEDA = DEPLOY / "keda"
SETTINGS = {variable_name(field) for field in Settings.model_fields}
FILES = (
    *sorted(path for path in DEPLOY.rglob("*") if path.is_file()),
    ROOT / ".env.example",
    ROOT / "compose.yaml",
    ROOT / "Dockerfile",
)


def load_all(path: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each]


def known_metrics() -> set[str]:
    """Names as they are scraped, samples without labels too."""
    metrics = Metrics()
    metrics.track_analyzer(StubAnalyzer())
    text = metrics.render().decode()
    names = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    return names | {f"{name}_{end}" for name in names for end in ("bucket", "count", "sum")}


def alert_rules() -> list[dict[str, Any]]:
    (document,) = load_all(DEPLOY / "prometheus" / "alerts.yaml")
    return [rule for group in document["groups"] for rule in group["rules"]]


def board_panels() -> list[dict[str, Any]]:
    board = json.loads((DEPLOY / "grafana" / "eyeline.json").read_text(encoding="utf-8"))
    panels: list[dict[str, Any]] = board["panels"]
    return panels


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_variable_named_is_a_setting(path: Path) -> None:
    named = set(re.findall(r"\bEYELINE_[A-Z_]+\b", path.read_text(encoding="utf-8")))
    assert named <= SETTINGS


def test_the_example_environment_has_every_setting_and_its_default() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    lines = dict(re.findall(r"^(?:# )?(EYELINE_[A-Z_]+)=(.*)$", text, re.MULTILINE))
    assert lines.keys() == SETTINGS
    defaults = {variable_name(name): field.default for name, field in Settings.model_fields.items()}
    for name, value in lines.items():
        if value:
            assert value == str(defaults[name]).replace("True", "true")


def test_alerts_and_panels_ask_for_metrics_that_exist() -> None:
    expressions = [rule["expr"] for rule in alert_rules()]
    expressions += [target["expr"] for panel in board_panels() for target in panel["targets"]]
    asked = {
        name for each in expressions for name in re.findall(r"\b(?:eyeline|process)_\w+", each)
    }
    assert asked
    assert asked <= known_metrics()
    shown = " ".join(target["expr"] for panel in board_panels() for target in panel["targets"])
    own = {name for name in known_metrics() if name.startswith("eyeline_")}
    roots = {re.sub(r"_(bucket|count|sum)$", "", name) for name in own if "_created" not in name}
    assert [name for name in sorted(roots) if name not in shown] == []


def test_an_alert_says_what_to_do() -> None:
    assert alert_rules()
    for rule in alert_rules():
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"].keys() == {"summary", "action"}
        assert rule["expr"].count("(") == rule["expr"].count(")")


def test_panels_do_not_overlap() -> None:
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in board_panels())
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def find_resources(folder: Path) -> list[Path]:
    """The files that kustomize reads for ``folder``, which none of its bases may contain."""
    (kustomization,) = load_all(folder / "kustomization.yaml")
    found: list[Path] = []
    for name in kustomization["resources"]:
        path = (folder / name).resolve()
        assert not folder.is_relative_to(path), "kustomize refuses such a cycle"
        found += find_resources(path) if path.is_dir() else [path]
    return found


def manifests() -> dict[str, dict[str, Any]]:
    """By kind and name, of all that kustomize would read."""
    found = [each for path in find_resources(KEDA) for each in load_all(path)]
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in found}


@pytest.mark.parametrize("folder", ["kubernetes", "keda"])
def test_kustomize_builds_it(folder: str) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("NOT TESTED: no kubectl here")
    command = ["kubectl", "kustomize", str(DEPLOY / folder)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    found = {each["kind"]: each for each in yaml.safe_load_all(built.stdout)}
    assert {"ConfigMap", "Deployment", "Service", "PodDisruptionBudget"} <= found.keys()
    assert ("ScaledObject" in found) is (folder == "keda")


@pytest.mark.parametrize("name", ["Deployment/eyeline", "Deployment/eyeline-worker"])
def test_pods_are_confined_probed_and_get_time_to_end(name: str) -> None:
    deployment = manifests()[name]
    template = deployment["spec"]["template"]
    assert deployment["spec"]["selector"]["matchLabels"] == template["metadata"]["labels"]
    pod = template["spec"]
    assert pod["enableServiceLinks"] is False  # EYELINE_PORT=tcp://… of a service named eyeline
    assert pod["terminationGracePeriodSeconds"] >= 60
    assert pod["securityContext"]["runAsUser"] == 10001
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        where = container[probe]["httpGet"]
        assert where["path"] in {"/livez", "/readyz"}
        assert where["port"] in ports


def test_the_autoscaler_scales_the_workers_with_the_secret_of_the_database() -> None:
    found = manifests()
    scaled = found["ScaledObject/eyeline-worker"]["spec"]
    assert f"Deployment/{scaled['scaleTargetRef']['name']}" in found
    (trigger,) = scaled["triggers"]
    reference = found[f"TriggerAuthentication/{trigger['authenticationRef']['name']}"]
    assert reference["spec"]["secretTargetRef"][0]["key"] == "EYELINE_DATABASE_URL"


def test_compose_needs_two_variables_for_a_shared_start() -> None:
    """``${X:?…}`` must be given; the database's address follows from the password."""
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{(\w+):\?", text)) == {"EYELINE_API_KEYS"}
    services = yaml.safe_load(text)["services"]
    shared = {name for name, each in services.items() if each.get("profiles") == ["shared"]}
    assert shared == {"worker", "postgres"}
    for name in ("eyeline", "worker"):
        environment = services[name]["environment"]
        assert "${POSTGRES_PASSWORD" in environment["EYELINE_DATABASE_URL"]
        assert environment["PGPASSWORD"] == "${POSTGRES_PASSWORD:-}"
        assert services[name]["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert services["eyeline"]["depends_on"]["postgres"]["required"] is False


def test_what_an_operator_sets_goes_before_what_compose_would_choose() -> None:
    """``environment`` precedes ``env_file``: an empty default there would hide a line of .env."""
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    chosen = re.findall(r"(EYELINE_\w+): \$\{(\w+)(:[-?+])", text)
    assert {name for name, *_ in chosen} == {
        "EYELINE_API_KEYS", "EYELINE_DATABASE_URL", "EYELINE_BATCH_WORKERS",
    }  # fmt: skip
    assert all(name == source and operator != ":+" for name, source, operator in chosen)


def test_the_image_says_what_it_is() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', dockerfile))
    assert {"title", "description", "licenses", "version", "revision"} <= labels.keys()
    assert f"ARG VERSION={app.__version__}\n" in dockerfile
    assert (KUBERNETES / "kustomization.yaml").read_text().count(
        f"newTag: {app.__version__}\n"
    ) == 1

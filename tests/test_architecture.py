"""The direction of imports: what each part may know of the others, and of the world.

A part is a room (a package directly under app/) or one of the few loose modules. Imports inside
functions and under TYPE_CHECKING count like any other; only evidence may name, for the type checker
alone, what its checks receive. A new room needs a line here: the moment to ask which way it points.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parent.parent / "app"

ANYTHING = {
    "errors",
    "api_keys",
    "fair_places",
    "records",
    "settings",
    "image",
    "fetch",
    "lists",
    "face",
    "evidence",
    "networks",
    "checks",
    "calibration",
    "render",
    "analysis",
    "cohort",
    "batches",
    "integrations",
    "runtime",
    "api",
    "training",
}
SHARED = {"arrays"}
"""Every room may import it: names of types, and nothing else."""
MAY_IMPORT: dict[str, set[str]] = {
    "arrays": set(),
    "errors": set(),
    "api_keys": set(),
    "fair_places": set(),
    "records": {"evidence"},
    "settings": {"api_keys", "fetch"},
    "image": {"errors", "records"},
    "fetch": {"errors", "fair_places"},
    "lists": {"errors", "records", "fetch"},
    "face": {"image"},
    "evidence": set(),
    "networks": {"evidence", "face", "image"},
    "checks": {"networks", "evidence", "face", "image"},
    "calibration": {"evidence", "face"},
    "render": {"records", "cohort", "evidence", "face", "image"},
    "analysis": {
        "errors",
        "records",
        "settings",
        "image",
        "face",
        "evidence",
        "networks",
        "checks",
        "calibration",
        "render",
    },
    "cohort": {"records", "evidence", "calibration"},
    "batches": {"errors", "fair_places", "records", "evidence", "fetch", "lists"},
    "integrations": {
        "errors",
        "records",
        "settings",
        "fetch",
        "lists",
        "evidence",
        "analysis",
        "cohort",
        "batches",
    },
    "runtime": {
        "errors",
        "records",
        "settings",
        "image",
        "fetch",
        "lists",
        "evidence",
        "render",
        "analysis",
        "cohort",
        "batches",
        "integrations",
    },
    "api": ANYTHING - {"cli", "training"},
    "training": ANYTHING - {"api", "cli", "batches", "integrations", "lists", "runtime"},
    "cli": ANYTHING,
    "__main__": {"cli"},
}
WITHIN: dict[str, tuple[str, ...]] = {
    "face": (
        "face",
        "turn_mosaic",
        "median",
        "alignment",
        "pose",
        "circle",
        "borders",
        "crop",
        "crop_gray",
        "eyes",
        "mouth",
        "views",
        "mesh_fit",
        "orientation",
        "landmarks",
        "portrait",
    ),
    "calibration": (
        "file",
        "densities",
        "piecewise",
        "templates",
        "alignment_model",
        "scale",
        "alignment_scale",
        "logistic_scale",
        "fusion",
        "calibration",
    ),
    "analysis": (
        "given_coordinates",
        "face_result",
        "analyze",
        "canary",
        "model",
        "schemas",
        "serialize",
        "record",
        "recompute",
        "analyzer",
        "child_protocol",
        "child",
        "child_pool",
    ),
}
"""Rooms with a direction of their own: a module may import those that stand before it."""

PURE = {"app.analysis.analyze", "app.analysis.face_result"}
"""Like the checks: they are given networks, and never load one."""

FOR_THE_TYPE_CHECKER = {"evidence": {"face"}}

OWNERS: dict[str, tuple[str, ...]] = {
    "PIL": ("app.image", "app.render"),
    "mediapipe": ("app.face.landmarks",),
    "onnxruntime": ("app.networks.onnx", "app.training"),
    "torch": ("app.training.network",),
    "onnx": ("app.training.network",),
    "aiohttp": ("app.fetch", "app.integrations.osprey"),
    "ijson": ("app.lists",),
    "jinja2": ("app.render",),
    "dbos": ("app.batches",),
    "alembic": ("app.batches.store",),
    "sqlalchemy": ("app.batches",),
    "fastapi": ("app.api",),
    "starlette": ("app.api",),
    "sse_starlette": ("app.api",),
    "uvicorn": ("app.api", "app.cli.serve"),
    "httptools": ("app.api",),
    "pydantic_settings": ("app.settings",),
    "atproto": ("app.integrations",),
    "atproto_client": ("app.integrations",),
    "mastodon": ("app.integrations",),
    "osprey": ("app.integrations",),
    "pyarrow": ("app.integrations",),
    "ray": ("app.integrations",),
    "requests": ("app.integrations",),
    "threatexchange": ("app.integrations",),
    "sklearn": ("app.training",),
    "scipy": ("app.training",),
    "matplotlib": ("app.training.evaluation.plots",),
    "rustworkx": ("app.cohort.network",),
}


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def imports(tree: ast.AST, typing_only: bool = False) -> Iterator[tuple[str, bool]]:
    """Each imported dotted name below a node, and whether only the type checker sees it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, typing_only) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from ((f"{base}.{alias.name}", typing_only) for alias in node.names)
        else:
            yield from imports(node, typing_only or _is_type_checking(node))


def part_of(module: str) -> str:
    """The part of `app.<part>.<...>`; `__init__` for what app/__init__.py itself defines."""
    part = module.split(".")[1] if "." in module else "__init__"
    is_defined_there = part.startswith("__") or part.isupper()
    return part if part in MAY_IMPORT else "__init__" if is_defined_there else part


def _inner_violations(module: str, name: str) -> Iterator[str]:
    """What ``module`` may not import of its own room."""
    part = part_of(module)
    if part == "checks" and module != "app.checks" and name.split(".")[2] != module[11:]:
        yield f"{module} imports another check: {name}"
    if (order := WITHIN.get(part)) and module.count(".") > 1:
        own, other = module.split(".")[2], name.split(".")[2]
        if order.index(other) > order.index(own):
            yield f"{module} imports {other}, which stands above it"


def violations(module: str, source: str) -> list[str]:
    """What a module (say "app.checks.teeth") imports and should not."""
    part, found = part_of(module), []
    for name, typing_only in imports(ast.parse(source)):
        root, target = name.split(".")[0], part_of(name)
        if root == "":
            found.append(f"{module}: relative import {name}")
        elif root != "app":
            if not module.startswith(OWNERS.get(root, module)):
                found.append(f"{module} imports {root}, which belongs to {OWNERS[root]}")
        elif target == part:
            found += _inner_violations(module, name)
        elif name.startswith("app.networks.onnx") and (part == "checks" or module in PURE):
            found.append(f"{module} loads a network")
        elif target != "__init__":
            named = FOR_THE_TYPE_CHECKER.get(part, set()) if typing_only else set()
            if target not in MAY_IMPORT.get(part, set()) | named | SHARED:
                found.append(f"{module} imports {name}: {part} may not know of {target}")
    return found


def _modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(APP.rglob("*.py")):
        dotted = ".".join(("app", *path.relative_to(APP).with_suffix("").parts))
        yield dotted.removesuffix(".__init__"), path


def test_every_part_has_its_line_and_every_line_its_part() -> None:
    """A part without a line could import nothing, and nobody could import it: say so plainly."""
    parts = {part_of(module) for module, _ in _modules()} - {"__init__"}
    assert parts == MAY_IMPORT.keys()


@pytest.mark.parametrize(("module", "path"), list(_modules()), ids=str)
def test_imports_point_one_way(module: str, path: Path) -> None:
    assert violations(module, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("app.face.face", "from app.face.portrait import Portrait"),
        ("app.face.face", "def f():\n    import app.face.portrait"),
        ("app.face.face", "from app import portrait"),
        ("app.face.face", "if TYPE_CHECKING:\n    from app.face.portrait import Portrait"),
        ("app.face.face", "from .portrait import Portrait"),
        ("app.evidence", "from app.face.portrait import Portrait"),
        (
            "app.evidence",
            "if TYPE_CHECKING:\n    from app.calibration.calibration import Calibration",
        ),
        ("app.checks.teeth", "from app.checks.irises import measure"),
        ("app.checks.teeth", "from app.calibration.calibration import Calibration"),
        ("app.analysis.analyze", "from app.analysis.schemas import Analysis"),
        ("app.api.analyses.router", "from app.training.calibration.fit import fit"),
        ("app.training.calibration.fit", "from app.__main__ import main"),
        ("app.face.portrait", "from PIL import Image"),
        ("app.analysis.analyze", "import mediapipe as mp"),
        ("app.face.landmarks", "import aiohttp.abc"),
        ("app.face.portrait", "from app.networks.onnx import load_networks"),
        ("app.face.portrait", "from app.networks.regions import tile"),
        ("app.analysis.analyze", "from app.networks.onnx import Networks"),
        ("app.checks.teeth", "from app.networks.onnx import Networks"),
        ("app.checks.teeth", "from app.calibration.logistic_scale import SIZE"),
        ("app.calibration.scale", "from app.checks.stamp import CHECK"),
        ("app.calibration.fusion", "from app.calibration.calibration import Calibration"),
        ("app.networks.region_score", "import onnxruntime"),
        ("app.networks.onnx", "import torch"),
        ("app.settings", "from fastapi import FastAPI"),
        ("app.newcomer", "from app.face.face import Face"),
    ],
)
def test_a_wrong_direction_is_seen(module: str, source: str) -> None:
    assert len(violations(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("app.evidence", "if TYPE_CHECKING:\n    from app.face.portrait import Portrait"),
        (
            "app.checks.teeth",
            "from app.networks.region_score import look\nfrom app.face.crop import FaceCrop",
        ),
        (
            "app.calibration.calibration",
            "from app.calibration.scale import Scale\nfrom app.calibration.fusion import FRAME",
        ),
        ("app.training.network.export", "import onnx\nimport onnxruntime\nimport torch"),
        ("app.checks", "from app.checks import teeth\nfrom app.evidence import Check"),
        (
            "app.render.overlay.overlay",
            "from app.render.text_layout import write\nfrom PIL import Image",
        ),
        ("app.fetch", "from app import __version__\nimport aiohttp\nimport socket"),
        ("app.cohort.parameters", "from app import MODELS_DIR"),
        (
            "app.cli.batch",
            "from app.api import create_app\nfrom app.batches.service import BatchService",
        ),
        ("app.__main__", "from app.cli.batch import batch"),
    ],
)
def test_a_right_direction_is_left_alone(module: str, source: str) -> None:
    assert violations(module, source) == []


MAX_LOOSE_FILES = 8
MAX_FILES_IN_A_ROOM = 16
BEHAVIOUR_SUITES = {
    "api/batches/test_end_to_end.py": "a whole `eyeline serve` process with a real list",
    "api/test_contract.py": "every route against its OpenAPI document",
    "api/test_generated_client.py": "a client generated from the description, against a service",
    "batches/execution/test_recovery.py": "killed workers, taken over by others",
    "checks/test_contract.py": "every check against every fixture",
    "fetch/test_egress.py": "which packets leave the machine",
    "test_architecture.py": "this file",
    "test_deploy.py": "deploy/, compose.yaml, .env.example and the image's labels",
    "test_fixtures.py": "fixtures/faces and its manifest",
    "test_packaging.py": "pyproject.toml, the lock files, Makefile and models/",
}
"""Tests of what no single module does."""


def names_a_module(test: Path) -> bool:
    """Whether ``tests/<room>/test_<module>[_<aspect>].py`` tests a module or room of that name."""
    room = APP / test.parent
    names = {path.stem.strip("_") for path in room.iterdir() if path.suffix in {"", ".py"}}
    words = test.stem.removeprefix("test_").split("_")
    return any("_".join(words[:count]) in names | {room.name} for count in range(1, len(words) + 1))


def _test_files() -> list[Path]:
    tests = Path(__file__).resolve().parent
    return [path.relative_to(tests) for path in sorted(tests.rglob("test_*.py"))]


@pytest.mark.parametrize("path", _test_files(), ids=str)
def test_every_test_file_is_named_after_a_module(path: Path) -> None:
    """``tests/`` mirrors ``app/``; what tests more than a module stands in the list above."""
    assert path.as_posix() in BEHAVIOUR_SUITES or names_a_module(path)


def test_every_behaviour_suite_is_there() -> None:
    assert BEHAVIOUR_SUITES.keys() <= {path.as_posix() for path in _test_files()}


@pytest.mark.parametrize(
    ("test", "is_named"),
    [
        ("face/test_portrait.py", True),
        ("image/test_picture_damage.py", True),
        ("image/containers/test_containers.py", True),
        ("test_main.py", True),
        ("face/test_portraits.py", False),
        ("checks/test_portrait.py", False),
    ],
)
def test_names_of_test_files(test: str, is_named: bool) -> None:
    assert names_a_module(Path(test)) is is_named


def test_no_folder_is_crowded() -> None:
    files = [p for p in APP.rglob("*.py") if p.name != "__init__.py"]
    counts = {
        folder: sum(p.parent == folder for p in files) for folder in {p.parent for p in files}
    }
    assert counts.pop(APP) <= MAX_LOOSE_FILES
    assert max(counts.values()) <= MAX_FILES_IN_A_ROOM

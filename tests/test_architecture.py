"""The direction of imports: what each part of the house may know of the others, and of the world.

A part is a module or a package directly under app/. Imports inside functions and under
TYPE_CHECKING count like any other; only evidence may name, for the type checker alone, what its
checks receive. A new part needs a line here: that is the moment to ask which way it points.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parent.parent / "app"

PURE = {
    "face",
    "evidence",
    "picture",
    "alignment",
    "density",
    "shape",
    "framing",
    "crop",
    "portrait",
    "regions",
    "witness",
    "small",
    "eyes",
    "mouth",
    "colours",
}
WEIGHING = {
    "calibration_file",
    "templates",
    "scales",
    "fusion",
    "calibration",
    "checks",
    "landmarks",
    "analysis",
}
DOORS = {
    "errors",
    "addresses",
    "decoding",
    "keys",
    "settings",
    "canary",
    "drawing",
    "fetch",
    "sources",
    "network",
}
LISTS = {"lists", "jobs", "cohort"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "face": set(),
    "evidence": set(),
    "containers": {"errors"},
    "picture": {"errors", "containers"},
    "decoding": {"errors", "picture"},
    "addresses": {"errors"},
    "density": set(),
    "alignment": {"face"},
    "shape": {"face", "alignment"},
    "colours": {"picture"},
    "circle": set(),
    "framing": {"picture", "alignment", "middle", "circle"},
    "crop": {"picture", "face", "alignment"},
    "small": {"crop", "face"},
    "eyes": {"crop", "face", "middle"},
    "mouth": {"crop", "face", "middle"},
    "portrait": {"picture", "face", "alignment", "shape", "framing", "crop"},
    "regions": {"crop", "alignment", "face", "picture"},
    "witness": {"regions", "portrait", "alignment", "evidence", "face"},
    "network": {"picture", "face"},
    "checks": {
        "portrait",
        "evidence",
        "alignment",
        "face",
        "picture",
        "crop",
        "regions",
        "witness",
        "small",
        "eyes",
        "mouth",
        "middle",
    },
    "templates": {"portrait", "evidence", "alignment", "density", "shape", "middle"},
    "calibration_file": set(),
    "scales": {
        "calibration_file",
        "evidence",
        "alignment",
        "density",
        "portrait",
        "templates",
    },
    "fusion": {"calibration_file", "density", "scales"},
    "calibration": {"evidence", "calibration_file", "scales", "fusion"},
    "views": {"picture"},
    "lean": set(),
    "middle": set(),
    "landmarks": {"picture", "face", "views", "lean"},
    "analysis": PURE | WEIGHING,
    "canary": {"evidence"},
    "drawing": {"evidence", "picture", "alignment", "face"},
    "fetch": {"errors", "addresses"},
    "lists": {"errors"},
    "jobs": {"errors", "lists"},
    "keys": set(),
    "cohort": {"evidence", "density", "lists"},
    "settings": {"addresses", "keys"},
    "api": PURE | WEIGHING | DOORS | LISTS,
    "fitting": PURE | WEIGHING | DOORS | {"cohort"},
    "sources": {"fetch", "lists"},
    "doctor": PURE | WEIGHING | DOORS | LISTS | {"api"},
    "commands": PURE | WEIGHING | DOORS | LISTS | {"api", "fitting", "doctor"},
    "__main__": {"commands"},
}
FOR_THE_TYPE_CHECKER = {"evidence": {"face", "alignment", "portrait"}}

OWNERS = {
    "PIL": {"picture", "drawing"},
    "mediapipe": {"landmarks"},
    "onnxruntime": {"network", "fitting"},
    "torch": {"fitting"},
    "onnx": {"fitting"},
    "aiohttp": {"fetch"},
    "ijson": {"lists"},
    "dbos": {"jobs"},
    "sqlalchemy": {"jobs"},
    "fastapi": {"api"},
    "starlette": {"api"},
    "sse_starlette": {"api"},
    "uvicorn": {"api", "commands"},
    "h11": {"api"},
    "pydantic_settings": {"settings"},
    "sklearn": {"fitting"},
    "scipy": {"fitting"},
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
    return part if part in MAY_IMPORT else "__init__" if part.startswith("__") else part


def violations(module: str, source: str) -> list[str]:
    """What a module (say "app.checks.teeth") imports and should not."""
    part, found = part_of(module), []
    for name, typing_only in imports(ast.parse(source)):
        root, target = name.split(".")[0], part_of(name)
        if root == "":
            found.append(f"{module}: relative import {name}")
        elif root != "app":
            if part not in OWNERS.get(root, {part}):
                found.append(f"{module} imports {root}, which belongs to {OWNERS[root]}")
        elif target == part:
            if part == "checks" and module != "app.checks" and name.split(".")[2] != module[11:]:
                found.append(f"{module} imports another check: {name}")
        elif target != "__init__":
            named = FOR_THE_TYPE_CHECKER.get(part, set()) if typing_only else set()
            if target not in MAY_IMPORT.get(part, set()) | named:
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
        ("app.face", "from app.portrait import Portrait"),
        ("app.face", "def f():\n    import app.portrait"),
        ("app.face", "from app import portrait"),
        ("app.face", "if TYPE_CHECKING:\n    from app.portrait import Portrait"),
        ("app.face", "from .portrait import Portrait"),
        ("app.evidence", "from app.portrait import Portrait"),
        ("app.evidence", "if TYPE_CHECKING:\n    from app.calibration import Calibration"),
        ("app.checks.teeth", "from app.checks.irises import measure"),
        ("app.checks.teeth", "from app.calibration import Calibration"),
        ("app.analysis", "from app.api.schemas import Analysis"),
        ("app.api.analyses", "from app.fitting.fit import fit"),
        ("app.fitting.fit", "from app.__main__ import main"),
        ("app.portrait", "from PIL import Image"),
        ("app.analysis", "import mediapipe as mp"),
        ("app.landmarks", "import aiohttp.abc"),
        ("app.portrait", "from app.network import load_networks"),
        ("app.portrait", "from app.regions import tile"),
        ("app.analysis", "from app.network import Networks"),
        ("app.checks.teeth", "from app.network import Networks"),
        ("app.checks.teeth", "from app.scales.measures import SIZE"),
        ("app.scales.stamp", "from app.checks.stamp import CHECK"),
        ("app.fusion", "from app.calibration import Calibration"),
        ("app.witness", "import onnxruntime"),
        ("app.network", "import torch"),
        ("app.settings", "from fastapi import FastAPI"),
        ("app.newcomer", "from app.face import Face"),
    ],
)
def test_a_wrong_direction_is_seen(module: str, source: str) -> None:
    assert len(violations(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("app.evidence", "if TYPE_CHECKING:\n    from app.portrait import Portrait"),
        ("app.checks.teeth", "from app.witness import look\nfrom app.crop import FaceCrop"),
        (
            "app.calibration",
            "from app.scales.stamp import stamp_scale\nfrom app.fusion import FRAME",
        ),
        ("app.fitting.witness.export", "import onnx\nimport onnxruntime\nimport torch"),
        ("app.checks", "from app.checks import teeth\nfrom app.evidence import Check"),
        ("app.drawing.overlay", "from app.drawing.text import write\nfrom PIL import Image"),
        ("app.fetch", "from app import __version__\nimport aiohttp\nimport socket"),
        ("app.commands.batch", "from app.api import create_app\nfrom app.jobs.desk import Desk"),
        ("app.__main__", "from app.commands.batch import batch"),
    ],
)
def test_a_right_direction_is_left_alone(module: str, source: str) -> None:
    assert violations(module, source) == []

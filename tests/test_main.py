"""The command line, with an analyzer whose answer is fixed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app import __version__
from app.__main__ import cli
from app.analysis.analyzer import Analyzer
from app.analysis.schemas import AnalysisOut
from app.calibration.calibration import CalibrationError
from app.cli.startup import EXIT_FAILED, EXIT_FLAGGED, EXIT_USAGE
from app.evidence import Outcome
from app.face.landmarks import LandmarkModelError
from app.networks.onnx import NetworkError
from app.settings import Settings
from tests.api.stub_analyzer import StubAnalyzer, picture_bytes, serve_app

PNG = picture_bytes()


@pytest.fixture(autouse=True)
def stub_analyzer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYELINE_ISOLATE", "false")  # a child would not know of the stub
    monkeypatch.setattr(Analyzer, "load", lambda _: StubAnalyzer())


@pytest.fixture
def picture_path(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    return path


def run_cli(*arguments: object, **options: Any) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments], **options)


def parse_lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_json_is_one_analysis_a_line(picture_path: Path) -> None:
    result = run_cli("analyze", picture_path, picture_path, "--json")
    assert result.exit_code == 0
    assert [AnalysisOut.model_validate(line).outcome for line in parse_lines(result)] == [
        "scored"
    ] * 2
    assert result.stderr == ""


def test_json_is_what_http_answers(picture_path: Path) -> None:
    with serve_app(Settings(workers=1), StubAnalyzer()) as client:
        over_http = client.post("/v1/analyses", files={"file": PNG}, data={"prior": "0.1"}).text
    over_cli = run_cli("analyze", picture_path, "--json", "--prior", "0.1").stdout.strip()
    a, b = json.loads(over_http), json.loads(over_cli)
    assert list(a) == list(b)
    for answer in (a, b):
        del answer["id"], answer["timings_ms"]
    assert a == b


def test_people_are_told_verdict_strength_and_why(picture_path: Path) -> None:
    output = run_cli("analyze", picture_path).stdout
    for words in (
        "likely StyleGAN",
        "+3.70",
        "strong support for",
        "0.9998",
        "0.715",
        "in place",
        "texture: drawn",
    ):
        assert words in output


def test_people_are_told_why_there_is_no_verdict(
    picture_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Analyzer, "load", lambda _: StubAnalyzer(Outcome.NO_FACE))
    assert run_cli("analyze", picture_path).stdout == f"{picture_path}: not applicable (no face)\n"


def test_standard_input(picture_path: Path) -> None:
    result = run_cli("analyze", "-", "--json", input=PNG)
    assert parse_lines(result)[0]["image"]["width"] == 40


def test_a_folder_is_its_pictures_in_order(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for number, name in enumerate(["b.png", "a.JPG", "sub/c.webp"]):
        (tmp_path / name).write_bytes(picture_bytes((10 + number, 10)))
    (tmp_path / "notes.txt").write_text("no picture")
    result = run_cli("analyze", tmp_path, "--json")
    assert [line["image"]["width"] for line in parse_lines(result)] == [11, 10, 12]


def test_an_empty_folder_is_wrong_usage(tmp_path: Path) -> None:
    result = run_cli("analyze", tmp_path)
    assert result.exit_code == EXIT_USAGE
    assert "no pictures" in result.stderr


def test_what_cannot_be_read_is_named_and_the_rest_is_analysed(
    tmp_path: Path, picture_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    result = run_cli("analyze", broken, tmp_path / "missing.png", picture_path, "--json")
    assert result.exit_code == EXIT_FAILED
    assert len(parse_lines(result)) == 1
    assert f"{broken}: not_an_image: " in result.stderr
    assert "missing.png: No such file" in result.stderr


def test_a_url_goes_through_the_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_cli("analyze", "http://127.0.0.1/a.png")
    assert result.exit_code == EXIT_FAILED
    assert "url_blocked" in result.stderr


def test_a_verdict_may_fail_a_pipeline(picture_path: Path, tmp_path: Path) -> None:
    assert (
        run_cli("analyze", picture_path, "--fail-on", "likely_stylegan").exit_code == EXIT_FLAGGED
    )
    assert run_cli("analyze", picture_path, "--fail-on", "inconclusive").exit_code == 0
    missing = tmp_path / "missing.png"
    both = run_cli("analyze", missing, picture_path, "--fail-on", "likely_stylegan")
    assert both.exit_code == EXIT_FAILED


@pytest.mark.parametrize("prior", ["0", "1", "nan", "x"])
def test_a_prior_is_a_probability(picture_path: Path, prior: str) -> None:
    result = run_cli("analyze", picture_path, "--prior", prior)
    assert (result.exit_code, "--prior" in result.stderr) == (EXIT_USAGE, True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how_to_complete(shell: str) -> None:
    result = run_cli("completions", shell)
    assert result.exit_code == 0
    assert f"_EYELINE_COMPLETE=complete_{shell}" in result.stdout
    assert run_cli("completions", "csh").exit_code == EXIT_USAGE


def test_a_variable_that_sets_nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYELINE_WORKRES", "3")
    result = run_cli("doctor")
    assert result.exit_code == EXIT_USAGE
    assert result.stderr == (
        "eyeline: EYELINE_WORKRES is not a setting: did you mean EYELINE_WORKERS?\n"
    )


def test_the_overlay_is_written(picture_path: Path, tmp_path: Path) -> None:
    one, several = tmp_path / "o.png", tmp_path / "overlays"
    assert run_cli("analyze", picture_path, "--overlay", one).exit_code == 0
    assert run_cli("analyze", picture_path, picture_path, "--overlay", several).exit_code == 0
    assert one.read_bytes().startswith(b"\x89PNG")
    assert [p.read_bytes() for p in several.iterdir()] == [one.read_bytes()]
    kept = run_cli("analyze", picture_path, "--overlay", one)
    assert (kept.exit_code, "--force" in kept.stderr) == (EXIT_USAGE, True)
    jpeg = tmp_path / "o.jpg"
    assert run_cli("analyze", picture_path, "--overlay", jpeg).exit_code == 0
    assert jpeg.read_bytes().startswith(b"\xff\xd8\xff")
    wrong = run_cli("analyze", picture_path, picture_path, "--overlay", one)
    assert wrong.exit_code == EXIT_USAGE
    assert "folder" in wrong.stderr


def test_bad_settings_are_one_line_and_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYELINE_PORT", "http")
    for command in (["serve"], ["doctor"], ["analyze", "x.png"]):
        result = run_cli(*command)
        assert result.exit_code == EXIT_USAGE
        assert result.stderr.startswith("eyeline: EYELINE_PORT: ")
        assert result.stderr.count("\n") == 1


def test_serve_refuses_a_public_host_without_keys() -> None:
    result = run_cli("serve", "--host", "0.0.0.0")
    assert result.exit_code == EXIT_USAGE
    assert "EYELINE_API_KEYS" in result.stderr


@pytest.mark.parametrize("error", [LandmarkModelError, NetworkError, CalibrationError])
@pytest.mark.parametrize("command", [["serve"], ["analyze", "x.png"]])
def test_a_missing_model_is_one_line(
    command: list[str], error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Settings) -> Analyzer:
        raise error("the model is missing: restore it\nand much besides")

    monkeypatch.setattr(Analyzer, "load", fail)
    result = run_cli(*command)
    assert result.exit_code == EXIT_FAILED
    assert result.stderr == "eyeline: the model is missing: restore it\n"


@pytest.mark.parametrize("command", ["fit", "evaluate"])
def test_a_folder_without_a_manifest_is_one_line(command: str, tmp_path: Path) -> None:
    result = run_cli(command, tmp_path)
    assert result.exit_code == EXIT_FAILED
    assert result.stderr.startswith("eyeline: ")
    assert result.stderr.count("\n") == 1


def test_training_asks_for_its_own_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch is not installed where the service runs."""
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "app.training.network.commands", raising=False)
    result = run_cli("fit-texture", tmp_path)
    assert result.exit_code == EXIT_FAILED
    assert result.stderr == "eyeline: torch is not installed: run `make fit-texture CORPUS=...`\n"


def test_version_and_help_load_nothing_heavy() -> None:
    assert run_cli("--version").stdout == f"eyeline {__version__}\n"
    program = (
        "import sys; sys.argv = ['eyeline', '--version']\n"
        "HEAVY = {'mediapipe', 'cv2', 'onnxruntime', 'fastapi', 'uvicorn', 'aiohttp', 'torch'}\n"
        "from app.__main__ import cli\n"
        "cli(standalone_mode=False)\n"
        "print(sorted(HEAVY & sys.modules.keys()))"
    )
    completed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert completed.stdout.splitlines() == [f"eyeline {__version__}", "[]"]


def test_the_analyzer_is_closed_whatever_happens(
    picture_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_error() -> Iterator[None]:
        raise RuntimeError

    analyzer = StubAnalyzer(during_analysis=raise_error)
    monkeypatch.setattr(Analyzer, "load", lambda _: analyzer)
    assert isinstance(run_cli("analyze", picture_path).exception, RuntimeError)
    assert analyzer.closed

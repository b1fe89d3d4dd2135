"""``eyeline batch``: the same lists and the same bytes as over HTTP, without a server."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.__main__ import cli
from app.analysis.analyzer import Analyzer
from app.cli.startup import EXIT_FAILED, EXIT_USAGE
from app.settings import Settings
from tests.api.picture_server import (
    PictureServer,
    ShadeAnalyzer,
    complete_batch,
    run_picture_server,
    shade_png,
    wait_until,
)
from tests.api.stub_analyzer import serve_app
from tests.conftest import FACES
from tests.lists.kinds import BASE, KINDS, Kind

SHADES = [10, 255, 404, 150, 255]


@pytest.fixture(scope="module")
def picture_server() -> Iterator[PictureServer]:
    with run_picture_server() as server:
        yield server


@pytest.fixture(autouse=True)
def stub_analyzer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYELINE_FETCH_ALLOW", "127.0.0.1")
    monkeypatch.setenv("EYELINE_ISOLATE", "false")  # a child would not know of the stub
    monkeypatch.setattr(Analyzer, "load", lambda _: ShadeAnalyzer())


@pytest.fixture
def list_path(tmp_path: Path, picture_server: PictureServer) -> Path:
    path = tmp_path / "followers.csv"
    rows = [f"@{n},{picture_server.url(shade)}" for n, shade in enumerate(SHADES)]
    path.write_text("\n".join(["id,avatar", *rows]) + "\n", encoding="utf-8")
    return path


def run_batch_command(*arguments: object, **options: Any) -> Result:
    return CliRunner().invoke(cli, ["batch", *(str(a) for a in arguments)], **options)


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_same_bytes_as_over_http(list_path: Path, tmp_path: Path) -> None:
    with serve_app(Settings(workers=1, fetch_allow=("127.0.0.1",)), ShadeAnalyzer()) as client:
        batch = complete_batch(
            client, content=list_path.read_bytes(), headers={"Content-Type": "text/csv"}
        )
        path = f"/v1/batches/{batch['id']}/results"
        table = client.get(path, params={"format": "csv"}).content
        stream = client.get(path, params={"format": "ndjson"}).content
    for name, over_http in (("out.csv", table), ("out.ndjson", stream)):
        result = run_batch_command(list_path, "--out", tmp_path / name)
        assert result.exit_code == 0, result.stderr
        alone = (tmp_path / name).read_bytes()
        if name.endswith("ndjson"):  # the trailer names the batch, and every batch has its own id
            *alone_lines, trailer = alone.splitlines()
            *http_lines, http_trailer = over_http.splitlines()
            assert alone_lines == http_lines
            summary, other = (json.loads(t)["summary"] for t in (trailer, http_trailer))
            del summary["id"], other["id"]
            assert summary == other
        else:
            assert alone == over_http
    assert sorted(p.name for p in tmp_path.iterdir()) == ["followers.csv", "out.csv", "out.ndjson"]


def test_standard_input_is_a_list_and_standard_output_takes_results(
    list_path: Path, tmp_path: Path
) -> None:
    """As they would be in a file, with nothing else among them and no state left behind."""
    by_name, arguments = tmp_path / "a.csv", ("--order", "-llr", "--min-llr", "1")
    assert run_batch_command(list_path, "--out", by_name, *arguments).exit_code == 0
    piped = run_batch_command(
        "-", "--out", "-", "--format", "csv", *arguments, input=list_path.read_bytes()
    )
    assert piped.stdout_bytes == by_name.read_bytes()
    assert [row["seq"] for row in csv.DictReader(piped.stdout.splitlines())] == ["1", "4"]
    assert "results in standard output" in piped.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "followers.csv"]


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    for name, shade in (("b.png", 255), ("a.png", 10), ("sub/c.png", 150)):
        (folder / name).write_bytes(shade_png(shade))
    out = tmp_path / "out.ndjson"
    assert run_batch_command(folder, "--out", out).exit_code == 0
    *result, trailer = read_lines(out)
    assert [line["source"] for line in result] == ["a.png", "b.png", "sub/c.png"]
    assert trailer["summary"]["verdicts"]["likely_stylegan"] == 1
    (tmp_path / "empty").mkdir()
    nothing = run_batch_command(tmp_path / "empty", "--out", tmp_path / "none.csv")
    assert (nothing.exit_code, "list_empty" in nothing.stderr) == (EXIT_FAILED, True)


def test_nothing_is_replaced_unasked(list_path: Path, tmp_path: Path) -> None:
    out, montage = tmp_path / "o.csv", tmp_path / "m.jpg"
    montage.write_text("mine", encoding="utf-8")
    refused = run_batch_command(list_path, "--out", out, "--montage", montage)
    assert refused.exit_code == EXIT_USAGE
    assert refused.stderr == (
        f"eyeline: {montage} exists: choose another name, or --force to replace it\n"
    )
    assert montage.read_text(encoding="utf-8") == "mine"
    forced = run_batch_command(list_path, "--out", out, "--montage", montage, "--force")
    assert forced.exit_code == 0
    assert montage.read_bytes().startswith(b"\xff\xd8\xff")


def test_pictures_and_report(list_path: Path, tmp_path: Path) -> None:
    montage, report = tmp_path / "m.png", tmp_path / "r.html"
    composite, scatter = tmp_path / "c.png", tmp_path / "s.png"
    network, edges = tmp_path / "n.SVG", tmp_path / "e.csv"
    edges.write_text("source,target\n@nobody,@neither\n", encoding="utf-8")
    result = run_batch_command(
        list_path,
        "--out",
        tmp_path / "o.csv",
        "--montage",
        montage,
        "--report",
        report,
        "--composite",
        composite,
        "--scatter",
        scatter,
        "--network",
        network,
        "--edges",
        edges,
        "--no-lines",
    )
    assert result.exit_code == 0, result.stderr
    for picture in (montage, composite, scatter):
        assert picture.read_bytes().startswith(b"\x89PNG")
    drawing = network.read_text(encoding="utf-8")
    assert "Accounts of followers.csv" in drawing
    assert "1 line that you brought names an account that is not in the list" in drawing
    assert not (tmp_path / "m-2.png").exists()
    page = report.read_text(encoding="utf-8")
    assert "<title>Eyeline report on followers.csv</title>" in page
    assert "batch_" in page


def test_the_summary_is_on_stderr_unless_quiet(list_path: Path, tmp_path: Path) -> None:
    threshold = ("--flagged-threshold", 2)
    loud = run_batch_command(list_path, "--out", tmp_path / "a.csv", *threshold)
    assert loud.stdout == ""
    assert loud.stderr.count("2 flagged among the first ") == 1
    assert "5 avatars: " in loud.stderr
    assert "2 likely StyleGAN" in loud.stderr
    assert "1 could not be read" in loud.stderr
    assert "1 of 5 failed" in loud.stderr
    assert "none of these failures is temporary" in loud.stderr
    assert " a second); results in " in loud.stderr
    assert "A generated face does not prove that an account is inauthentic." in loud.stderr
    quiet = run_batch_command(list_path, "--out", tmp_path / "b.csv", "--quiet", *threshold)
    assert (quiet.stdout, quiet.stderr) == ("", "")


def test_the_prior_of_the_line_goes_before_the_lists_own(
    tmp_path: Path, picture_server: PictureServer
) -> None:
    path, out = tmp_path / "list.json", tmp_path / "out.ndjson"
    path.write_text(json.dumps({"items": picture_server.items(10), "prior": 0.2}), encoding="utf-8")
    run_batch_command(path, "--out", out)
    assert read_lines(out)[0]["prior"] == 0.2
    run_batch_command(path, "--out", out, "--prior", "0.1", "--force")
    assert read_lines(out)[0]["prior"] == 0.1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--out", "o.txt"], EXIT_USAGE, ".csv or .ndjson"),
        (["--out", "o.csv", "--prior", "2"], EXIT_USAGE, "--prior: "),
        (["--out", "o.csv", "--montage", "m.gif"], EXIT_USAGE, "--montage m.gif must end in .png"),
        (["--out", "o.csv", "--workers", "0"], EXIT_USAGE, "--workers: "),
    ],
)
def test_wrong_usage_is_one_line(
    list_path: Path, arguments: list[str], code: int, said: str
) -> None:
    result = run_batch_command(list_path, *arguments)
    assert result.exit_code == code
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_what_is_no_list_is_one_line(tmp_path: Path) -> None:
    noise = tmp_path / "noise.bin"
    noise.write_bytes(b"\x00\x01\xff" * 50)
    result = run_batch_command(noise, "--out", tmp_path / "o.csv")
    assert result.exit_code == EXIT_FAILED
    assert "list_unreadable" in result.stderr
    missing = run_batch_command(tmp_path / "missing", "--out", tmp_path / "o.csv")
    assert missing.exit_code == EXIT_FAILED
    assert "missing: No such file" in missing.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["noise.bin"]


def test_the_state_of_another_list_is_not_gone_on_with(
    list_path: Path, tmp_path: Path, picture_server: PictureServer
) -> None:
    out = tmp_path / "o.ndjson"
    assert run_batch_command(list_path, "--out", out, "--keep").exit_code == 0
    assert (tmp_path / ".o.ndjson.eyeline").is_dir()
    asked = picture_server.requests.total()
    assert run_batch_command(list_path, "--out", out, "--keep").exit_code == 0
    assert picture_server.requests.total() == asked  # everything was there
    list_path.write_text(f"{picture_server.url(77)}\n", encoding="utf-8")
    refused = run_batch_command(list_path, "--out", out)
    assert (refused.exit_code, "--force" in refused.stderr) == (EXIT_USAGE, True)
    assert run_batch_command(list_path, "--out", out, "--force").exit_code == 0
    assert len(read_lines(out)) == 2
    assert not (tmp_path / ".o.ndjson.eyeline").exists()


def test_what_may_succeed_later_is_tried_again_by_the_same_command(
    list_path: Path, tmp_path: Path, picture_server: PictureServer
) -> None:
    out, state = tmp_path / "o.ndjson", tmp_path / ".o.ndjson.eyeline"
    picture_server.failing_paths.add("/150.png")
    try:
        first = run_batch_command(list_path, "--out", out)
    finally:
        picture_server.failing_paths.clear()
    assert first.exit_code == 0
    assert "2 of 5 failed" in first.stderr
    assert "1 may succeed on retry: run the same command again" in first.stderr
    assert [line["seq"] for line in read_lines(out)[:-1] if "error" in line] == [2, 3]
    assert state.is_dir()
    asked = picture_server.requests.copy()
    second = run_batch_command(list_path, "--out", out)
    assert picture_server.requests - asked == {"/150.png": 1}
    assert [line["seq"] for line in read_lines(out)[:-1] if "error" in line] == [2]
    assert "1 of 5 failed" in second.stderr
    assert not state.exists()


def test_results_beside_the_pictures_do_not_begin_the_folder_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    monkeypatch.setattr(
        Analyzer, "load", lambda _: ShadeAnalyzer(during_analysis=lambda: looks.append(1))
    )
    for shade in (10, 255):
        (tmp_path / f"{shade}.png").write_bytes(shade_png(shade))
    for _ in range(2):
        assert run_batch_command(tmp_path, "--out", tmp_path / "out.csv", "--keep").exit_code == 0
    assert len(looks) == 2


def test_a_folder_with_a_name_that_is_no_text(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / os.fsdecode(b"caf\xe9.png")).write_bytes(shade_png(10))
    out = tmp_path / "out.ndjson"
    assert run_batch_command(folder, "--out", out).exit_code == 0
    assert read_lines(out)[0]["source"] == "caf\ufffd.png"


def test_what_another_calibration_found_is_not_gone_on_with(
    list_path: Path, tmp_path: Path, picture_server: PictureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Recalibrated(ShadeAnalyzer):
        def __init__(self) -> None:
            super().__init__()
            description = {**self.model.description, "id": "another"}
            self.model = replace(self.model, description=description)

    out = tmp_path / "o.csv"
    assert run_batch_command(list_path, "--out", out, "--keep").exit_code == 0
    asked = picture_server.requests.total()
    monkeypatch.setattr(Analyzer, "load", lambda _: Recalibrated())
    assert run_batch_command(list_path, "--out", out, "--force").exit_code == 0
    assert picture_server.requests.total() > asked


def _count_done(state: Path) -> int:
    """How many items have a result already."""
    path = state / "eyeline.sqlite"
    if not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            (count,) = database.execute("SELECT count(*) FROM results").fetchone()
            return int(count)
    except sqlite3.OperationalError:  # the tables are being made
        return 0


PICTURE_COUNT = 100
"""Pictures: more than can be done before the first results are kept."""


@pytest.mark.slow
def test_killed_and_run_again_it_goes_on(tmp_path: Path) -> None:
    """The real models, a process of its own, and no chance to tidy up."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    faces = [path for path in sorted(FACES.glob("*.*")) if path.suffix in (".jpg", ".png")]
    for number in range(PICTURE_COUNT):
        data = faces[number % len(faces)].read_bytes()
        (folder / f"{number:03}.jpg").write_bytes(data + b"\0" * number)  # each one its own bytes
    whole, broken = tmp_path / "whole.ndjson", tmp_path / "broken.ndjson"
    command = [
        sys.executable,
        "-m",
        "app",
        "batch",
        str(folder),
        "--quiet",
        "--workers",
        "2",
        "--out",
    ]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("EYELINE_")}
    state = tmp_path / ".broken.ndjson.eyeline"
    process = subprocess.Popen([*command, str(broken)], env=environment)
    wait_until(lambda: _count_done(state) > 0 or process.poll() is not None, "some results")
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not broken.exists()
    assert 0 < _count_done(state) < PICTURE_COUNT
    subprocess.run([*command, str(broken)], check=True, env=environment, timeout=300)
    here = {**environment, "EYELINE_ISOLATE": "false"}  # and children say what threads say
    subprocess.run([*command, str(whole)], check=True, env=here, timeout=300)
    *first, _ = whole.read_bytes().splitlines()
    *second, _ = broken.read_bytes().splitlines()
    assert [json.loads(line)["seq"] for line in second] == list(range(PICTURE_COUNT))
    assert first == second
    assert not state.exists()


def test_a_table_keeps_the_rows_of_the_list(list_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert run_batch_command(list_path, "--out", out).exit_code == 0
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [f"'@{n}" for n in range(5)]
    assert [row["error"] for row in rows] == ["", "", "fetch_failed", "", ""]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_of_list_is_shown_as_it_would_be_read(tmp_path: Path, kind: Kind) -> None:
    path = tmp_path / "list"
    path.write_bytes(kind.data)
    result = run_batch_command(path, "--dry-run", "--json")
    assert result.exit_code == 0, result.stderr
    preview = json.loads(result.stdout)
    shown = [(item["custom_id"], item["source"].removeprefix(BASE)) for item in preview["items"]]
    assert shown == kind.items[: len(shown)]
    assert preview["total"] == len(kind.items)
    assert any(kind.notes in note for note in preview["notes"])
    assert [each.name for each in tmp_path.iterdir()] == ["list"]  # nothing is kept


def test_a_dry_run_for_people(list_path: Path) -> None:
    result = run_batch_command(list_path, "--dry-run")
    assert result.exit_code == 0
    assert "picture from avatar" in result.stdout
    assert "1. @0: http" in result.stdout
    assert run_batch_command(list_path).exit_code == EXIT_USAGE  # --out is missing


def test_notes_of_a_list_are_on_stderr(tmp_path: Path, picture_server: PictureServer) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"id,email,avatar\n1,a@b.example,{picture_server.url(255)}\n")
    result = run_batch_command(path, "--out", tmp_path / "o.csv")
    assert "note: Not kept, as personal data or secrets: `email`" in result.stderr
    assert "a@b.example" not in (tmp_path / "o.csv").read_text()
    kept = run_batch_command(path, "--out", tmp_path / "k.csv", "--keep-column", "email")
    assert kept.exit_code == 0
    assert "a@b.example" in (tmp_path / "k.csv").read_text()


def test_a_folder_answers_every_picture_and_says_what_was_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    files = {"a.png": shade_png(10), "nosuffix": shade_png(20), "b.jfif": shade_png(30)}
    files |= {"c.heic": b"\x00\x00\x00\x18ftypheic" + bytes(20), "notes.txt": b"x", "._a.png": b"x"}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    result = run_batch_command(folder, "--out", tmp_path / "o.ndjson")
    *lines, _ = read_lines(tmp_path / "o.ndjson")
    assert [line["source"] for line in lines] == ["a.png", "b.jfif", "c.heic", "nosuffix"]
    assert "HEIC" in lines[2]["error"]["detail"]
    assert (
        "note: 2 files were left out, hidden or not pictures: `._a.png`, `notes.txt`."
        in result.stderr
    )

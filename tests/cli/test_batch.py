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
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.__main__ import cli
from app.analysis.analyzer import Analyst
from app.cli.startup import FAILED, USAGE
from app.settings import Settings
from tests.api.elsewhere import ByShade, Elsewhere, finished, pictures_elsewhere, shade_png, until
from tests.api.stand_in import serving
from tests.conftest import FACES

SHADES = [10, 255, 404, 150, 255]


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    with pictures_elsewhere() as there:
        yield there


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYELINE_FETCH_ALLOW", "127.0.0.1")
    monkeypatch.setenv("EYELINE_ISOLATE", "false")  # a child would not know of the stand-in
    monkeypatch.setattr(Analyst, "load", lambda _: ByShade())


@pytest.fixture
def a_list(tmp_path: Path, elsewhere: Elsewhere) -> Path:
    path = tmp_path / "followers.csv"
    rows = [f"@{n},{elsewhere.url(shade)}" for n, shade in enumerate(SHADES)]
    path.write_text("\n".join(["id,avatar", *rows]) + "\n", encoding="utf-8")
    return path


def eyeline(*arguments: object, **options: Any) -> Result:
    return CliRunner().invoke(cli, ["batch", *(str(a) for a in arguments)], **options)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_same_bytes_as_over_http(a_list: Path, tmp_path: Path) -> None:
    with serving(Settings(workers=1, fetch_allow=("127.0.0.1",)), ByShade()) as client:
        batch = finished(client, content=a_list.read_bytes(), headers={"Content-Type": "text/csv"})
        path = f"/v1/batches/{batch['id']}/results"
        table = client.get(path, params={"format": "csv"}).content
        stream = client.get(path, params={"format": "ndjson"}).content
    for name, over_http in (("out.csv", table), ("out.ndjson", stream)):
        result = eyeline(a_list, "--out", tmp_path / name)
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


def test_standard_input_is_a_list_as_well(a_list: Path, tmp_path: Path) -> None:
    by_name, by_pipe = tmp_path / "a.csv", tmp_path / "b.csv"
    assert eyeline(a_list, "--out", by_name).exit_code == 0
    assert eyeline("-", "--out", by_pipe, input=a_list.read_bytes()).exit_code == 0
    assert by_name.read_bytes() == by_pipe.read_bytes()


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    for name, shade in (("b.png", 255), ("a.png", 10), ("sub/c.png", 150)):
        (folder / name).write_bytes(shade_png(shade))
    out = tmp_path / "out.ndjson"
    assert eyeline(folder, "--out", out).exit_code == 0
    *found, trailer = lines(out)
    assert [line["source"] for line in found] == ["a.png", "b.png", "sub/c.png"]
    assert trailer["summary"]["verdicts"]["likely_generated"] == 1
    (tmp_path / "empty").mkdir()
    nothing = eyeline(tmp_path / "empty", "--out", out)
    assert (nothing.exit_code, "list_empty" in nothing.stderr) == (FAILED, True)


def test_pictures_and_report(a_list: Path, tmp_path: Path) -> None:
    montage, report = tmp_path / "m.png", tmp_path / "r.html"
    result = eyeline(a_list, "--out", tmp_path / "o.csv", "--montage", montage, "--report", report)
    assert result.exit_code == 0, result.stderr
    assert montage.read_bytes().startswith(b"\x89PNG")
    page = report.read_text(encoding="utf-8")
    assert "<title>Eyeline report on followers.csv</title>" in page
    assert "batch_" in page


def test_the_summary_is_on_stderr_unless_quiet(a_list: Path, tmp_path: Path) -> None:
    loud = eyeline(a_list, "--out", tmp_path / "a.csv")
    assert loud.stdout == ""
    assert "5 avatars: " in loud.stderr
    assert "2 likely generated" in loud.stderr
    assert "1 could not be read" in loud.stderr
    assert "1 of 5 failed" in loud.stderr
    assert "none of them would succeed" in loud.stderr
    quiet = eyeline(a_list, "--out", tmp_path / "b.csv", "--quiet")
    assert (quiet.stdout, quiet.stderr) == ("", "")


def test_the_prior_of_the_line_goes_before_the_lists_own(
    tmp_path: Path, elsewhere: Elsewhere
) -> None:
    path, out = tmp_path / "list.json", tmp_path / "out.ndjson"
    path.write_text(json.dumps({"items": elsewhere.items(10), "prior": 0.2}), encoding="utf-8")
    eyeline(path, "--out", out)
    assert lines(out)[0]["prior"] == 0.2
    eyeline(path, "--out", out, "--prior", "0.1")
    assert lines(out)[0]["prior"] == 0.1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--out", "o.txt"], USAGE, ".csv or .ndjson"),
        (["--out", "o.csv", "--prior", "2"], USAGE, "EYELINE_PRIOR"),
        (["--out", "o.csv", "--workers", "0"], USAGE, "EYELINE_WORKERS"),
    ],
)
def test_wrong_usage_is_one_line(a_list: Path, arguments: list[str], code: int, said: str) -> None:
    result = eyeline(a_list, *arguments)
    assert result.exit_code == code
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_what_is_no_list_is_one_line(tmp_path: Path) -> None:
    noise = tmp_path / "noise.bin"
    noise.write_bytes(b"\x00\x01\xff" * 50)
    result = eyeline(noise, "--out", tmp_path / "o.csv")
    assert result.exit_code == FAILED
    assert "list_unreadable" in result.stderr
    missing = eyeline(tmp_path / "missing", "--out", tmp_path / "o.csv")
    assert missing.exit_code == FAILED
    assert "missing: No such file" in missing.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["noise.bin"]


def test_the_state_of_another_list_is_not_gone_on_with(
    a_list: Path, tmp_path: Path, elsewhere: Elsewhere
) -> None:
    out = tmp_path / "o.ndjson"
    assert eyeline(a_list, "--out", out, "--keep").exit_code == 0
    assert (tmp_path / ".o.ndjson.eyeline").is_dir()
    asked = elsewhere.asked.total()
    assert eyeline(a_list, "--out", out, "--keep").exit_code == 0
    assert elsewhere.asked.total() == asked  # everything was there
    a_list.write_text(f"{elsewhere.url(77)}\n", encoding="utf-8")
    assert eyeline(a_list, "--out", out).exit_code == 0
    assert len(lines(out)) == 2
    assert not (tmp_path / ".o.ndjson.eyeline").exists()


def test_what_may_succeed_later_is_tried_again_by_the_same_command(
    a_list: Path, tmp_path: Path, elsewhere: Elsewhere
) -> None:
    out, state = tmp_path / "o.ndjson", tmp_path / ".o.ndjson.eyeline"
    elsewhere.ill.add("/150.png")
    try:
        first = eyeline(a_list, "--out", out)
    finally:
        elsewhere.ill.clear()
    assert first.exit_code == 0
    assert "2 of 5 failed" in first.stderr
    assert "1 may succeed later: run the same command again" in first.stderr
    assert [line["seq"] for line in lines(out)[:-1] if "error" in line] == [2, 3]
    assert state.is_dir()
    asked = elsewhere.asked.copy()
    second = eyeline(a_list, "--out", out)
    assert elsewhere.asked - asked == {"/150.png": 1}
    assert [line["seq"] for line in lines(out)[:-1] if "error" in line] == [2]
    assert "1 of 5 failed" in second.stderr
    assert not state.exists()


def test_results_beside_the_pictures_do_not_begin_the_folder_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    monkeypatch.setattr(Analyst, "load", lambda _: ByShade(meanwhile=lambda: looks.append(1)))
    for shade in (10, 255):
        (tmp_path / f"{shade}.png").write_bytes(shade_png(shade))
    for _ in range(2):
        assert eyeline(tmp_path, "--out", tmp_path / "out.csv", "--keep").exit_code == 0
    assert len(looks) == 2


def test_a_folder_with_a_name_that_is_no_text(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / os.fsdecode(b"caf\xe9.png")).write_bytes(shade_png(10))
    out = tmp_path / "out.ndjson"
    assert eyeline(folder, "--out", out).exit_code == 0
    assert lines(out)[0]["source"] == "caf\ufffd.png"


def test_what_another_calibration_found_is_not_gone_on_with(
    a_list: Path, tmp_path: Path, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Recalibrated(ByShade):
        def describe(self) -> dict[str, Any]:
            return {**super().describe(), "id": "another"}

    out = tmp_path / "o.csv"
    assert eyeline(a_list, "--out", out, "--keep").exit_code == 0
    asked = elsewhere.asked.total()
    monkeypatch.setattr(Analyst, "load", lambda _: Recalibrated())
    assert eyeline(a_list, "--out", out).exit_code == 0
    assert elsewhere.asked.total() > asked


def _done(state: Path) -> int:
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


COUNT = 160
"""Pictures: more than can be done before the first results are kept."""


def test_killed_and_run_again_it_goes_on(tmp_path: Path) -> None:
    """The real models, a process of its own, and no chance to tidy up."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    faces = [path for path in sorted(FACES.glob("*.*")) if path.suffix in (".jpg", ".png")]
    for number in range(COUNT):
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
    until(lambda: _done(state) > 0 or process.poll() is not None, "some results")
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not broken.exists()
    assert 0 < _done(state) < COUNT
    subprocess.run([*command, str(broken)], check=True, env=environment, timeout=300)
    here = {**environment, "EYELINE_ISOLATE": "false"}  # and children say what threads say
    subprocess.run([*command, str(whole)], check=True, env=here, timeout=300)
    *first, _ = whole.read_bytes().splitlines()
    *second, _ = broken.read_bytes().splitlines()
    assert [json.loads(line)["seq"] for line in second] == list(range(COUNT))
    assert first == second
    assert not state.exists()


def test_a_table_keeps_the_rows_of_the_list(a_list: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert eyeline(a_list, "--out", out).exit_code == 0
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [f"'@{n}" for n in range(5)]
    assert [row["error"] for row in rows] == ["", "", "fetch_failed", "", ""]

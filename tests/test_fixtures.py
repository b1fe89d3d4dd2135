"""What is shipped in fixtures/faces is what its manifest says, and may be shipped."""

import csv
import hashlib
from pathlib import Path

FACES = Path(__file__).resolve().parent.parent / "fixtures" / "faces"
ROWS = list(csv.DictReader((FACES / "manifest.csv").read_text("utf-8").splitlines()))


def test_manifest_and_folder_agree():
    on_disk = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in FACES.iterdir()
        if path.is_file() and path.name != "manifest.csv"
    }
    assert {row["file"]: row["sha256"] for row in ROWS} == on_disk


def test_every_picture_may_be_passed_on():
    assert {row["licence"] for row in ROWS} <= {"public domain", "CC0-1.0", "MIT"}
    assert all(row["source"] and row["what"] for row in ROWS)


def test_fixtures_stay_small():
    assert sum(path.stat().st_size for path in FACES.rglob("*") if path.is_file()) < 1_500_000

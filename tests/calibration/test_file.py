import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.calibration.alignment_scale import AlignmentScale
from app.calibration.calibration import CalibrationError, load, parse
from app.calibration.file import CalibrationFile
from app.calibration.logistic_scale import MeasuresScale
from app.calibration.scale import StampScale
from app.checks.eye_alignment import CHECK
from app.checks.stamp import CHECK as STAMP
from app.checks.texture import CHECK as TEXTURE
from tests.sitters import (
    calibration_file,
    entry,
    eyes_alone,
    measures_entry,
    stamp_entry,
    threshold,
)

CHECKS = (CHECK, TEXTURE, STAMP)
"""One of each kind: the file of the tests knows these."""
Path_ = tuple[str | int, ...]


def full_file(**changes: Any) -> CalibrationFile:
    """The small calibration's file with an entry of each kind."""
    held: dict[str, Any] = {
        "networks": {"witness.onnx": "0a" * 32},
        "checks": {
            CHECK.name: entry(),
            TEXTURE.name: measures_entry(version=TEXTURE.version),
            STAMP.name: stamp_entry(),
        },
        "fusion": eyes_alone(weights={TEXTURE.name: 0.8}),
    }
    return calibration_file(**held | changes)


def content() -> Any:
    return json.loads(full_file().model_dump_json())


def changed(path: Path_, value: object) -> bytes:
    """The file with ``value`` at ``path``."""
    whole = content()
    place = whole
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return json.dumps(whole).encode()


def without(path: Path_) -> bytes:
    whole = content()
    place = whole
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return json.dumps(whole).encode()


def every_place(node: object, path: Path_ = ()) -> list[Path_]:
    """The paths of all objects and their fields, arrays entered at their first element only."""
    if isinstance(node, dict):
        inner = [p for key, value in node.items() for p in every_place(value, (*path, key))]
        return [path, *inner]
    if isinstance(node, list):
        return [path, *(every_place(node[0], (*path, 0)) if node else [])]
    return [path]


ALIGN: Path_ = ("checks", CHECK.name)
LOOK: Path_ = ("checks", TEXTURE.name)
WORDS: Path_ = ("checks", STAMP.name)
PLACES = every_place(content())
MAY_BE_LEFT_OUT = {
    ("fitted_on", "pictures", "avatar"),
    ("networks", "witness.onnx"),
    ("figures", "cllr"),
    (*LOOK, "figures", "auc_400px"),
    (*WORDS, "figures", "real_pictures"),
    ("fusion", "weights", TEXTURE.name),
}
"""Members of tables: what a report may leave out, and the weight of a check that has none."""


def test_what_was_written_is_what_is_read(tmp_path: Path) -> None:
    data = full_file().model_dump_json().encode()
    (tmp_path / "c.json").write_bytes(data)
    loaded = load(tmp_path / "c.json", CHECKS)
    assert loaded.file == full_file()
    assert loaded.checks == CHECKS
    assert loaded.id == parse(data, CHECKS).id
    assert len(loaded.id) == 12


def test_every_kind_of_entry_has_its_scale() -> None:
    scales = parse(full_file().model_dump_json().encode(), CHECKS).scales
    assert [(name, type(scale)) for name, scale in scales.items()] == [
        (CHECK.name, AlignmentScale),
        (TEXTURE.name, MeasuresScale),
        (STAMP.name, StampScale),
    ]
    assert [s.bounds for s in scales.values()] == [(-3.0, 3.0), (-2.0, 2.0), (0.0, 2.5)]


def test_another_file_has_another_id() -> None:
    data = full_file().model_dump_json().encode()
    here = parse(data, CHECKS).id
    assert parse(data + b"\n", CHECKS).id != here
    assert parse(changed(("fusion", "offset"), 0.1), CHECKS).id != here


@pytest.mark.parametrize(
    "path",
    [(), ("fitted_on",), ALIGN, (*ALIGN, "correction"), (*ALIGN, "templates", 0),
     (*ALIGN, "ordinary"), (*ALIGN, "jitter"), LOOK, WORDS, ("fusion",), ("thresholds", 0)],
)  # fmt: skip
def test_an_unknown_field_is_refused_wherever_it_stands(path: Path_) -> None:
    with pytest.raises(CalibrationError, match="malformed"):
        parse(changed((*path, "extra"), 1), CHECKS)


@pytest.mark.parametrize("path", [p for p in PLACES if p and isinstance(p[-1], str)], ids=str)
def test_a_missing_field_is_refused_wherever_it_is_missing(path: Path_) -> None:
    if path in MAY_BE_LEFT_OUT:
        parse(without(path), CHECKS)
        return
    with pytest.raises(CalibrationError):
        parse(without(path), CHECKS)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf], ids=str)
@pytest.mark.parametrize(
    "path",
    [("fusion", "offset"), ("fusion", "aligned_share"), ("fusion", "weights", TEXTURE.name),
     ("fusion", "framed", 1),
     ("fusion", "uncertainty", 0, 1), ("bounds", 0), (*ALIGN, "templates", 0, "scale", 1, 1),
     (*ALIGN, "correction", "odd", 3, 0), (*ALIGN, "ordinary", "covariances", 0, 2, 2),
     (*ALIGN, "ordinary", "weights", 0), (*ALIGN, "correction", "odd_whitening", 0, 0),
     (*ALIGN, "uncertainty", 0, 1), (*LOOK, "centre", 0), (*LOOK, "weights", 1),
     (*LOOK, "offset"), (*LOOK, "figures", "auc_400px"), (*WORDS, "hit_llr"),
     (*WORDS, "interval", 0), ("thresholds", 0, "llr"), ("figures", "cllr")],
)  # fmt: skip
def test_a_number_that_is_none_is_refused(path: Path_, value: float) -> None:
    with pytest.raises(CalibrationError, match="malformed"):
        parse(changed(path, value), CHECKS)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), 1),
        (("format",), 3),
        (("networks",), ["witness.onnx"]),
        (("networks", "witness.onnx"), None),
        (("thresholds", 0, "verdict"), "guilty"),
        ((*ALIGN, "kind"), "logistic"),
        ((*ALIGN, "kind"), "measures"),
        ((*LOOK, "kind"), "alignment"),
        ((*WORDS, "kind"), "measures"),
        ((*ALIGN, "templates"), []),
        ((*ALIGN, "templates", 0, "mean"), [0.5, 0.5, 0.0]),
        ((*ALIGN, "templates", 0, "freedom"), 0.0),
        ((*ALIGN, "templates", 0, "share"), 1.5),
        ((*ALIGN, "correction", "usual_oddness"), 0.0),
        ((*ALIGN, "correction", "even"), [[0.0, 0.0]] * 25),
        ((*ALIGN, "uncertainty"), [[0.0, 0.1]]),
        ((*LOOK, "names"), []),
        ((*LOOK, "names"), ["witness"]),
        ((*LOOK, "names"), ["witness", "spread"]),
        ((*LOOK, "names"), ["witness", "spread", "ln_side"]),
        ((*LOOK, "scale", 0), 0.0),
        ((*LOOK, "scale"), [1.0]),
        ((*LOOK, "centre"), [0.0]),
        ((*LOOK, "weights"), [0.0, 0.0, 0.0]),
        ((*LOOK, "size_weights"), []),
        ((*LOOK, "bounds"), [2.0, -2.0]),
        ((*LOOK, "uncertainty", 1, 1), -0.1),
        ((*WORDS, "interval"), [3.0, 2.4]),
        ((*WORDS, "hit_llr"), "heavy"),
        ((*WORDS, "bounds"), [0.0]),
        (("fusion", "aligned_share"), 1.0),
        (("fusion", "aligned_share"), -0.01),
        (("fusion", "ordinary"), [1.0]),
        (("fusion", "ordinary", 0), -0.1),
        (("fusion", "framed"), [1.0, 0.0, 0.0]),
        (("fusion", "weights", TEXTURE.name), "heavy"),
        (("fusion", "uncertainty"), [[0.0, 0.1]]),
        (("fusion", "uncertainty", 1, 0), -9.0),
        (("thresholds", 0, "upper_95"), 1.2),
        (("bounds",), [-3.0, 0.0, 3.0]),
        (("bounds",), [3.0, -3.0]),
        ((*ALIGN, "bounds"), [1.0, 1.0]),
        ((*ALIGN, "templates", 0, "scale", 0, 0), -1e-6),
        ((*ALIGN, "templates", 0, "scale", 0, 1), 1e-3),
        ((*ALIGN, "templates", 0, "scale"), [[0.0] * 4] * 4),
        ((*ALIGN, "ordinary", "covariances", 1, 5, 5), 0.0),
        ((*ALIGN, "ordinary", "weights"), [1.0]),
        ((*ALIGN, "ordinary", "weights", 0), -0.2),
        ((*ALIGN, "ordinary", "means"), [[0.0] * 6] * 3),
        ((*ALIGN, "jitter", "floor", 0), -1e-9),
        ((*ALIGN, "uncertainty"), [[1.0, 0.1], [-1.0, 0.1]]),
        ((*ALIGN, "uncertainty", 0, 1), -0.1),
        ((*ALIGN, "correction", "odd_whitening", 4), [1.0, 0.0]),
        ((*ALIGN, "correction", "even_whitening", 4), [0.0] * 26),
    ],
    ids=str,
)
def test_a_value_out_of_its_range_is_refused(path: Path_, value: object) -> None:
    with pytest.raises(CalibrationError, match="malformed"):
        parse(changed(path, value), CHECKS)


@pytest.mark.parametrize("version", [0, CHECK.version + 1])
def test_a_calibration_for_another_version_of_a_check_is_refused(version: int) -> None:
    with pytest.raises(CalibrationError, match="eyeline fit"):
        parse(changed((*ALIGN, "version"), version), CHECKS)


def test_exactly_the_checks_that_there_are() -> None:
    data = full_file().model_dump_json().encode()
    newcomer = replace(CHECK, name="hairline")
    for checks in ((), (newcomer,), CHECKS[:2], (*CHECKS, newcomer)):
        with pytest.raises(CalibrationError, match="eyeline fit"):
            parse(data, checks)
    with pytest.raises(CalibrationError, match="eyeline fit"):
        parse(changed(("checks", "hairline"), content()["checks"][CHECK.name]), CHECKS)


def test_checks_are_reported_in_their_own_order_whatever_the_files() -> None:
    data = full_file().model_dump_json().encode()
    assert parse(data, CHECKS[::-1]).checks == CHECKS[::-1]


def test_a_fusion_that_weighs_a_check_that_there_is_not_is_refused() -> None:
    with pytest.raises(CalibrationError, match=r"fusion .* `eyeline fit`"):
        parse(changed(("fusion", "weights", "hairline"), 0.3), CHECKS)


@pytest.mark.parametrize("kept", [(), ("likely_generated",), ("unlikely_generated",)])
def test_both_thresholds_must_be_there(kept: Sequence[str]) -> None:
    file = full_file(thresholds=[threshold(name, 1.0) for name in kept])
    with pytest.raises(CalibrationError, match="threshold"):
        parse(file.model_dump_json().encode(), CHECKS)


@given(st.floats(0.0, 1.0, exclude_max=True))
def test_a_truncated_file_is_refused(share: float) -> None:
    data = full_file().model_dump_json().encode()
    with pytest.raises(CalibrationError):
        parse(data[: int(share * len(data))], CHECKS)


@given(st.binary(max_size=200))
def test_noise_is_refused(data: bytes) -> None:
    with pytest.raises(CalibrationError):
        parse(data, CHECKS)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b"NaN"])
def test_nothing_is_refused(data: bytes) -> None:
    with pytest.raises(CalibrationError, match="malformed"):
        parse(data, CHECKS)


def test_a_file_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.json", tmp_path):
        with pytest.raises(CalibrationError, match="eyeline fit"):
            load(path, CHECKS)

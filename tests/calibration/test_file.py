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
from app.calibration.calibration import CalibrationError, load_calibration, parse_calibration
from app.calibration.file import CalibrationFile
from app.calibration.logistic_scale import LogisticScale
from app.calibration.scale import StampScale
from app.checks.eye_alignment import CHECK
from app.checks.stamp import CHECK as STAMP
from app.checks.texture import CHECK as TEXTURE
from tests.synthetic_faces import (
    calibration_file,
    make_alignment_entry,
    make_eyes_only_fusion,
    make_logistic_entry,
    make_stamp_entry,
    make_threshold_entry,
)

CHECKS = (CHECK, TEXTURE, STAMP)
"""One of each kind: the file of the tests knows these."""
KeyPath = tuple[str | int, ...]


def full_file(**changes: Any) -> CalibrationFile:
    """The small calibration's file with an entry of each kind."""
    fields: dict[str, Any] = {
        "networks": {"witness.onnx": "0a" * 32},
        "checks": {
            CHECK.name: make_alignment_entry(),
            TEXTURE.name: make_logistic_entry(version=TEXTURE.version),
            STAMP.name: make_stamp_entry(),
        },
        "fusion": make_eyes_only_fusion(weights={TEXTURE.name: 0.8}),
    }
    return calibration_file(**fields | changes)


def content() -> Any:
    return json.loads(full_file().model_dump_json())


def with_value(path: KeyPath, value: object) -> bytes:
    """The file with ``value`` at ``path``."""
    document = content()
    node = document
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return json.dumps(document).encode()


def without_value(path: KeyPath) -> bytes:
    document = content()
    node = document
    for key in path[:-1]:
        node = node[key]
    del node[path[-1]]
    return json.dumps(document).encode()


def key_paths(node: object, path: KeyPath = ()) -> list[KeyPath]:
    """The paths of all objects and their fields, arrays entered at their first element only."""
    if isinstance(node, dict):
        inner = [p for key, value in node.items() for p in key_paths(value, (*path, key))]
        return [path, *inner]
    if isinstance(node, list):
        return [path, *(key_paths(node[0], (*path, 0)) if node else [])]
    return [path]


ALIGNMENT_PATH: KeyPath = ("checks", CHECK.name)
TEXTURE_PATH: KeyPath = ("checks", TEXTURE.name)
STAMP_PATH: KeyPath = ("checks", STAMP.name)
ALL_PATHS = key_paths(content())
OPTIONAL_PATHS = {
    ("fitted_on", "pictures", "avatar"),
    ("networks", "witness.onnx"),
    ("figures", "cllr"),
    (*TEXTURE_PATH, "figures", "auc_400px"),
    (*STAMP_PATH, "figures", "real_pictures"),
    ("fusion", "weights", TEXTURE.name),
    ("fusion", "stop"),
}
"""Members of tables: what a report may leave out, and the weight of a check that has none; and the
rule of a fusion that stops nowhere."""


def test_what_was_written_is_what_is_read(tmp_path: Path) -> None:
    data = full_file().model_dump_json().encode()
    (tmp_path / "c.json").write_bytes(data)
    loaded = load_calibration(tmp_path / "c.json", CHECKS)
    assert loaded.file == full_file()
    assert loaded.checks == CHECKS
    assert loaded.id == parse_calibration(data, CHECKS).id
    assert len(loaded.id) == 12


def test_every_kind_of_entry_has_its_scale() -> None:
    scales = parse_calibration(full_file().model_dump_json().encode(), CHECKS).scales
    assert [(name, type(scale)) for name, scale in scales.items()] == [
        (CHECK.name, AlignmentScale),
        (TEXTURE.name, LogisticScale),
        (STAMP.name, StampScale),
    ]
    assert [s.bounds for s in scales.values()] == [(-3.0, 3.0), (-2.0, 2.0), (0.0, 2.5)]


def test_another_file_has_another_id() -> None:
    data = full_file().model_dump_json().encode()
    here = parse_calibration(data, CHECKS).id
    assert parse_calibration(data + b"\n", CHECKS).id != here
    assert parse_calibration(with_value(("fusion", "offset"), 0.1), CHECKS).id != here


@pytest.mark.parametrize(
    "path",
    [(), ("fitted_on",), ALIGNMENT_PATH, (*ALIGNMENT_PATH, "correction"), (*ALIGNMENT_PATH,
    "templates", 0),
     (*ALIGNMENT_PATH, "ordinary"), (*ALIGNMENT_PATH, "jitter"), TEXTURE_PATH, STAMP_PATH,
     ("fusion",), ("thresholds", 0)],
)  # fmt: skip
def test_an_unknown_field_is_refused_wherever_it_stands(path: KeyPath) -> None:
    with pytest.raises(CalibrationError, match="malformed"):
        parse_calibration(with_value((*path, "extra"), 1), CHECKS)


@pytest.mark.parametrize("path", [p for p in ALL_PATHS if p and isinstance(p[-1], str)], ids=str)
def test_a_missing_field_is_refused_wherever_it_is_missing(path: KeyPath) -> None:
    if path in OPTIONAL_PATHS:
        parse_calibration(without_value(path), CHECKS)
        return
    with pytest.raises(CalibrationError):
        parse_calibration(without_value(path), CHECKS)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf], ids=str)
@pytest.mark.parametrize(
    "path",
    [("fusion", "offset"), ("fusion", "framed_share"), ("fusion", "weights", TEXTURE.name),
     ("fusion", "framed", "offsets", 0),
     ("fusion", "ordinary", "uncertainty", 0, 1), ("bounds", 0),
     (*ALIGNMENT_PATH, "templates", 0, "scale", 1,
     1),
     (*ALIGNMENT_PATH, "correction", "odd", 3, 0), (*ALIGNMENT_PATH, "ordinary", "covariances", 0,
     2, 2),
     (*ALIGNMENT_PATH, "ordinary", "weights", 0), (*ALIGNMENT_PATH, "correction", "odd_whitening",
     0, 0),
     (*ALIGNMENT_PATH, "uncertainty", 0, 1), (*TEXTURE_PATH, "centre", 0), (*TEXTURE_PATH,
     "weights", 1),
     (*TEXTURE_PATH, "offset"), (*TEXTURE_PATH, "figures", "auc_400px"), (*STAMP_PATH, "hit_llr"),
     (*STAMP_PATH, "interval", 0), ("thresholds", 0, "llr"), ("figures", "cllr")],
)  # fmt: skip
def test_a_number_that_is_none_is_refused(path: KeyPath, value: float) -> None:
    with pytest.raises(CalibrationError, match="malformed"):
        parse_calibration(with_value(path, value), CHECKS)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), 2),
        (("format",), 4),
        (("networks",), ["witness.onnx"]),
        (("networks", "witness.onnx"), None),
        (("thresholds", 0, "verdict"), "guilty"),
        ((*ALIGNMENT_PATH, "kind"), "logistic"),
        ((*ALIGNMENT_PATH, "kind"), "measures"),
        ((*TEXTURE_PATH, "kind"), "alignment"),
        ((*STAMP_PATH, "kind"), "measures"),
        ((*ALIGNMENT_PATH, "templates"), []),
        ((*ALIGNMENT_PATH, "templates", 0, "mean"), [0.5, 0.5, 0.0]),
        ((*ALIGNMENT_PATH, "templates", 0, "freedom"), 0.0),
        ((*ALIGNMENT_PATH, "templates", 0, "share"), 1.5),
        ((*ALIGNMENT_PATH, "correction", "usual_oddness"), 0.0),
        ((*ALIGNMENT_PATH, "correction", "even"), [[0.0, 0.0]] * 25),
        ((*ALIGNMENT_PATH, "uncertainty"), [[0.0, 0.1]]),
        ((*TEXTURE_PATH, "names"), []),
        ((*TEXTURE_PATH, "names"), ["witness"]),
        ((*TEXTURE_PATH, "names"), ["witness", "spread"]),
        ((*TEXTURE_PATH, "names"), ["witness", "spread", "ln_side"]),
        ((*TEXTURE_PATH, "scale", 0), 0.0),
        ((*TEXTURE_PATH, "scale"), [1.0]),
        ((*TEXTURE_PATH, "centre"), [0.0]),
        ((*TEXTURE_PATH, "weights"), [0.0, 0.0, 0.0]),
        ((*TEXTURE_PATH, "size_weights"), []),
        ((*TEXTURE_PATH, "bounds"), [2.0, -2.0]),
        ((*TEXTURE_PATH, "uncertainty", 1, 1), -0.1),
        ((*STAMP_PATH, "interval"), [3.0, 2.4]),
        ((*STAMP_PATH, "hit_llr"), "heavy"),
        ((*STAMP_PATH, "bounds"), [0.0]),
        (("fusion", "framed_share"), 1.0),
        (("fusion", "framed_share"), -0.01),
        (("fusion", "ordinary", "slopes"), [1.0, 1.0]),
        (("fusion", "ordinary", "slopes", 0), -0.1),
        (("fusion", "framed", "offsets"), []),
        (("fusion", "framed", "unmeasured"), {"no such check": 0.1}),
        (("fusion", "framed", "bounds"), [1.0, -1.0]),
        (("fusion", "sides_px"), [200.0, 100.0]),
        (("fusion", "weights", TEXTURE.name), "heavy"),
        (("fusion", "ordinary", "uncertainty"), [[0.0, 0.1]]),
        (("fusion", "framed", "uncertainty", 1, 0), -9.0),
        (("thresholds", 0, "upper_95"), 1.2),
        (("bounds",), [-3.0, 0.0, 3.0]),
        (("bounds",), [3.0, -3.0]),
        ((*ALIGNMENT_PATH, "bounds"), [1.0, 1.0]),
        ((*ALIGNMENT_PATH, "templates", 0, "scale", 0, 0), -1e-6),
        ((*ALIGNMENT_PATH, "templates", 0, "scale", 0, 1), 1e-3),
        ((*ALIGNMENT_PATH, "templates", 0, "scale"), [[0.0] * 4] * 4),
        ((*ALIGNMENT_PATH, "ordinary", "covariances", 1, 5, 5), 0.0),
        ((*ALIGNMENT_PATH, "ordinary", "weights"), [1.0]),
        ((*ALIGNMENT_PATH, "ordinary", "weights", 0), -0.2),
        ((*ALIGNMENT_PATH, "ordinary", "means"), [[0.0] * 6] * 3),
        ((*ALIGNMENT_PATH, "jitter", "floor", 0), -1e-9),
        ((*ALIGNMENT_PATH, "uncertainty"), [[1.0, 0.1], [-1.0, 0.1]]),
        ((*ALIGNMENT_PATH, "uncertainty", 0, 1), -0.1),
        ((*ALIGNMENT_PATH, "correction", "odd_whitening", 4), [1.0, 0.0]),
        ((*ALIGNMENT_PATH, "correction", "even_whitening", 4), [0.0] * 26),
    ],
    ids=str,
)
def test_a_value_out_of_its_range_is_refused(path: KeyPath, value: object) -> None:
    with pytest.raises(CalibrationError, match="malformed"):
        parse_calibration(with_value(path, value), CHECKS)


@pytest.mark.parametrize("version", [0, CHECK.version + 1])
def test_a_calibration_for_another_version_of_a_check_is_refused(version: int) -> None:
    with pytest.raises(CalibrationError, match="eyeline fit"):
        parse_calibration(with_value((*ALIGNMENT_PATH, "version"), version), CHECKS)


def test_exactly_the_checks_that_there_are() -> None:
    data = full_file().model_dump_json().encode()
    newcomer = replace(CHECK, name="hairline")
    for checks in ((), (newcomer,), CHECKS[:2], (*CHECKS, newcomer)):
        with pytest.raises(CalibrationError, match="eyeline fit"):
            parse_calibration(data, checks)
    with pytest.raises(CalibrationError, match="eyeline fit"):
        parse_calibration(
            with_value(("checks", "hairline"), content()["checks"][CHECK.name]), CHECKS
        )


def test_checks_are_reported_in_their_own_order_whatever_the_files() -> None:
    data = full_file().model_dump_json().encode()
    assert parse_calibration(data, CHECKS[::-1]).checks == CHECKS[::-1]


def test_a_fusion_that_weighs_a_check_that_there_is_not_is_refused() -> None:
    with pytest.raises(CalibrationError, match=r"fusion .* `eyeline fit`"):
        parse_calibration(with_value(("fusion", "weights", "hairline"), 0.3), CHECKS)


@pytest.mark.parametrize("kept", [(), ("likely_stylegan",), ("unlikely_stylegan",)])
def test_both_thresholds_must_be_there(kept: Sequence[str]) -> None:
    file = full_file(thresholds=[make_threshold_entry(name, 1.0) for name in kept])
    with pytest.raises(CalibrationError, match="threshold"):
        parse_calibration(file.model_dump_json().encode(), CHECKS)


@given(st.floats(0.0, 1.0, exclude_max=True))
def test_a_truncated_file_is_refused(share: float) -> None:
    data = full_file().model_dump_json().encode()
    with pytest.raises(CalibrationError):
        parse_calibration(data[: int(share * len(data))], CHECKS)


@given(st.binary(max_size=200))
def test_noise_is_refused(data: bytes) -> None:
    with pytest.raises(CalibrationError):
        parse_calibration(data, CHECKS)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b"NaN"])
def test_nothing_is_refused(data: bytes) -> None:
    with pytest.raises(CalibrationError, match="malformed"):
        parse_calibration(data, CHECKS)


def test_a_file_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.json", tmp_path):
        with pytest.raises(CalibrationError, match="eyeline fit"):
            load_calibration(path, CHECKS)

"""How well a mesh fits: standing faces score high, meshes on turned ones and elsewhere low."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.face.face import LANDMARK_COUNT, Face
from app.face.landmarks import FaceFinder
from app.face.mesh_fit import (
    DEFAULT_MESH_FIT_PATH,
    SHAPE_LENGTH,
    TEXTURE_LENGTH,
    MeshFitError,
    default_mesh_fit,
    load_mesh_fit,
    mesh_shape,
    texture_features,
)
from app.image.picture import Picture

LoadFixture = Callable[[str], Picture]


@pytest.fixture
def frame(faces: LoadFixture) -> Picture:
    return faces("astronaut_ffhq_frame.jpg")


@pytest.fixture
def face(finder: FaceFinder, frame: Picture) -> Face:
    return finder.find_faces(frame)[0]


def test_a_standing_face_fits(frame: Picture, face: Face) -> None:
    assert default_mesh_fit()(frame, face) > default_mesh_fit().entry.certain


def test_the_same_mesh_on_upturned_pixels_does_not(frame: Picture, face: Face) -> None:
    upturned = Picture(np.ascontiguousarray(frame.rgb[::-1]), "PNG", "")
    assert default_mesh_fit()(upturned, face) < default_mesh_fit()(frame, face) - 3.0


def test_an_implausible_mesh_does_not_fit(frame: Picture, face: Face) -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0.0, 0.08 * face.eye_distance_px, face.landmarks.shape)
    assert default_mesh_fit()(frame, Face(face.landmarks + noise)) < 0.0


def test_a_collapsed_mesh_has_no_fit(frame: Picture) -> None:
    collapsed = Face(np.full((LANDMARK_COUNT, 2), 50.0))
    assert texture_features(frame.gray, collapsed) is None
    assert default_mesh_fit()(frame, collapsed) == -math.inf


def test_shape_knows_neither_place_nor_size_nor_roll(face: Face) -> None:
    angle = math.radians(25.0)
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    moved = Face(face.landmarks @ rotation.T * 1.7 + [12.0, -40.0])
    assert mesh_shape(face).shape == (SHAPE_LENGTH,)
    np.testing.assert_allclose(mesh_shape(moved), mesh_shape(face), atol=1e-9)


def test_texture_features_are_finite_on_flat_pixels(face: Face) -> None:
    features = texture_features(np.full((400, 400), 90, dtype=np.uint8), face)
    assert features is not None
    assert features.shape == (TEXTURE_LENGTH,)
    assert np.isfinite(features).all()


def drop_weight(content: dict[str, Any]) -> None:
    content["weights"].pop()


def drop_coordinate(content: dict[str, Any]) -> None:
    content["components"][0].pop()


def add_member(content: dict[str, Any]) -> None:
    content["extra"] = 1


@pytest.mark.parametrize("change", [drop_weight, drop_coordinate, add_member])
def test_the_file_is_read_strictly(
    tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    content = json.loads(DEFAULT_MESH_FIT_PATH.read_bytes())
    change(content)
    path = tmp_path / "mesh_fit.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(MeshFitError, match="malformed"):
        load_mesh_fit(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(MeshFitError, match="restore it"):
        load_mesh_fit(tmp_path / "mesh_fit.json")

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from app.arrays import FloatArray, RgbArray
from app.face.landmarks import FaceFinder
from app.face.portrait import Portrait
from app.image.picture import Picture
from app.networks.onnx import (
    FACE_NETWORK_FILE,
    REGION_NETWORK_FILE,
    SEGMENTER_FILE,
    SEGMENTER_SIDE_PX,
    NetworkError,
    OnnxNetworks,
    Segmenter,
    load_networks,
    load_segmenter,
)
from app.networks.regions import Region
from tests.conftest import ROOT

MODELS = ROOT / "models"
FILES = (REGION_NETWORK_FILE, FACE_NETWORK_FILE, SEGMENTER_FILE)
STRIDE = 32


def noise(height: int, width: int, seed: int = 0) -> RgbArray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


# Files


def test_the_runtime_keeps_no_id_of_this_machine_and_reports_nothing(tmp_path: Path) -> None:
    """Its reports begin with an id and a database in the home folder, written as it is loaded.

    The runtime leaves them where it believes to be tested, so nothing here tells it so.
    """
    program = "from app.networks.onnx import *; load_networks(Path('models'))"
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=True)
    assert list(tmp_path.rglob("*")) == []


def copy_models(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_bytes((MODELS / name).read_bytes())
    return folder


@pytest.mark.parametrize("missing", FILES)
def test_a_missing_file_is_named(missing: str, tmp_path: Path) -> None:
    copy_models(tmp_path, *(name for name in FILES if name != missing))
    with pytest.raises(NetworkError, match=f"{tmp_path / missing}.*No such file.*restore it"):
        load_networks(tmp_path)


def test_a_folder_in_a_files_place_is_named(tmp_path: Path) -> None:
    copy_models(tmp_path, REGION_NETWORK_FILE)
    (tmp_path / SEGMENTER_FILE).mkdir()
    with pytest.raises(NetworkError, match=str(tmp_path / SEGMENTER_FILE)):
        load_segmenter(tmp_path)


@pytest.mark.parametrize("data", [b"", b"no network", bytes(1000), b"\x08\x09\xff"])
@pytest.mark.parametrize("spoiled", FILES)
def test_what_is_no_network_is_named(spoiled: str, data: bytes, tmp_path: Path) -> None:
    copy_models(tmp_path, *FILES)
    (tmp_path / spoiled).write_bytes(data)
    with pytest.raises(NetworkError, match=f"{tmp_path / spoiled} cannot be run"):
        load_networks(tmp_path)


@pytest.mark.parametrize("spoiled", FILES)
def test_a_file_cut_short_is_named(spoiled: str, tmp_path: Path) -> None:
    copy_models(tmp_path, *FILES)
    whole = (MODELS / spoiled).read_bytes()
    (tmp_path / spoiled).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(NetworkError, match=f"{tmp_path / spoiled} cannot be run"):
        load_networks(tmp_path)


def test_sha256_is_of_the_files_that_were_read(networks: OnnxNetworks) -> None:
    assert dict(networks.sha256) == {
        name: hashlib.sha256((MODELS / name).read_bytes()).hexdigest() for name in FILES
    }


def test_other_scoring_networks_may_be_named(networks: OnnxNetworks, tmp_path: Path) -> None:
    copy_models(tmp_path, SEGMENTER_FILE)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "one.onnx").write_bytes((MODELS / REGION_NETWORK_FILE).read_bytes())
    (tmp_path / "other" / "two.onnx").write_bytes((MODELS / FACE_NETWORK_FILE).read_bytes())
    other = load_networks(tmp_path, "other/one.onnx", "other/two.onnx")
    assert other.sha256 == networks.sha256
    rgb = noise(48, 64)
    np.testing.assert_array_equal(other.score_map(rgb), networks.score_map(rgb))
    np.testing.assert_array_equal(other.face_map(rgb), networks.face_map(rgb))


def test_a_segmenter_alone_does_not_judge() -> None:
    segmenter = load_segmenter(MODELS)
    for judge in (segmenter.score_map, segmenter.face_map):
        with pytest.raises(NetworkError, match="alone"):
            judge(noise(32, 32))


# What the networks are fed


@dataclass
class RecordingSession:
    """Stands for a session: keeps what it was fed, and says nothing in particular."""

    output: FloatArray
    inputs: dict[str, FloatArray] = field(default_factory=dict)

    def run(self, names: None, inputs: dict[str, FloatArray]) -> list[FloatArray]:
        self.inputs = inputs
        return [self.output]


@pytest.mark.parametrize("of_face", [False, True])
def test_the_scoring_networks_are_fed_as_they_were_trained(of_face: bool) -> None:
    """Red, green and blue in planes, black at −127 ÷ 128 and white at 1."""
    sessions = [RecordingSession(np.zeros((1, heads, 1, 1))) for heads in (len(Region), 1)]
    region, face = (cast(Any, session) for session in sessions)
    networks = OnnxNetworks(region, face, Segmenter(region), {})
    rgb = np.zeros((20, 30, 3), dtype=np.uint8)
    rgb[:, :, 1], rgb[:, :, 2] = 127, 255
    result = networks.face_map(rgb) if of_face else networks.score_map(rgb)
    assert result.shape == ((1, 1) if of_face else (len(Region), 1, 1))
    (pixels,) = sessions[of_face].inputs.values()
    assert not sessions[not of_face].inputs
    assert pixels.dtype == np.float32
    assert pixels.shape == (1, 3, 20, 30)
    for plane, level in zip(pixels[0], (-127.0 / 128.0, 0.0, 1.0), strict=True):
        assert (plane == level).all()


def test_the_segmenter_is_fed_192_px_from_0_to_1_and_held_to_that() -> None:
    session = RecordingSession(np.linspace(-0.5, 1.5, 192 * 192).reshape(1, 1, 192, 192))
    rgb = np.zeros((20, 30, 3), dtype=np.uint8)
    rgb[:, :, 0] = 255
    mask = Segmenter(cast(Any, session)).person_mask(rgb)
    (pixels,) = session.inputs.values()
    assert pixels.dtype == np.float32
    assert pixels.shape == (1, 3, SEGMENTER_SIDE_PX, SEGMENTER_SIDE_PX)
    assert (pixels[0, 0] == 1.0).all()
    assert (pixels[0, 1:] == 0.0).all()
    assert (mask.min(), mask.max()) == (0.0, 1.0)


# The region network


@pytest.mark.parametrize(
    ("height", "width"), [(32, 32), (33, 32), (33, 100), (192, 184), (65, 224), (9, 40)]
)
def test_a_score_map_has_a_place_for_every_32_px_begun(
    networks: OnnxNetworks, height: int, width: int
) -> None:
    scores = networks.score_map(noise(height, width))
    assert scores.shape == (len(Region), -(-height // STRIDE), -(-width // STRIDE))
    assert scores.dtype == np.float64
    assert np.isfinite(scores).all()


def test_a_score_map_depends_on_the_pixels_and_leaves_them_alone(networks: OnnxNetworks) -> None:
    rgb = noise(64, 64)
    before = rgb.copy()
    rgb.setflags(write=False)
    assert not np.array_equal(networks.score_map(rgb), networks.score_map(np.full_like(rgb, 128)))
    np.testing.assert_array_equal(rgb, before)


def test_a_view_is_read_as_its_copy(networks: OnnxNetworks) -> None:
    rgb = noise(80, 96)[8:72, ::-1]
    np.testing.assert_array_equal(
        networks.score_map(rgb), networks.score_map(np.ascontiguousarray(rgb))
    )


def test_scores_stay_where_their_cause_is(networks: OnnxNetworks) -> None:
    """Of a wide tile the far end does not know what changed at the near one."""
    rgb = np.full((32, 640, 3), 90, dtype=np.uint8)
    other = rgb.copy()
    other[:, :32] = noise(32, 32)
    changed = np.abs(networks.score_map(rgb) - networks.score_map(other)).max(axis=(0, 1))
    assert changed[:2].max() > 0.0
    assert changed[-2:].max() == 0.0


def test_several_threads_get_the_answers_of_one(networks: OnnxNetworks) -> None:
    tiles = [noise(48, 32 + 16 * (k % 3), seed=k) for k in range(12)]
    alone = [(networks.score_map(t), networks.person_mask(t)) for t in tiles]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda t: (networks.score_map(t), networks.person_mask(t)), tiles))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


# The person


@pytest.mark.parametrize(("height", "width"), [(192, 192), (400, 400), (33, 70), (1, 1)])
def test_the_persons_mask_is_a_probability(networks: OnnxNetworks, height: int, width: int) -> None:
    mask = networks.person_mask(noise(height, width))
    assert mask.shape == (SEGMENTER_SIDE_PX, SEGMENTER_SIDE_PX)
    assert mask.min() >= 0.0
    assert mask.max() <= 1.0


def test_the_segmenter_alone_gives_the_same_mask(networks: OnnxNetworks) -> None:
    rgb = noise(60, 60)
    np.testing.assert_array_equal(
        load_segmenter(MODELS).person_mask(rgb), networks.person_mask(rgb)
    )


def test_a_face_is_person_and_a_bare_wall_is_not(
    networks: OnnxNetworks, faces: Callable[[str], Picture], finder: FaceFinder
) -> None:
    picture = faces("astronaut_ffhq_frame.jpg")
    (face,) = finder.find_faces(picture)
    portrait = Portrait(picture, face, network=networks)
    assert portrait.crop is not None
    assert portrait.person_mask is not None
    at = np.clip(portrait.crop.landmarks * SEGMENTER_SIDE_PX, 0, SEGMENTER_SIDE_PX - 1).astype(int)
    assert (portrait.person_mask[at[:, 1], at[:, 0]] > 0.5).mean() > 0.95
    plain = networks.person_mask(np.full((192, 192, 3), 200, dtype=np.uint8))
    assert plain.mean() < 0.1
    assert not portrait.person_mask.flags.writeable

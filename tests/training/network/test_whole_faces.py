import numpy as np
import pytest

from app.face.crop import SMALL_CROP_SIDE_PX
from app.networks.regions import LOWEST_Y
from app.training.network import whole_faces
from app.training.network.augmentation import LARGEST_SIDE_PX
from app.training.network.sampling import GroupSampler
from app.training.network.whole_faces import SMALLEST_FACE_PX, FaceSampler
from tests.training.network.made_crops import balanced_crops

DATASET = balanced_crops((400, 144, 60))


def make_sampler(seed: int = 0) -> FaceSampler:
    groups = GroupSampler(DATASET.records, range(len(DATASET.records)))
    return FaceSampler(DATASET, groups, seed)


def test_faces_of_a_batch_are_of_one_size_and_half_of_them_generated() -> None:
    sampler = make_sampler()
    sizes = set()
    for _ in range(12):
        faces, labels = sampler.sample_windows(4)
        assert labels == [0, 1, 0, 1]
        assert len({face.shape for face in faces}) == 1
        sizes.add(faces[0].shape[:2])
    whole = round(LOWEST_Y * SMALL_CROP_SIDE_PX), SMALL_CROP_SIDE_PX
    assert whole in sizes
    assert len(sizes) > 2
    for height, width in sizes:
        assert 0.69 * whole[0] <= height <= whole[0]
        assert 0.69 * whole[1] <= width <= whole[1]


def test_labels_say_which_class_a_face_is_of() -> None:
    """Generated crops are reddish here; a few samples are shown in grey."""
    faces, labels = make_sampler().sample_windows(40)
    is_red = [float(face[:, :, 0].mean()) > float(face[:, :, 2].mean()) for face in faces]
    assert np.mean([red == bool(label) for red, label in zip(is_red, labels, strict=True)]) > 0.85


def test_the_same_seed_draws_the_same_faces() -> None:
    for one, other in zip(
        make_sampler(3).sample_windows(4)[0], make_sampler(3).sample_windows(4)[0], strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_half_of_the_faces_are_smaller_than_they_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The size is drawn before the class, from the smallest that is read to the largest."""
    sampler, drawn = make_sampler(), []
    draw = GroupSampler.draw

    def record(
        groups: GroupSampler, rng: np.random.Generator, side: int, *, generated: bool
    ) -> int:
        drawn.append(side)
        return draw(groups, rng, side, generated=generated)

    monkeypatch.setattr(whole_faces.FaceSampler, "_render_patch", lambda *_: np.zeros((9, 9, 3)))
    monkeypatch.setattr(GroupSampler, "draw", record)
    sampler.sample_windows(400)
    sides = np.array(drawn)
    assert sides.min() >= SMALLEST_FACE_PX
    assert sides.max() <= LARGEST_SIDE_PX
    assert 0.4 < (sides < SMALL_CROP_SIDE_PX).mean() < 0.6

import numpy as np
import pytest

from app.arrays import RgbArray
from app.training.network.crops import CropDataset
from app.training.network.pairs import EDITED_KIND, find_pairs, thumbnail
from tests.training.network.made_crops import make_blotches, make_crops, make_row


def edit(photograph: RgbArray) -> RgbArray:
    """A lighter corner, and everything a little darker."""
    out = photograph * 0.8
    out[60:80, 60:80] += 40.0
    return np.asarray(out, dtype=np.uint8)


def made_dataset() -> CropDataset:
    """One edit of the second photograph; a copy of it by someone else; an edit of nothing here."""
    faces = [make_blotches(96, seed) for seed in range(4)]
    return make_crops(
        [
            (make_row("real", "aligned", "editor", 0), 96, faces[0]),
            (make_row("real", "aligned", "editor", 1), 96, faces[1]),
            (make_row("generated", EDITED_KIND, "editor", 2), 96, edit(faces[1])),
            (make_row("real", "aligned", "someone_else", 3), 96, faces[1]),
            (make_row("generated", EDITED_KIND, "editor", 4), 96, faces[2]),
            (make_row("generated", EDITED_KIND, "no_photographs", 5), 96, faces[0]),
        ]
    )


def test_an_edit_is_paired_with_its_collectors_photograph() -> None:
    crops = made_dataset()
    assert find_pairs(crops, range(len(crops.records))) == [(2, 1)]


@pytest.mark.parametrize("held_out", [1, 2])
def test_what_is_held_out_is_in_no_pair(held_out: int) -> None:
    crops = made_dataset()
    assert find_pairs(crops, [i for i in range(len(crops.records)) if i != held_out]) == []


def test_thumbnails_correlate_across_sizes() -> None:
    large, small, other = (
        (make_row("real", "aligned", "editor", i), side, make_blotches(side, seed))
        for i, (side, seed) in enumerate([(200, 1), (96, 1), (96, 2)])
    )
    crops = make_crops([large, small, other])
    thumbnails = [thumbnail(crops, i) for i in range(3)]
    assert [float(t @ t) for t in thumbnails] == pytest.approx([1.0] * 3)
    assert thumbnails[0] @ thumbnails[1] > 0.99
    assert thumbnails[0] @ thumbnails[2] < 0.7

import pytest

from app.calibration.file import CheckEntry, LogisticEntry, NoiseEntry
from app.calibration.logistic_scale import build_logistic_scale
from app.calibration.scale import Scale
from app.training.calibration.measurements import MeasuredCorpus
from app.training.calibration.size_effects import SizeEffects
from app.training.evaluation import check_figures
from app.training.evaluation.check_figures import with_figures
from app.training.measure import MeasuredPicture
from tests.synthetic_faces import make_alignment_entry, make_logistic_entry, make_stamp_entry
from tests.training.made_measurements import (
    generated_row,
    measured_face,
    measured_picture,
    network_measures,
    real_row,
)

NO_NOISE = NoiseEntry(floor=[0.0] * 4, per_px=[0.0] * 4)
PLAIN = build_logistic_scale(make_logistic_entry())
INVERTED = build_logistic_scale(make_logistic_entry(weights=[-1.0, 0.0]))
LARGE, SMALL = 0.5, -0.7
ENTRIES: dict[str, CheckEntry] = {
    "eye_alignment": make_alignment_entry(),
    "texture": make_logistic_entry(figures={"old": 1.0}),
    "stamp": make_stamp_entry(),
}


@pytest.fixture(autouse=True)
def _only_texture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_figures, "pixel_check_names", lambda: ["texture"])


def pictures(
    *scores: float | None, ln_side: float = LARGE, source: str = ""
) -> list[MeasuredPicture]:
    """Generated ones for the first half, aligned photographs for the second."""
    half = len(scores) // 2
    rows = [generated_row(source=source or "maker")] * half + [
        real_row("aligned", source or "people")
    ] * half
    return [
        measured_picture(
            row, measured_face(texture=None if w is None else network_measures(w, ln_side))
        )
        for row, w in zip(rows, scores, strict=True)
    ]


def texture_figures(
    native: list[MeasuredPicture],
    smaller: dict[int, list[MeasuredPicture]] | None = None,
    fold_scales: tuple[Scale, ...] = (PLAIN,),
    fold_of: dict[str, int] | None = None,
) -> dict[str, float]:
    measured_corpus = MeasuredCorpus(native, smaller or {}, SizeEffects((), NO_NOISE, NO_NOISE))
    folds = fold_of or {"maker": 0, "people": 0}
    checks = with_figures(measured_corpus, ENTRIES, [{"texture": s} for s in fold_scales], folds)
    assert list(checks) == list(ENTRIES)
    for name in ("eye_alignment", "stamp"):
        assert checks[name] is ENTRIES[name]
    texture = checks["texture"]
    assert isinstance(texture, LogisticEntry)
    assert texture == make_logistic_entry(figures=dict(texture.figures))
    return dict(texture.figures)


def test_auc_and_how_often_it_could_measure_by_hand() -> None:
    assert texture_figures(pictures(2.0, 0.0, 1.0, -1.0)) == {
        "auc_400px": 0.75,
        "measured_400px": 1.0,
    }


def test_a_picture_that_could_not_be_measured_is_counted_and_not_ranked() -> None:
    large = [measured_picture(m.row, (*m.faces[0], *measured_face(teeth=network_measures(0.0,
    LARGE)))) for m in
             pictures(2.0, None, 1.0, -1.0)]  # fmt: skip
    assert texture_figures(large) == {"auc_400px": 1.0, "measured_400px": 0.75}


def test_small_faces_are_no_avatars_of_400_px() -> None:
    assert texture_figures(pictures(2.0, 1.0, ln_side=SMALL)) == {}
    both = pictures(2.0, 1.0) + pictures(1.0, 2.0, ln_side=SMALL)
    assert texture_figures(both)["auc_400px"] == 1.0


def test_every_smaller_size_has_its_own_figures() -> None:
    smaller = {96: pictures(1.0, 2.0, ln_side=SMALL), 200: pictures(1.0, 1.0, ln_side=0.0)}
    assert texture_figures(pictures(2.0, 1.0), smaller) == {
        "auc_400px": 1.0,
        "measured_400px": 1.0,
        "auc_96px": 0.0,
        "measured_96px": 1.0,
        "auc_200px": 0.5,
        "measured_200px": 1.0,
    }


def test_only_generated_faces_and_photographs_in_their_frame_count() -> None:
    others = [
        measured_picture(real_row("avatar"), measured_face(texture=network_measures(9.0))),
        measured_picture(generated_row("studio"), measured_face(texture=network_measures(-9.0))),
    ]
    assert texture_figures(pictures(2.0, 1.0) + others) == texture_figures(pictures(2.0, 1.0))


@pytest.mark.parametrize("alone", [generated_row(), real_row("aligned")])
def test_one_side_alone_gives_no_figure(alone) -> None:
    assert (
        texture_figures([measured_picture(alone, measured_face(texture=network_measures(1.0)))])
        == {}
    )


def test_pictures_without_a_face_are_left_out() -> None:
    assert texture_figures(
        [
            *pictures(2.0, 1.0),
            measured_picture(generated_row()),
            measured_picture(real_row("aligned")),
        ]
    ) == {
        "auc_400px": 1.0,
        "measured_400px": 1.0,
    }


def test_a_picture_is_weighed_by_the_scale_that_did_not_see_its_collector() -> None:
    """The second scale turns everything round, and is the one that these were kept from."""
    result = pictures(2.0, 1.0, source="one") + pictures(-2.0, -1.0, source="two")
    folds = {"one": 0, "two": 1}
    assert texture_figures(result, fold_scales=(PLAIN, INVERTED), fold_of=folds)["auc_400px"] == 1.0
    assert texture_figures(result, fold_scales=(PLAIN, PLAIN), fold_of=folds)["auc_400px"] < 1.0


def test_the_first_face_answers_for_its_picture() -> None:
    two = [
        measured_picture(
            generated_row(),
            measured_face(texture=network_measures(2.0)),
            measured_face(texture=network_measures(-9.0)),
        ),
        measured_picture(
            real_row("aligned"),
            measured_face(texture=network_measures(1.0)),
            measured_face(texture=network_measures(9.0)),
        ),
    ]
    assert texture_figures(two)["auc_400px"] == 1.0

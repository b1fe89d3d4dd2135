import pytest

from app.calibration.file import Entry, MeasuresEntry, NoiseEntry
from app.calibration.logistic_scale import measures_scale
from app.calibration.scale import Scale
from app.training.calibration.measurements import Seen
from app.training.calibration.size_effects import SizeEffects
from app.training.evaluation import check_figures
from app.training.evaluation.check_figures import with_figures
from app.training.measure import Measured
from tests.sitters import entry, measures_entry, stamp_entry
from tests.training.testimonies import face, looked, made, real, seen

NO_NOISE = NoiseEntry(floor=[0.0] * 4, per_px=[0.0] * 4)
PLAIN = measures_scale(measures_entry())
BACKWARDS = measures_scale(measures_entry(weights=[-1.0, 0.0]))
LARGE, SMALL = 0.5, -0.7
ENTRIES: dict[str, Entry] = {
    "eye_alignment": entry(),
    "texture": measures_entry(figures={"old": 1.0}),
    "stamp": stamp_entry(),
}


@pytest.fixture(autouse=True)
def _texture_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_figures, "pixel_checks", lambda: ["texture"])


def pictures(*witnesses: float | None, ln_side: float = LARGE, source: str = "") -> list[Measured]:
    """Generated ones for the first half, aligned photographs for the second."""
    half = len(witnesses) // 2
    rows = [made(source=source or "maker")] * half + [real("aligned", source or "people")] * half
    return [
        seen(row, face(texture=None if w is None else looked(w, ln_side)))
        for row, w in zip(rows, witnesses, strict=True)
    ]


def figures_of(
    native: list[Measured],
    smaller: dict[int, list[Measured]] | None = None,
    weighing: tuple[Scale, ...] = (PLAIN,),
    fold_of: dict[str, int] | None = None,
) -> dict[str, float]:
    everything = Seen(native, smaller or {}, SizeEffects((), NO_NOISE, NO_NOISE))
    folds = fold_of or {"maker": 0, "people": 0}
    found = with_figures(everything, ENTRIES, [{"texture": s} for s in weighing], folds)
    assert list(found) == list(ENTRIES)
    for name in ("eye_alignment", "stamp"):
        assert found[name] is ENTRIES[name]
    texture = found["texture"]
    assert isinstance(texture, MeasuresEntry)
    assert texture == measures_entry(figures=dict(texture.figures))
    return dict(texture.figures)


def test_auc_and_how_often_it_could_measure_by_hand() -> None:
    assert figures_of(pictures(2.0, 0.0, 1.0, -1.0)) == {
        "auc_400px": 0.75,
        "measured_400px": 1.0,
    }


def test_a_picture_that_could_not_be_measured_is_counted_and_not_ranked() -> None:
    large = [seen(m.row, (*m.testimonies[0], *face(teeth=looked(0.0, LARGE)))) for m in
             pictures(2.0, None, 1.0, -1.0)]  # fmt: skip
    assert figures_of(large) == {"auc_400px": 1.0, "measured_400px": 0.75}


def test_small_faces_are_no_avatars_of_400_px() -> None:
    assert figures_of(pictures(2.0, 1.0, ln_side=SMALL)) == {}
    both = pictures(2.0, 1.0) + pictures(1.0, 2.0, ln_side=SMALL)
    assert figures_of(both)["auc_400px"] == 1.0


def test_every_smaller_size_has_its_own_figures() -> None:
    smaller = {96: pictures(1.0, 2.0, ln_side=SMALL), 200: pictures(1.0, 1.0, ln_side=0.0)}
    assert figures_of(pictures(2.0, 1.0), smaller) == {
        "auc_400px": 1.0,
        "measured_400px": 1.0,
        "auc_96px": 0.0,
        "measured_96px": 1.0,
        "auc_200px": 0.5,
        "measured_200px": 1.0,
    }


def test_only_generated_faces_and_photographs_in_their_frame_count() -> None:
    others = [
        seen(real("avatar"), face(texture=looked(9.0))),
        seen(made("studio"), face(texture=looked(-9.0))),
    ]
    assert figures_of(pictures(2.0, 1.0) + others) == figures_of(pictures(2.0, 1.0))


@pytest.mark.parametrize("alone", [made(), real("aligned")])
def test_one_side_alone_gives_no_figure(alone) -> None:
    assert figures_of([seen(alone, face(texture=looked(1.0)))]) == {}


def test_pictures_without_a_face_are_left_out() -> None:
    assert figures_of([*pictures(2.0, 1.0), seen(made()), seen(real("aligned"))]) == {
        "auc_400px": 1.0,
        "measured_400px": 1.0,
    }


def test_a_picture_is_weighed_by_the_scale_that_did_not_see_its_collector() -> None:
    """The second scale turns everything round, and is the one that these were kept from."""
    found = pictures(2.0, 1.0, source="one") + pictures(-2.0, -1.0, source="two")
    folds = {"one": 0, "two": 1}
    assert figures_of(found, weighing=(PLAIN, BACKWARDS), fold_of=folds)["auc_400px"] == 1.0
    assert figures_of(found, weighing=(PLAIN, PLAIN), fold_of=folds)["auc_400px"] < 1.0


def test_the_first_face_answers_for_its_picture() -> None:
    two = [
        seen(made(), face(texture=looked(2.0)), face(texture=looked(-9.0))),
        seen(real("aligned"), face(texture=looked(1.0)), face(texture=looked(9.0))),
    ]
    assert figures_of(two)["auc_400px"] == 1.0

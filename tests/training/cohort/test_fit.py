"""What lists are judged by, fitted on small corpora made of numbers."""

from dataclasses import replace

import numpy as np
import pytest

from app.training.calibration.thresholds import serialize_model
from app.training.cohort.fit import (
    HeldOutScore,
    fit_cohort,
    fit_prevalence,
    to_held_out_scores,
)
from app.training.cohort.volumes import estimate_volumes
from app.training.corpus import ManifestRow
from app.training.evaluation.scoring import ScoredPicture
from tests.likelihood_ratios import make_ratios


def make_scores(seed: int = 0) -> list[HeldOutScore]:
    """Three collectors of ordinary pictures, two of generated ones, one of framed photographs."""
    rng = np.random.default_rng(seed)
    frame_mean, frame_sd = (0.4997, 0.4998, 0.0, 0.0), (0.0015, 0.0014, 0.012, 0.005)
    ordinary_mean, ordinary_sd = (0.5, 0.41, -0.3, 0.0), (0.05, 0.06, 0.25, 0.08)

    def draw_scores(
        kind: str, collector: str, llr: float, framed: float, eye_llr: float, mean, sd
    ) -> list[HeldOutScore]:
        squares = rng.normal(mean, sd, (60, 4)).tolist()
        llrs = rng.normal(llr, 0.4, 60)
        ratios = rng.normal(framed, 0.3, 60).tolist()
        return [
            HeldOutScore(kind, collector, float(one), float(one), pixels, eye_llr, tuple(square))
            for one, pixels, square in zip(llrs, ratios, squares, strict=True)
        ]

    return [
        *(
            h
            for name in "abc"
            for h in draw_scores("avatar", name, -2.8, -0.5, -2.0, ordinary_mean, ordinary_sd)
        ),
        *(
            h
            for name in "de"
            for h in draw_scores("stylegan2", name, 2.5, 1.5, 3.0, frame_mean, frame_sd)
        ),
        *draw_scores("studio", "f", 2.8, 1.5, 3.0, (0.4991, 0.4987, -0.036, 0.0), frame_sd),
        *draw_scores("aligned", "g", 0.8, -1.0, 2.8, frame_mean, frame_sd),
    ]


def test_fitting_again_gives_the_same_bytes_in_whatever_order() -> None:
    held = make_scores()
    one, other = (serialize_model(fit_cohort(each, "abc")) for each in (held, held[::-1]))
    assert one == other
    assert len(one) < 20_000


def test_it_says_what_it_was_fitted_on() -> None:
    numbers = fit_cohort(make_scores(), "0d863321c3a2")
    assert numbers.fitted_on.calibration == "0d863321c3a2"
    assert numbers.fitted_on.pictures == {
        "aligned": 60, "avatar": 180, "studio": 60, "stylegan2": 120
    }  # fmt: skip
    assert numbers.fitted_on.collectors == 7


def test_frames_are_where_the_pictures_have_them() -> None:
    frames = {f.name: f for f in fit_cohort(make_scores(), "").concentration.frames}
    assert frames["ffhq"].mean[:2] == pytest.approx([0.4997, 0.4998], abs=5e-4)
    assert frames["studio"].mean[2] == pytest.approx(-0.036, abs=5e-3)


def test_a_corpus_without_studio_portraits_has_one_frame() -> None:
    held = [h for h in make_scores() if h.kind != "studio"]
    assert [f.name for f in fit_cohort(held, "").concentration.frames] == ["ffhq"]


def test_ordinary_pictures_found_in_the_frame_raise_what_is_allowed_there() -> None:
    held = make_scores()
    middle = (0.4997, 0.4998, 0.0, 0.0)
    crowded = [replace(h, square=middle) if i < 30 else h for i, h in enumerate(held)]
    before, after = (fit_cohort(each, "").concentration for each in (held, crowded))
    assert after.floor_density > before.floor_density
    assert after.measured["untouched"] > before.measured["untouched"]


def test_collectors_that_differ_from_the_average_are_measured() -> None:
    scores = make_scores()
    alike = fit_prevalence(scores)
    assert alike.atypical_generated == alike.atypical_framed == 0.02
    odd = [replace(h, framed=-h.framed) if h.collector == "d" else h for h in scores]
    # One of three collectors of generated pictures looks like photographs throughout.
    assert fit_prevalence(odd).atypical_generated == pytest.approx(1 / 3, abs=0.05)
    assert fit_prevalence(odd).atypical_framed == 0.02


def test_what_no_pixel_check_measured_says_nothing_of_collectors() -> None:
    scores = make_scores()
    blind = [replace(h, framed=0.0) if h.collector == "d" else h for h in scores]
    assert fit_prevalence(blind).atypical_generated == 0.02


def test_the_room_of_a_frame_is_that_of_an_ellipsoid() -> None:
    """Room above a density of a t in four dimensions, in closed form: π² ÷ 2 · r⁴ · √det."""
    frames = fit_cohort([h for h in make_scores() if h.kind != "studio"], "").concentration.frames
    result = estimate_volumes(frames, 24, 1.3)
    spread = frames[0].distribution
    root = np.linalg.cholesky(np.array(frames[0].scale))
    for radius in (2.0, 4.0):
        edge = spread.log_density((spread.mean + radius * root[:, 0])[None])[0] + np.log(0.8)
        room = np.log10(np.pi**2 / 2 * radius**4 * np.prod(np.diag(root)))
        assert np.interp(edge / np.log(10), result.density, result.one) == pytest.approx(
            room, abs=0.05
        )


def test_what_was_not_scored_takes_no_part() -> None:
    row = ManifestRow("a.jpg", "generated", "stylegan2", "a")
    scored = ScoredPicture(
        row, "scored", "likely_stylegan", make_ratios(2.0, (1.0, 3.0)),
        {"eye_alignment": (1.0, 2.5), "teeth": "mouth_closed"}, 0.01, 400, (0.5, 0.5, 0.0, 0.0),
    )  # fmt: skip
    faceless = replace(scored, outcome="no_face", checks={}, square=None)
    blind = replace(scored, checks={"eye_alignment": "too_small"}, square=None)
    first, second = to_held_out_scores([scored, faceless, blind])
    assert first == HeldOutScore("stylegan2", "a", 2.0, 2.0, 0.0, 2.5, (0.5, 0.5, 0.0, 0.0))
    assert (second.eye_llr, second.square) == (0.0, None)

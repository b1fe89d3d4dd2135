"""One face measured and weighed: in full, or as far as its answer needs it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.analysis.face_result import FaceResult, examine_face, measure_all, weigh_face
from app.calibration.calibration import NOT_NEEDED_SUMMARY, Calibration
from app.calibration.fusion import StopRule
from app.checks import CHECKS
from app.checks.eye_alignment import CHECK as EYE_ALIGNMENT
from app.checks.fine_texture import CHECK as FINE_TEXTURE
from app.checks.irises import CHECK as IRISES
from app.checks.stamp import CHECK as STAMP
from app.checks.texture import CHECK as TEXTURE
from app.evidence import NO_RATIOS, Depth, Reading, Reason, Unmeasurable
from app.face.portrait import Portrait
from tests.synthetic_faces import (
    ConstantNetwork,
    make_alignment_entry,
    make_eyes_only_fusion,
    make_logistic_entry,
    make_portrait,
    make_stamp_entry,
    small_calibration,
)

ELSEWHERE = (0.42, 0.4, -0.6, 0.05)
"""The crop square of a face that is in nobody's frame."""
FIVE_CHECKS = (EYE_ALIGNMENT, IRISES, TEXTURE, FINE_TEXTURE, STAMP)


def make_calibration(stop: StopRule | None) -> Calibration:
    measures = {
        IRISES.name: ("witness", "ln_side"),
        TEXTURE.name: ("witness", "spread", "ln_side"),
        FINE_TEXTURE.name: ("witness", "spread", "ln_side"),
    }
    calibration = small_calibration(
        FIVE_CHECKS,
        checks={
            EYE_ALIGNMENT.name: make_alignment_entry(),
            IRISES.name: make_logistic_entry(measures[IRISES.name], version=IRISES.version),
            **{
                check.name: make_logistic_entry(measures[check.name], version=check.version)
                for check in (TEXTURE, FINE_TEXTURE)
            },
            STAMP.name: make_stamp_entry(),
        },
        fusion=make_eyes_only_fusion(
            framed_share=0.02, weights={IRISES.name: 0.7, TEXTURE.name: 1.0, FINE_TEXTURE.name: 0.5}
        ),
    )
    return calibration.with_stop(stop)


def forbid_irises(calibration: Calibration) -> Calibration:
    def fail(_: Portrait) -> Reading:
        raise AssertionError("this need not be looked at")

    checks = tuple(replace(c, measure=fail) if c is IRISES else c for c in calibration.checks)
    return replace(calibration, checks=checks)


def read_irises(calibration: Calibration, witness: float = 1.0) -> Calibration:
    def read(_: Portrait) -> Reading:
        return Reading(witness, measures={"witness": witness, "ln_side": 0.0})

    checks = tuple(replace(c, measure=read) if c is IRISES else c for c in calibration.checks)
    return replace(calibration, checks=checks)


def make_far_face(score: float) -> Portrait:
    return make_portrait(ELSEWHERE, network=ConstantNetwork(score))


STOPPING = make_calibration(StopRule(eye_llr=-1.0, texture_llr=0.0))
STOPPING_LATER = make_calibration(StopRule(eye_llr=-1.0, texture_llr=-9.0, both_llr=0.0))


def irises_of(result: FaceResult) -> Reading | Unmeasurable:
    return next(e.measurement for e in result.evidence if e.check.name == IRISES.name)


def test_far_from_every_frame_a_photographed_face_is_looked_at_no_further() -> None:
    result = examine_face(make_far_face(-2.0), forbid_irises(STOPPING), Depth.NEEDED)
    assert irises_of(result) == Unmeasurable(Reason.NOT_NEEDED)
    assert [e.check.name for e in result.evidence] == [check.name for check in FIVE_CHECKS]
    summaries = {e.check.name: e.summary for e in result.evidence}
    assert summaries[IRISES.name] == NOT_NEEDED_SUMMARY
    assert NOT_NEEDED_SUMMARY not in (summaries[TEXTURE.name], summaries[STAMP.name])


def measured_names(result: FaceResult) -> list[str]:
    return [e.check.name for e in result.evidence if isinstance(e.measurement, Reading)]


def test_a_face_that_is_decided_later_is_read_at_full_detail_and_no_further() -> None:
    face = make_far_face(-2.0)
    first = examine_face(face, forbid_irises(STOPPING), Depth.NEEDED)
    later = examine_face(face, forbid_irises(STOPPING_LATER), Depth.NEEDED)
    assert TEXTURE.name in measured_names(first)
    assert FINE_TEXTURE.name not in measured_names(first)
    assert measured_names(later) == sorted(
        [*measured_names(first), FINE_TEXTURE.name], key=[c.name for c in FIVE_CHECKS].index
    )


@pytest.mark.parametrize("stopping", [STOPPING, STOPPING_LATER])
@pytest.mark.parametrize("witness", [-3.0, 0.0, 3.0])
def test_where_it_may_stop_the_ratios_are_the_same_in_full(
    witness: float, stopping: Calibration
) -> None:
    calibration, portrait = read_irises(stopping, witness), make_far_face(-2.0)
    full, short = (examine_face(portrait, calibration, depth) for depth in Depth)
    assert (full.against, full.alignment) == (short.against, short.alignment)
    assert isinstance(irises_of(examine_face(portrait, calibration, Depth.FULL)), Reading)
    assert full.llr < -1.0


def test_what_looks_generated_is_looked_at_in_full_wherever_it_lies() -> None:
    result = examine_face(make_far_face(2.0), read_irises(STOPPING), Depth.NEEDED)
    assert isinstance(irises_of(result), Reading)


def test_near_a_frame_everything_looks() -> None:
    portrait = make_portrait(network=ConstantNetwork(-2.0))
    assert isinstance(
        irises_of(examine_face(portrait, read_irises(STOPPING), Depth.NEEDED)), Reading
    )


def test_without_a_rule_everything_looks() -> None:
    calibration = read_irises(make_calibration(None))
    assert isinstance(
        irises_of(examine_face(make_far_face(-2.0), calibration, Depth.NEEDED)), Reading
    )


def test_examined_is_as_measured_and_weighed() -> None:
    calibration, portrait = read_irises(STOPPING), make_portrait(network=ConstantNetwork(0.5))
    apart = weigh_face(measure_all(portrait, calibration.checks), calibration)
    assert examine_face(portrait, calibration, Depth.FULL).against == apart.against
    uncertain = replace(portrait, is_orientation_certain=False)
    assert examine_face(uncertain, calibration, Depth.FULL).llr >= 0.0


def test_what_cannot_be_measured_weighs_nothing() -> None:
    nothing = Unmeasurable(Reason.TOO_SMALL)
    calibration = replace(STOPPING, fusion=replace(STOPPING.fusion, offset=1.5))
    result = weigh_face(((EYE_ALIGNMENT, nothing), (TEXTURE, nothing)), calibration)
    assert (result.against, result.is_measured) == (NO_RATIOS, False)
    assert [e.llr for e in result.evidence] == [0.0, 0.0]


def test_what_cannot_be_measured_takes_nothing_from_what_can() -> None:
    measurements = make_portrait().face_measurements
    eyes = (EYE_ALIGNMENT, Reading(1.0, (), measurements))
    beside = weigh_face((eyes, (TEXTURE, Unmeasurable(Reason.OUT_OF_PICTURE))), STOPPING)
    alone = weigh_face((eyes,), STOPPING)
    assert beside.against == alone.against
    assert beside.alignment == alone.alignment
    assert beside.is_measured


def test_measurements_have_every_check_in_order() -> None:
    for network in (None, ConstantNetwork()):
        measurements = measure_all(make_portrait(network=network))
        assert [check for check, _ in measurements] == list(CHECKS)
    assert measure_all(make_portrait(), ()) == ()
    assert [c for c, _ in measure_all(make_portrait(), (TEXTURE,))] == [TEXTURE]

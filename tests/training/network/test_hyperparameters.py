from dataclasses import replace

import pytest

from app.training.network.hyperparameters import (
    GENERATED_SHARES,
    HALF_STAGE,
    HELD_OUT_STAGES,
    NAMED_GROUPS,
    REAL_SHARES,
    SHIPPED_STAGES,
    Hyperparameters,
    StageOptions,
)
from app.training.network.pairs import EDITED_KIND


def test_every_group_that_is_drawn_has_a_name() -> None:
    assert set(NAMED_GROUPS) >= {*GENERATED_SHARES, *REAL_SHARES, EDITED_KIND}


@pytest.mark.parametrize("stage", [HALF_STAGE, *HELD_OUT_STAGES.values(), *SHIPPED_STAGES.values()])
def test_without_options_a_stage_is_as_the_shipped_networks_had_it(stage: Hyperparameters) -> None:
    assert StageOptions().apply(stage) == stage


def test_options_change_what_they_name_and_nothing_else() -> None:
    options = StageOptions(0.01, pair_count=2, naming_loss_weight=0.3, smallest_side_px=40)
    assert options.apply(HALF_STAGE) == replace(
        HALF_STAGE, steps=20, pair_count=2, naming_loss_weight=0.3, smallest_side_px=40
    )
    assert StageOptions(steps_share=1e-6).apply(HALF_STAGE).steps == 1

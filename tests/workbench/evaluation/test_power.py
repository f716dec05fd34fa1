"""Power and several comparisons: against published values and against simulation."""

from __future__ import annotations

import random

import pytest

from sessions.intervals import mcnemar_exact
from workbench.evaluation.power import detectable, holm, samples_needed


def test_the_samples_that_a_difference_takes_are_those_of_the_formula():
    # Connor 1987's formula by hand: d = 0.1, s = 0.3:
    # ((1.959964 * 0.547723 + 0.841621 * 0.538516) / 0.1)^2 = 233.0
    assert samples_needed(0.1, 0.3) == pytest.approx(233, abs=1)
    assert samples_needed(-0.1, 0.3) == samples_needed(0.1, 0.3)
    assert samples_needed(0.1, 0.3, effect=2) == pytest.approx(466, abs=1)
    assert samples_needed(0.0, 0.3) is None


def test_the_difference_that_so_many_find_takes_so_many():
    for n in (30, 200, 989):
        found = detectable(n, 0.2)
        assert samples_needed(found, 0.2) == pytest.approx(n, abs=1)
    assert detectable(3, 0.2) is None and detectable(0, 0.2) is None
    assert detectable(200, 0.2, effect=3) > detectable(200, 0.2)


def test_the_power_is_what_it_is_called_in_a_simulation():
    rng = random.Random(3)
    n, discordant, d, found = 400, 0.25, 0.07, 0
    assert samples_needed(d, discordant) == pytest.approx(n, rel=0.02)
    for _ in range(400):
        flips = sum(rng.random() < discordant for _ in range(n))
        fixed = sum(rng.random() < (discordant + d) / (2 * discordant) for _ in range(flips))
        found += mcnemar_exact(flips - fixed, fixed) < 0.05
    # The exact test is a little careful: 0.8 less up to 0.06, and the noise of 400 draws.
    assert 0.68 <= found / 400 <= 0.86


def test_holm_is_what_r_gives():
    # p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([None, 0.02]) == [None, 0.02]
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_a_p_value_is_never_rounded_to_the_other_side_of_five_percent_to_zero_or_to_one():
    from workbench.evaluation.comparison import p_words

    said = [p_words(p) for p in (None, 0.0, 4e-7, 0.0123456, 0.0499996, 0.0500004, 0.99996, 1.0)]
    assert said == ["", "<0.0001", "<0.0001", "0.0123", "0.0499996", "0.05", ">0.999", "1"]

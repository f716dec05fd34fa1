"""The paired comparison against values worked out elsewhere and printed here."""

import pytest

from sessions.compare import (
    compare_predictions,
    is_right,
    mcnemar_exact,
    paired_difference,
    wilson,
)


def line(uid, label, target="true", **more):
    return {"v": 1, "uid": uid, "label": label, "target": target, "error": None, **more}


@pytest.mark.parametrize(
    ("only_a", "only_b", "p"),
    [
        (0, 0, 1.0),
        (10, 10, 1.0),
        (0, 6, 0.03125),  # 2 / 2^6
        (1, 9, 0.021484375),  # 2 * (1 + 10) / 2^10
        (5, 15, 0.04138946533203125),
        (101, 121, 0.20213432065995873),  # whole-number sum of binomials
        (59, 6, 4.964650327128617e-12),
    ],
)
def test_mcnemar_is_the_exact_binomial_tail(only_a, only_b, p):
    assert mcnemar_exact(only_a, only_b) == pytest.approx(p, rel=1e-9)
    assert mcnemar_exact(only_b, only_a) == mcnemar_exact(only_a, only_b)


def test_mcnemar_takes_a_hundred_thousand_discordant_samples():
    assert mcnemar_exact(50_000, 50_500) == pytest.approx(0.115476, abs=1e-5)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [  # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_agrees_with_the_printed_table(right, n, low, high):
    assert wilson(right, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_without_samples_knows_nothing():
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_paired_difference_agrees_with_the_printed_interval():
    # Newcombe 1998, Statistics in Medicine 17:2635, table II, method 10: 36, 12, 2, 0.
    difference, low, high = paired_difference(36, 2, 12, 0)
    assert (difference, low, high) == pytest.approx((0.2, 0.0569, 0.3404), abs=5e-5)


def test_equal_runs_have_no_difference_and_an_interval_around_it():
    difference, low, high = paired_difference(80, 0, 0, 20)
    assert difference == 0 and low <= 0 <= high and high - low < 0.1


def test_flips_stand_by_the_numbers_of_their_uids():
    uids = ["d/s/11", "d/s/4", "d/s/010-2", "d/s/b", "d/s/a", "c/9"]
    first = [line(uid, "true") for uid in uids]
    second = [line(uid, "false") for uid in uids]
    found = [flip.uid for flip in compare_predictions(first, second).flips]
    assert found == ["c/9", "d/s/4", "d/s/010-2", "d/s/11", "d/s/a", "d/s/b"]


def test_pairing_counts_each_sample_once_and_names_the_flips():
    first = [line("d/s/1", "true"), line("d/s/2", "false"), line("d/s/3", "true")]
    first += [line("d/s/4", None), line("d/s/only-a", "true")]
    second = [line("d/s/3", "false"), line("d/s/2", "true"), line("d/s/1", "true")]
    second += [line("d/s/4", None, error={"kind": "bad_image"})]
    first.reverse()  # samples are answered in any order: flips stand by their UIDs
    paired = compare_predictions(first, second)
    assert (paired.both, paired.only_a, paired.only_b, paired.neither) == (1, 1, 1, 1)
    assert (paired.n, paired.unpaired_a, paired.unpaired_b, paired.failed) == (4, 1, 0, 1)
    assert [(f.uid, f.fixed) for f in paired.flips] == [("d/s/2", True), ("d/s/3", False)]
    assert paired.first.value == paired.second.value == 0.5 and paired.p_value == 1.0
    assert paired.to_json()["flips"][0] == {
        "uid": "d/s/2",
        "fixed": True,
        "before": "false",
        "after": "true",
        "target": "true",
    }


def test_the_last_line_of_a_uid_counts():
    again = [line("d/s/1", "false"), line("d/s/1", "true")]
    assert compare_predictions(again, [line("d/s/1", "true")]).both == 1


def test_runs_without_a_common_sample_compare_to_nothing():
    paired = compare_predictions([line("a", "true")], [line("b", "true")])
    assert paired.n == 0 and paired.p_value is None and paired.difference.low is None
    assert paired.difference.value is None and paired.first.value is None


def test_an_error_or_an_unparsed_answer_is_wrong_and_a_metrics_own_word_goes_first():
    assert is_right(line("a", "true")) and not is_right(line("a", None, target=None))
    assert not is_right(line("a", "true", error={"kind": "x"}))
    assert is_right(line("a", "two", target="2", correct=True))

"""Agreement: Krippendorff's alpha by its published example and a reference, rank correlations."""

from __future__ import annotations

import pytest

from sessions.ratings import Rating
from sessions.runs import Run
from workbench.errors import UsageError
from workbench.evaluation.agreement import LEVELS, alpha, correlation
from workbench.evaluation.metrics.per_answer import answer_scores
from workbench.evaluation.rating_agreement import agreement_of, agreement_with_metric
from workbench.evaluation.rating_queue import rating_queue

N = None
# Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section C: four observers,
# twelve units. The paper prints 0.743, 0.815 and 0.849.
PUBLISHED = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
    [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
]
TWO = [[1, 2, 3, 4, 5, 5, 4, 2, N, 1], [2, 2, 3, 5, 5, 4, 4, 1, 3, N]]
GOOD = [[0, 1, 1, 1, 0, 0, 1, 0], [0, 1, 0, 1, 0, 1, 1, 0]]
# By the package krippendorff 0.9.0: krippendorff.alpha(reliability_data, level_of_measurement).
REFERENCE = [
    (PUBLISHED, (0.743421052631579, 0.8153875037548814, 0.8491071428571428)),
    (TWO, (0.4, 0.8553240740740741, 0.8790322580645161)),
    (GOOD, (0.53125, 0.53125, 0.53125)),
]


def units(raters):
    return [[row[i] for row in raters if row[i] is not N] for i in range(len(raters[0]))]


@pytest.mark.parametrize(("raters", "values"), REFERENCE)
def test_alpha_equals_the_published_example_and_the_package(raters, values):
    for level, value in zip(LEVELS, values, strict=True):
        found = alpha(units(raters), level)
        assert found.value == pytest.approx(value, abs=1e-12)
        assert found.low <= found.value <= found.high
        assert found.n == sum(len(unit) > 1 for unit in units(raters))


def test_what_is_not_defined_has_a_reason_and_no_value():
    assert alpha([[1], [2]], "nominal").reason == "no answer was rated by two raters"
    assert "all ratings are the same" in alpha([[3, 3], [3, 3]], "ordinal").reason
    perfect = alpha([[1, 1], [2, 2]], "interval")
    assert perfect.value == 1 and perfect.low is None and perfect.reason.startswith("no interval")
    assert correlation([1, 2], [1, 2], "kendall").value is None
    assert "the same for all" in correlation([1, 1, 1], [1, 2, 3], "spearman").reason


def test_rank_correlations_are_those_of_ties():
    # Worked by hand: 13 concordant and 1 discordant pair, one pair tied in each.
    a, b = [1, 2, 3, 4, 5, 5], [1, 3, 2, 4, 5, 4]
    assert correlation(a, b, "kendall").value == pytest.approx((12 - 1) / 14)
    found = correlation(a, b, "spearman")
    assert found.value == pytest.approx(0.8970588235294118)
    assert found.low < found.value <= found.high <= 1


def rated(rater: str, values: dict[str, int | None], **more) -> list[Rating]:
    return [Rating("r", uid, rater, value=value, **more) for uid, value in values.items()]


def test_raters_agree_on_the_answers_that_both_rated_and_the_rest_is_counted():
    ann = rated("ann", {"d/t/1": 1, "d/t/2": 5, "d/t/3": 4, "d/t/4": None})
    bob = rated("bob", {"d/t/1": 1, "d/t/2": 4, "d/t/5": 2})
    other = rated("bob", {"d/t/3": 4}, answer="another text")
    (found,) = agreement_of([ann, [*bob, *other]])
    assert found.raters == ("ann", "bob")
    assert found.figures["equal"].value == 0.5 and found.figures["alpha/nominal"].n == 2
    assert any("2 answers were rated once" in note for note in found.notes) or found.notes
    assert any("another text" in note for note in found.notes)
    (two,) = agreement_of([rated("ann", {"d/t/1": 1}, scale="good-bad")] * 2)
    assert list(two.figures) == ["alpha/nominal", "equal"]


def explained(name: str, said: list[str]) -> Run:
    head = {"dataset": "d", "split": "t", "task": "entailment", "model": name}
    with Run.create(head, name) as run:
        for i, text in enumerate(said):
            line = {"uid": f"d/t/{i}", "target": "yes", "label": "yes", "correct": i != 0}
            run.append(line | {"text": f"yes. {text}", "explanation": text}
                       | {"explanations": ["a red bus is on the street"]})  # fmt: skip
        run.append({"uid": "d/t/9", "target": "yes", "label": None, "error": {"message": "gone"}})
        run.set_state("done")
    return run


SAID = ["a blue car", "a red bus", "a red bus is there", "a red bus is on the street"]


def test_a_rater_is_held_against_a_metric_of_each_answer():
    run = explained("a", SAID)
    values = {f"d/t/{i}": i + 1 for i in range(4)}
    ratings = [Rating(run.id, uid, "ann", value=value) for uid, value in values.items()]
    gone = Rating("01nowhere", "d/t/1", "ann", value=2)
    (found,) = agreement_with_metric([*ratings, gone], "coco_rouge_l")
    assert found.figures["kendall"].value == pytest.approx(1.0)
    assert "1 rated answers have no value" in " ".join(found.notes)
    assert "run 01nowhere is not here" in found.notes
    (right,) = agreement_with_metric(ratings, "correct")
    assert right.figures["spearman"].value > 0.5
    scores, _ = answer_scores(run.predictions(), "cider")
    assert set(scores) == set(values)
    with pytest.raises(UsageError, match="neither a folder nor cached") as error:
        agreement_with_metric(ratings, "bertscore", bertscore_model="gone/model")
    assert "--bertscore-model" in error.value.hint
    with pytest.raises(UsageError, match="no metric 'f9'"):
        agreement_with_metric(ratings, "f9")


def test_the_queue_is_blind_shuffled_by_the_seed_and_goes_on_where_it_was_left():
    runs = [explained("a", SAID), explained("b", SAID[::-1])]
    queue = rating_queue(runs, "ann", seed=3)
    assert len(queue.items) == 8 and queue.pending == 0  # the failed one is left out
    again = rating_queue(runs[::-1], "bob", seed=3)
    assert [item.name for item in queue.items] == [item.name for item in again.items]
    other = rating_queue(runs, "ann", seed=4)
    assert [item.name for item in queue.items] != [item.name for item in other.items]
    assert len({item.run for item in queue.items[:5]}) == 2
    first, second = queue.items[:2]
    queue = queue.say(first, 4).say(second, None, skipped=True)
    assert (queue.rated, queue.pending) == (2, 2)
    left = rating_queue(runs, "ann", seed=3)
    assert (left.rated, left.pending) == (2, 2)
    assert left.items[0].rating is not None and left.items[0].rating.value == 4
    assert queue.say(first, None).rated == 1  # taken back


def test_a_limit_draws_samples_and_takes_all_runs_answers_of_them():
    runs = [explained("a", SAID), explained("b", SAID[:2])]
    queue = rating_queue(runs, "ann", limit=2)
    assert len(queue.items) == 4
    assert {item.uid for item in queue.items} == {"d/t/0", "d/t/1"}


def test_a_rating_of_another_text_of_the_sample_does_not_count():
    run = explained("a", SAID[:1])
    queue = rating_queue([run], "ann")
    queue.say(queue.items[0], 2)
    run.append({"uid": "d/t/0", "text": "no. another", "label": "no", "target": "yes"})
    run.close()
    assert rating_queue([run], "ann").rated == 0

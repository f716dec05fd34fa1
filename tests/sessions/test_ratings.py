"""Ratings: appended, the newest word of each answer, taken back, carried elsewhere."""

from __future__ import annotations

import json

import pytest

from sessions.errors import RecordError
from sessions.ratings import (
    Rating,
    check_rater,
    check_value,
    find_ratings,
    import_ratings,
    path_of,
    rate,
    raters,
    ratings_of,
    read_ratings,
)


def of(uid: str, value: int | None = 3, rater: str = "ann", **more) -> Rating:
    return Rating(run="r1", uid=uid, rater=rater, value=value, **more)


def held(rater: str = "ann") -> dict[str, int | None]:
    return {one.uid: one.value for one in ratings_of(rater)[0]}


def test_the_newest_rating_holds_and_one_without_a_value_takes_it_back():
    for rating in (of("d/t/1"), of("d/t/2", 1), of("d/t/1", 5), of("d/t/2", None)):
        rate(rating)
    assert held() == {"d/t/1": 5}
    assert len(path_of("ann").read_text().splitlines()) == 4  # nothing is changed in the file
    rate(of("d/t/2", None, skipped=True))
    assert held() == {"d/t/1": 5, "d/t/2": None}


def test_scales_stand_beside_each_other():
    rate(of("d/t/1", 5))
    rate(of("d/t/1", 0, scale="good-bad"))
    assert [(one.scale, one.value) for one in ratings_of("ann")[0]] == [("1-5", 5), ("good-bad", 0)]


def test_a_file_goes_to_another_machine_and_comes_back_without_twins(tmp_path):
    rate(of("d/t/1", 5, note="a bit long"))
    file = tmp_path / "ann.jsonl"
    file.write_bytes(path_of("ann").read_bytes())
    path_of("ann").unlink()
    assert import_ratings(read_ratings(file)[0]) == 1
    assert import_ratings(read_ratings(file)[0]) == 0
    assert raters() == ["ann"] and ratings_of("ann")[0][0].note == "a bit long"
    assert find_ratings(str(file))[0] == find_ratings("ann")[0]


def test_a_torn_line_and_what_is_no_rating_are_counted(tmp_path):
    rate(of("d/t/1"))
    strange = of("d/t/2").to_json() | {"value": 9}
    with path_of("ann").open("a") as file:
        file.write(json.dumps(strange) + "\n" + '{"v": 1, "run": "r')
    found, bad = ratings_of("ann")
    assert ([one.uid for one in found], bad) == (["d/t/1"], 2)


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 61, "an\x1b[31mn"])
def test_a_name_that_cannot_be_a_file_is_refused(name):
    with pytest.raises(RecordError, match="name of a rater"):
        check_rater(name)


def test_a_value_off_the_scale_is_refused_with_what_there_is():
    assert (check_value("1-5", "4"), check_value("good-bad", "good")) == (4, 1)
    for scale, value in (("1-5", "6"), ("1-5", "good"), ("good-bad", 2), ("1-5", True)):
        with pytest.raises(RecordError, match="a rating on the scale"):
            check_value(scale, value)
    with pytest.raises(RecordError, match="neither a file of ratings nor a rater"):
        find_ratings("nobody")

"""Spans and moments in words: one form for commands, bench and progress."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from workbench.progress import Progress
from workbench.times import ago, clock, duration


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "–"),
        (math.nan, "–"),
        (0, "0s"),
        (0.046, "46ms"),
        (0.9999, "1.0s"),
        (7.94, "7.9s"),
        (9.96, "10s"),
        (59.6, "1m00s"),
        (422, "7m02s"),
        (3599.6, "1h00m"),
        (12_000, "3h20m"),
        (5 * 86_400 + 9, "5d"),
    ],
)
def test_a_span_of_time_is_said_in_at_most_six_characters(seconds, said):
    assert duration(seconds) == said and len(said) <= 6


def test_how_long_ago_a_moment_is_has_one_unit():
    said = [ago(1000.0, 1000.0 + passed) for passed in (1, 41, 7 * 60, 3 * 3600, 5 * 86_400)]
    assert said == ["now", "41s", "7m", "3h", "5d"]
    assert ago("1970-01-01T00:00:10Z", 40.0) == ago(10, 40.0) == "30s"
    assert (ago("soon"), ago(None), clock("soon")) == ("–", "–", "–")


def test_what_is_left_of_a_work_is_said_in_the_same_form():
    assert "2m30s left" in Progress(50, 200, 1.0).words()


def test_seconds_are_turned_into_words_in_one_module_alone():
    root = Path(__file__).parents[2]
    own = [
        str(path.relative_to(root))
        for folder in ("commands", "workbench", "training")
        for path in (root / folder).rglob("*.py")
        if re.search(r"/ (?:60|3600|86400)\b|divmod\(.*, 60\)", path.read_text("utf-8"))
    ]
    assert sorted(own) == ["training/demo_model_report.py", "workbench/times.py"]

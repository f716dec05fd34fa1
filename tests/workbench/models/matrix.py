"""Writes what each family can do into docs/models.md, from a run of their tests.

    python -m tests.workbench.models.matrix

A cell is `yes` where every test of it passed, the reason where the family says that it cannot, and
`FAILS` else; then the exit status is 1.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.workbench.models.make_families import FAMILIES
from workbench.models.families.limits import LIMITS
from workbench.models.families.registry import FAMILIES as FILES

PAGE = Path(__file__).parents[3] / "docs" / "models.md"
FILES_OF_TESTS = ("test_families", "test_family_maps", "test_shared_prefix")
START, END = "<!-- matrix: begin -->", "<!-- matrix: end -->"

# Column -> its tests, and the limit that says why it is not there.
COLUMNS: dict[str, tuple[tuple[str, ...], str]] = {
    "load": (
        (
            "test_it_is_served_by_the_file_that_names_it",
            "test_greedy_answers_are_those_of_transformers_on_the_processors_own_inputs",
        ),
        "",
    ),
    "4-bit": (("test_4bit",), ""),
    "8-bit": (("test_8bit",), ""),
    "adapter": (("test_adapter",), ""),
    "prefix tuning": (("test_prefix_tuning",), ""),
    "batch invariance": (
        ("test_batch_invariance", "test_cached_steps_have_the_logits_of_one_forward"),
        "",
    ),
    "streaming": (("test_streaming",), ""),
    "logprobs": (("test_logprobs",), ""),
    "label scores": (("test_label_scores",), ""),
    "beams": (("test_beams",), ""),
    "shared prefix": (
        (
            "test_reuse_has_the_logits_of_whole_prompts",
            "test_prompts_in_parts_have_the_tokens_and_label_scores_of_whole_ones",
            "test_reuse_draws_the_same_text_when_rows_come_one_by_one",
        ),
        "shared prefix",
    ),
    "joining a batch": (("test_requests_that_arrive_later",), "joining a batch"),
    "image tokens": (("test_image_tokens",), "image tokens"),
    "gradient maps": (
        (
            "test_patches_are_mapped_to_pixels",
            "test_gradient_maps",
            "test_integrated_gradients_sum_to_the_change_of_the_target",
        ),
        "gradcam",
    ),
    "occlusion": (("test_occlusion",), ""),
    "training batches": (("test_training_batches",), ""),
    "classification head": (("test_classification_head",), ""),
}


class Results:
    """Whether each test of each family passed."""

    def __init__(self) -> None:
        self.passed: dict[tuple[str, str], bool] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep one report."""
        match = re.search(r"::(\w+)\[([\w.]+)", report.nodeid)
        if match is None or (report.when != "call" and report.passed):
            return
        family = max((f for f in FAMILIES if match[2].startswith(f)), key=len)
        key = (match[1], family)
        self.passed[key] = self.passed.get(key, True) and report.passed


def cell(passed: dict[tuple[str, str], bool], family: str, column: str) -> str:
    """One cell of the table."""
    tests, limit = COLUMNS[column]
    if not all(passed.get((test, family), False) for test in tests):
        return "FAILS"
    module = FILES.get(family, (family, ""))[0]
    return "no" if limit in LIMITS[module] else "yes"


def table(passed: dict[tuple[str, str], bool]) -> str:
    """The matrix in Markdown, with the reasons of what is not there."""
    rows = ["| " + " | ".join(["", *FAMILIES]) + " |", "|---" * (len(FAMILIES) + 1) + "|"]
    for column in COLUMNS:
        rows.append(
            "| " + " | ".join([column, *(cell(passed, f, column) for f in FAMILIES)]) + " |"
        )
    reasons = []
    for family in FAMILIES:
        limits = LIMITS[FILES.get(family, (family, ""))[0]]
        reasons += [f"- {family}, {what}: no, {why}." for what, why in limits.items()]
    return "\n".join([*rows, "", *reasons])


def main() -> int:
    """Run the tests and write the page."""
    results = Results()
    tests = [str(Path(__file__).with_name(f"{name}.py")) for name in FILES_OF_TESTS]
    pytest.main(["-q", "-p", "no:cacheprovider", *tests], plugins=[results])
    made = table(results.passed)
    before, rest = PAGE.read_text(encoding="utf-8").split(START)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{START}\n{made}\n{END}{after}", encoding="utf-8")
    return int("FAILS" in made)


if __name__ == "__main__":
    sys.exit(main())

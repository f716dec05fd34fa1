"""Words that are shown."""

import pytest

from workbench.text import counted


@pytest.mark.parametrize(
    ("n", "said"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs"), (1000, "1,000 runs")]
)
def test_what_is_counted_agrees_with_its_number(n, said):
    assert counted(n, "run") == said

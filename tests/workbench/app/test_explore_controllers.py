"""What Explore's controllers share: each key has an action, the saved state is read safely."""

from dataclasses import asdict

import pytest

from tests.workbench.app.explore_bench import FakeEngine, bench
from workbench.app.explore.keys import KEYS
from workbench.app.explore.saved_state import ExploreState, WalkState, restored


async def test_every_key_has_an_action_of_a_controller():
    async with bench(engine=FakeEngine()) as b:
        names = {binding.action.partition("(")[0] for binding in KEYS}
        assert {n for n in names if not callable(getattr(b.explore, f"action_{n}", None))} == set()


def test_what_was_saved_is_restored_whole():
    state = ExploreState("demo/dev", 7, "is:wrong", walk=WalkState(3, 2, "demo/dev"), thumbnails=2)
    assert restored(ExploreState, asdict(state)) == state


@pytest.mark.parametrize("saved", [None, [], "x", {"walk": 3}, {"walk": {"seed": "x"}}])
def test_what_cannot_be_read_is_as_on_the_first_day(saved):
    assert restored(ExploreState, saved) == ExploreState()


def test_of_a_damaged_state_the_rest_is_kept():
    saved = {"ordinal": "far", "filter": "teal", "walk": {"seed": 4, "step": None}, "gone": 1}
    assert restored(ExploreState, saved) == ExploreState(filter="teal", walk=WalkState(4))

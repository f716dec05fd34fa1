"""Keys that come before Explore's prompt is mounted: typed with the command, say."""

from __future__ import annotations

import pytest

from workbench.app.app import WbApp
from workbench.app.explore.screen import ExploreScreen


@pytest.mark.parametrize("key", ["w", "a"])
async def test_asking_several_times_before_the_prompt_is_there_leaves_the_bench_open(
    key, monkeypatch, tmp_path
):
    monkeypatch.setenv("WB_HOME", str(tmp_path))

    async def not_yet(self):
        """The first frame stands; nothing else is mounted."""

    monkeypatch.setattr(ExploreScreen, "_build", not_yet)
    app = WbApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
        await pilot.pause()
        assert app.is_running
        assert isinstance(app.screen, ExploreScreen)

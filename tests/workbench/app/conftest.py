"""The bench without the price of a terminal that nobody looks at; see `frames.py`."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from textual._compositor import Compositor
from textual.css.stylesheet import Stylesheet

from tests.workbench.app.frames import count_frame, parse_once


@pytest.fixture(autouse=True)
def _cheap_screens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Compositor, "render_update", count_frame)
    monkeypatch.setattr(Stylesheet, "_parse_rules", parse_once)


@pytest.fixture(autouse=True, scope="module")
def _rare_collections() -> Iterator[None]:
    """Search the process, in which torch may lie, less often for cycles: a fifth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 50, 100)
    yield
    gc.set_threshold(*before)

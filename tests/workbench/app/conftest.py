"""The bench without the price of a terminal that nobody looks at; see `frames.py`."""

from __future__ import annotations

import pytest
from textual._compositor import Compositor
from textual.css.stylesheet import Stylesheet

from tests.workbench.app.frames import count_frame, parse_once


@pytest.fixture(autouse=True)
def _cheap_screens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Compositor, "render_update", count_frame)
    monkeypatch.setattr(Stylesheet, "_parse_rules", parse_once)

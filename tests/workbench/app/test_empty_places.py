"""A place without records has one panel, which says what makes some; with records it is as ever."""

from __future__ import annotations

import pytest

from sessions.records import NoteRecord
from sessions.session_log import SessionLog
from tests.workbench.app.explore_bench import SIZES, bench
from tests.workbench.app.make_records import make_job, make_run
from workbench.app.lists.row_list import RowList

PLACES = {
    "2": lambda: make_run(4),
    "3": lambda: make_job(["wb", "data", "list"]),
    "4": lambda: SessionLog.open("s").append(NoteRecord(text="It was seen.")),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("key", PLACES)
async def test_what_an_empty_list_says_has_the_whole_screen(key, size):
    async with bench(size) as b:
        await b.press(key)
        place, table = b.app.screen, b.app.screen.query(RowList).first()
        await b.shows(table.empty[0])
        assert table.region.width == size[0]
        assert table.region.height == size[1] - 2  # the header and the footer
        PLACES[key]()
        place.listing.anew()
        await b.until(lambda: len(table.keys) == 1)
        await b.settle()
        assert table.region.area < size[0] * (size[1] - 2) or place.has_class("-short")

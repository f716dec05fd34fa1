"""A column that is not there is answered with the one that is nearest, whatever names it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from workbench.data.adding import add
from workbench.data.tables.columns import LISTED, columns_hint
from workbench.errors import UnknownName, WbError

COLUMNS = "its columns are id, question, answer, image, set, box"


@pytest.mark.parametrize(
    ("wishes", "nearest"),
    [
        ({"texts": {"question": "qestion"}}, "question"),
        ({"texts": {"question": "Question "}}, "question"),
        ({"label": "anwser"}, "answer"),
        ({"label": "anwser:most_frequent"}, "answer"),
        ({"label": "imge:folder"}, "image"),
        ({"id": "idd"}, "id"),
        ({"id": "{sett}-{id}"}, "set"),
        ({"image": ["imge"]}, "image"),
        ({"image": ["img/{idd}.png"]}, "id"),
        ({"references": ["answers"]}, "answer"),
        ({"explanations": ["answr"]}, "answer"),
        ({"options": ["sett"]}, "set"),
        ({"metadata": ["sett"]}, "set"),
        ({"objects": "boxx:xyxy"}, "box"),
        ({"where": "sett==a"}, "set"),
        ({"splits": ["train=sett==a"]}, "set"),
    ],
)
def test_the_nearest_column_is_named(tmp_path: Path, wishes: dict[str, Any], nearest: str):
    (tmp_path / "t.csv").write_text(
        'id,question,answer,image,set,box\n1,what?,red,1.png,a,"1 2 3 4"\n'
    )
    with pytest.raises(WbError) as caught:
        add("mine", tmp_path / "t.csv", **wishes)
    assert caught.value.exit_code == 2
    assert caught.value.hint == f"did you mean {nearest}? {COLUMNS}"


def test_where_none_is_near_the_columns_alone_are_named():
    assert columns_hint("weather", ("id", "question")) == "its columns are id, question"
    many = [f"c{number}" for number in range(LISTED + 1)]
    assert columns_hint("weather", many).endswith(f"c{LISTED - 1}, …")


def test_the_nearest_layout_is_named_too(tmp_path: Path):
    with pytest.raises(UnknownName) as caught:
        add("mine", tmp_path, like="vqaa")
    assert str(caught.value.hint).startswith("did you mean vqa? there are captions, ")

"""Ctrl+P: the one finder, of actions with their keys and of all that has a name.

Samples, datasets, runs, sessions, templates and settings are found beside the actions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from workbench.app.finding import Findable, sample_named, things
from workbench.app.why_not import another_applies
from workbench.app.widgets.key_table import KeyLine, below_the_screen, key_lines
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.app import WbApp

MOST = 40  # things of one search that are offered: more words find fewer

# What an entry does, its sentence, its keys, and how.
Action = tuple[str, str, str, Callable[[], Any]]


class BenchActions(Provider):
    """What the present screen and the app offer by `palette_actions()`, and all named keys."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._things: list[Findable] = []

    async def startup(self) -> None:
        """Read what there is beside the actions, while the first letters are typed."""
        self._things = await asyncio.to_thread(things, cast("WbApp", self.app))

    def _actions(self) -> Iterator[Action]:
        seen: set[str] = set()
        lines = key_lines(self.app, [self.screen, *below_the_screen(self.screen), self.app])
        for line in lines:
            if line.name not in seen and not self._other_has_its_turn(line):
                seen.add(line.name)
                run = partial(self.app.run_action, line.action, line.node)
                yield line.name, line.does, _keys_of(line, lines), run
        for owner in (self.screen, self.app):
            for title, about, do in getattr(owner, "palette_actions", tuple)():
                if title not in seen:
                    seen.add(title)
                    yield title, about, "", do

    @staticmethod
    def _other_has_its_turn(line: KeyLine) -> bool:
        return not line.node.check_action(line.action, ()) and another_applies(
            line.node, line.action
        )

    async def discover(self) -> Hits:
        """All actions, before anything was typed."""
        for title, about, keys, run in self._actions():
            yield DiscoveryHit(_shown(Content(title), keys), run, text=title, help=about or None)

    async def search(self, query: str) -> Hits:
        """The actions that fit what was typed, then whatever else has such a name."""
        matcher = self.matcher(query)
        for title, about, keys, run in self._actions():
            score = matcher.match(title) or 0.4 * (query.casefold() in about.casefold())
            if score > 0:
                shown = _shown(matcher.highlight(title), keys)
                yield Hit(score, shown, run, text=title, help=about or None)
        app = cast("WbApp", self.app)
        for one in sample_named(app, query):
            yield Hit(1.0, _shown(Content(clean(one.title)), one.kind), one.go, help=one.about)
        words = query.casefold().split()
        named = (x for x in self._things if all(w in x.name.casefold() for w in words))
        for one in islice(named, MOST):
            title = clean(one.title, newlines=False)
            shown = _shown(matcher.highlight(title), one.kind)
            about = clean(one.about, newlines=False)
            yield Hit(
                0.5 + 0.5 * matcher.match(one.title), shown, one.go, text=one.title, help=about
            )


def _keys_of(line: KeyLine, lines: list[KeyLine]) -> str:
    """The keys of an action, those of its twins under another id among them."""
    keys = dict.fromkeys(line.keys)
    for other in lines:
        if other.action == line.action and other.node is line.node:
            keys.update(dict.fromkeys(other.keys))
    return " ".join(keys)


def _shown(title: Content, beside: str) -> Content:
    """An entry's name, and its key or its kind beside it."""
    return Content.assemble(title, ("  " + beside, "$text-muted") if beside else "")

"""Ctrl+P: every action of the bench by name, those of the screen first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider

Action = tuple[str, str, Callable[[], Any]]


class BenchActions(Provider):
    """What the present screen and the app offer by `palette_actions()`, and all named keys."""

    def _actions(self) -> Iterator[Action]:
        seen: set[str] = set()
        for owner in (self.screen, self.app):
            for title, about, run in getattr(owner, "palette_actions", tuple)():
                if title not in seen:
                    seen.add(title)
                    yield title, about, run
        for binding, about, run in self._bound():
            if binding not in seen:
                seen.add(binding)
                yield binding, about, run

    def _bound(self) -> Iterator[Action]:
        """Actions of keys on the screen and the app that have a description."""
        for node in (self.screen, self.app):
            for key, bindings in node._bindings.key_to_bindings.items():
                for binding in bindings:
                    if not binding.description or binding.system:
                        continue

                    async def run(action: str = binding.action, node: Any = node) -> None:
                        await self.app.run_action(action, node)

                    shown = binding.key_display or self.app.get_key_display(binding)
                    about = binding.tooltip or ""
                    yield binding.description, f"{shown}  {about}".strip(), run
                    del key

    async def discover(self) -> Hits:
        """All actions, before anything was typed."""
        for title, about, run in self._actions():
            yield DiscoveryHit(title, run, help=about or None)

    async def search(self, query: str) -> Hits:
        """The actions that fit what was typed."""
        matcher = self.matcher(query)
        for title, about, run in self._actions():
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, matcher.highlight(title), run, help=about or None)

"""The bench's own answers to "what can I do here": the help, the keys beside, how to leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.app.app import WbApp


class HelpKeys:
    """What `F1`, `F7` and a lone `q` do, in every place."""

    def __init__(self, bench: WbApp) -> None:
        self._bench = bench

    def help(self) -> None:
        """The help of what has the focus."""
        from workbench.app.widgets.help_modal import HelpModal

        if not isinstance(self._bench.screen, HelpModal):
            self._bench.push_screen(HelpModal(self._bench.screen))

    def beside(self) -> None:
        """The keys that apply now, beside the screen; without room for them, the help over it."""
        from workbench.app.widgets.key_panel import toggle

        if why := toggle(self._bench.screen):
            self.help()
            self._bench.notify(why, timeout=4)

    def how_to_quit(self) -> None:
        """Other programs end by `q`; one that is typed beside a field must not end this one."""
        self._bench.notify("Ctrl+Q leaves the bench; jobs and the engine go on", timeout=3)

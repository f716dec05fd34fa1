"""The bench's theme: chosen by F9 or in the finder, seen at once, kept as the setting `theme`.

Guarantee: one file holds it, `config.toml`, so that `wb config get theme` names what the bench
shows. A theme that an older version left in `bench.json` moves there when the bench opens: of two
that differ the newer file's wins, and that is told. A variable wins over both, as for any setting.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from workbench.config_file import FILE_NAME as FILE
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.app import WbApp


class KeptTheme:
    """The theme in use and where it is kept."""

    def __init__(self, bench: WbApp) -> None:
        self._bench = bench

    def begin(self) -> None:
        """Show what was chosen last; from now on whatever is chosen is kept."""
        bench = self._bench
        name, told = self._chosen()
        if name in bench.available_themes:
            bench.theme = name
        else:
            told = f"theme = {name} is no theme: {bench.theme} stands; F9 lists them"
        older, bench.state.theme = bench.state.theme, ""
        if name == older != bench.settings.theme:
            self._keep(name)
        bench.theme_changed_signal.subscribe(bench, self._changed)
        if told:
            bench.notify(clean(told), title="settings", markup=False, timeout=30)

    def _chosen(self) -> tuple[str, str]:
        """The theme, and what is to be told of how it was decided."""
        settings, older = self._bench.settings, self._bench.state.theme
        set_by = settings.sources.get("theme")
        if not older or older == settings.theme:
            return settings.theme, ""
        if set_by is None:
            return older, ""
        if set_by != FILE or _newer_config():
            return settings.theme, f"theme = {settings.theme} by {set_by}, not {older} as before"
        told = f"theme = {older} from bench.json, which is newer than {settings.theme} in {FILE}"
        return older, told

    def _changed(self, theme: Any) -> None:
        self._keep(theme.name)

    def _keep(self, name: str) -> None:
        bench = self._bench
        bench.settings = replace(bench.settings, theme=name)
        bench.tasks.change("setting theme", lambda: self._write(name))

    def _write(self, name: str) -> None:
        """In a lane: write the setting."""
        from workbench.config import set_setting, variable

        bench = self._bench
        try:
            set_setting("theme", name)
        except (WbError, OSError) as error:
            bench.fail(error, "the theme is kept until you leave, no longer")
            return
        by_variable = os.environ.get(variable("theme"))
        if by_variable and by_variable != name:
            said = f"kept in {FILE}; {variable('theme')}={by_variable} wins at the next start"
            bench.call_soon(bench.notify, clean(said), title="theme", markup=False)


def _newer_config() -> bool:
    """Whether `config.toml` was written after `bench.json`."""
    from sessions.paths import home
    from workbench.config_file import config_path

    try:
        return config_path().stat().st_mtime_ns > (home() / "bench.json").stat().st_mtime_ns
    except OSError:
        return True

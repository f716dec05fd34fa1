"""A path, chosen folder by folder or typed with completion; as a `Picker` in its keys.

Guarantee: folders are read in a worker; one that cannot be read says so in the list.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from workbench.app.widgets.choice import Choice
from workbench.app.widgets.picker import Picker
from workbench.text import clean, counted

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken

_MOST = 500  # entries of a folder that are listed


class PathPicker(Picker):
    """Returns the path as a `str`, or `None`. What is typed is a path; the list is what fits."""

    HELP_TITLE = "Path"
    HELP = "Enter goes into a folder and takes a file; Tab completes; Ctrl+O takes the folder."
    DEFAULT_CSS = """
    PathPicker > Vertical { max-width: 110; height: 80%; }
    PathPicker OptionList { height: 1fr; max-height: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete", "Complete", id="path.complete", priority=True),
        Binding("ctrl+o", "here", "This folder", id="path.here", priority=True),
    ]

    def __init__(self, title: str, start: str, *, endings: tuple[str, ...] = ()) -> None:
        """A picker.

        Args:
            title: What is chosen.
            start: What stands in it at first; empty for the working folder.
            endings: Files that are listed, by their endings; empty for all.
        """
        super().__init__(title, (), free="a path; Enter goes into folders")
        self._start, self._endings = start, endings
        self._listed_of = ""  # the folder that the list is of
        self._reads = False  # its entries are on their way

    def keys_line(self) -> str:
        """The keys, below all."""
        return "Enter opens · Tab completes · ^O this folder · Esc leaves"

    def box(self) -> Vertical:
        """Of a fixed height: the list has what the others leave."""
        return Vertical()

    def on_mount(self) -> None:
        """At the folder of last time."""
        start = self._start
        if not start.startswith(("/", "~")):
            start = f"{Path.cwd()}/{start}"
        if not start.endswith("/") and _is_folder(start):
            start += "/"
        self._write(start)

    # -- what is listed --------------------------------------------------------------------

    def _fill(self, typed: str) -> None:
        if typed != (whole := anew(typed)):
            self._write(whole)
            return
        folder, _, begun = typed.rpartition("/")
        if (folder or "/") != self._listed_of and "/" in typed:
            self._listed_of = folder or "/"
            self.choices, self._reads = [], True
            self._read(self._listed_of)
        lower = begun.casefold()
        hidden = begun.startswith(".")
        self._shown = [
            c for c in self.choices
            if c.problem
            or (lower in c.title.casefold() and (hidden or not c.title.startswith(".")))
        ]  # fmt: skip
        self._shown.sort(key=lambda c: not c.title.casefold().startswith(lower))
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(self._option(c) for c in self._shown)
        # Not a line that only says how many there are: Enter would do nothing on it.
        options.highlighted = next((n for n, c in enumerate(self._shown) if c.title != "…"), None)
        if begun and not self._shown and not self._reads:
            said = f"nothing that is listed of {folder or '/'} has {begun!r} in its name"
            options.add_option(Option(Text(clean(said, newlines=False)), disabled=True))
        options.display = options.option_count > 0

    def _read(self, folder: str) -> None:
        bench = cast("WbApp", self.app)

        def work(token: CancelToken) -> None:
            choices = entries(folder, self._endings)
            if not token.cancelled:
                bench.call_soon(self._take_entries, folder, choices)

        bench.tasks.run("paths", work)

    def _take_entries(self, folder: str, choices: list[Choice]) -> None:
        if self.is_running and folder == self._listed_of:
            self.choices, self._reads = choices, False
            self._fill(self.query_one(Input).value)
            self.listed()

    @property
    def unlisted(self) -> bool:
        """Whether the folder is being read."""
        return self._reads

    # -- what is taken ---------------------------------------------------------------------

    def take(self) -> None:
        """Enter: what is under the cursor, else what was typed."""
        at = self.query_one(OptionList).highlighted
        typed = self.query_one(Input).value.strip()
        if at is not None and at < len(self._shown):
            self.dismiss_with(self._shown[at].value)
        elif typed:
            self.dismiss(typed)

    def dismiss_with(self, value: Any) -> None:
        """Into a folder, or away with a file."""
        if str(value).endswith("/"):
            self._write(str(value))
        else:
            self.dismiss(str(value))

    def _write(self, path: str) -> None:
        """Put a path in the field and list what fits it, before the next key."""
        field = self.query_one(Input)
        with field.prevent(Input.Changed):
            field.value = path
        field.cursor_position = len(path)
        self._fill(path)

    def action_complete(self) -> None:
        """As far as all that begins so goes on alike."""
        if self.unlisted:
            self._then.append(self.action_complete)
            return
        folder, slash, begun = self.query_one(Input).value.rpartition("/")
        fits = [c.title for c in self._shown if c.title.startswith(begun) and c.title != "…"]
        if common := os.path.commonprefix(fits or [c.title for c in self._shown[:1]]):
            self._write(folder + slash + common)

    def action_here(self) -> None:
        """The folder that was typed, with or without its slash; else the one that is listed."""
        typed = self.query_one(Input).value.strip()
        folder, _, begun = typed.rpartition("/")
        if begun and _is_folder(typed):
            self.dismiss(typed)
        elif not begun or self._shown:
            self.dismiss(folder or "/")


def anew(typed: str) -> str:
    """What is meant where a whole path stands behind the one that was there: the whole path.

    `/tmp/x//data/y.csv` is `/data/y.csv`, `/tmp/x/~/y.csv` is `~/y.csv`.
    """
    for mark in ("//", "/~/"):
        if mark in typed:
            typed = mark[1:] + typed.rpartition(mark)[2]
    return typed


def entries(folder: str, endings: tuple[str, ...] = ()) -> list[Choice]:
    """Folders, then files that fit, by name, each with what it is. Reads the disk."""
    found: list[tuple[bool, str, int]] = []
    left_out = 0
    try:
        with os.scandir(Path(folder).expanduser()) as listing:
            for entry in listing:
                is_folder = entry.is_dir()
                if is_folder or not endings or entry.name.casefold().endswith(endings):
                    size = 0 if is_folder else entry.stat().st_size
                    found.append((not is_folder, entry.name, size))
                else:
                    left_out += 1
    except (OSError, RuntimeError, ValueError) as error:  # a RuntimeError for nobody's ~name
        said = getattr(error, "strerror", None) or str(error)
        return [Choice("..", said, _above(folder), "cannot be read")]
    base = folder.rstrip("/") + "/"
    choices = [
        Choice(name, _size(size), base + name)
        if is_file
        else Choice(f"{name}/", "folder", f"{base}{name}/")
        for is_file, name, size in sorted(found)[:_MOST]
    ]
    if len(found) > _MOST:
        choices.append(Choice("…", f"{len(found) - _MOST:,} more: type on", base))
    if left_out:
        said = f"{counted(left_out, 'file')} of other kinds (Ctrl+O takes the folder itself)"
        choices.append(Choice("…", said, base))
    return choices


def _is_folder(path: str) -> bool:
    try:
        return Path(path).expanduser().is_dir()
    except (OSError, RuntimeError):
        return False


def _above(folder: str) -> str:
    return folder.rstrip("/").rpartition("/")[0] + "/"


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"

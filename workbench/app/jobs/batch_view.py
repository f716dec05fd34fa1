"""What a training would show its model: `wb train … --show-batch`, drawn.

Guarantee: the command is run as a child, so the bench loads no model and shows what the command
shows; leaving ends the child. Not for starting anything: see `new_job`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from workbench.app.lists.palette import PALETTE
from workbench.app.widgets.image_view import ImageView
from workbench.sample import ImageRef, Sample
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.app.app import WbApp
    from workbench.app.tasks import CancelToken

COUNT = 8
LOOK_S = 600.0  # every sample of the data is looked at once, as a training does


class BatchCommand:
    """`wb train … --show-batch` as a child that can be ended, also before it was started."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv = [word for word in argv if word != "--detach"]
        self._child: subprocess.Popen[str] | None = None
        self._lock, self._ended = threading.Lock(), False

    @property
    def pid(self) -> int | None:
        """Of the child; `None` before it is started."""
        return self._child.pid if self._child is not None else None

    def __call__(self, folder: str) -> tuple[Mapping[str, Any], str]:
        """The JSON of the command, its pictures in `folder`, or what went wrong. Blocks."""
        try:
            child = self._start(folder)
            if child is None:
                return {}, "ended"
            said, wrong = child.communicate(timeout=LOOK_S)
            if child.returncode == 0:
                return json.loads(said), ""
            return {}, _message(said) or wrong.strip() or "nothing came back"
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            self.end()
            return {}, str(error)

    def _start(self, folder: str) -> subprocess.Popen[str] | None:
        """The child; `None` where whoever asked has left meanwhile."""
        words = ["--show-batch", str(COUNT), "--pictures", folder, "--json"]
        with self._lock:
            if self._ended:
                return None
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "commands.main", *self._argv, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            return self._child

    def end(self) -> None:
        """End the child where it is still at it, and keep one that is not started from starting.

        It is gone when this returns: what it was writing to can be removed.
        """
        with self._lock:
            self._ended = True
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
            self._child.wait()


class BatchView(ModalScreen[None]):
    """The rows of a batch, one at a time: its pictures with their grid, its tokens, its counts."""

    DEFAULT_CSS = """
    BatchView { align: center middle; background: $background 60%; }
    BatchView > Vertical { width: 96%; height: 94%; border: round $primary; background: $surface;
        padding: 0 2; }
    BatchView #facts { height: auto; max-height: 8; margin-bottom: 1; }
    BatchView ImageView { height: 2fr; }
    BatchView VerticalScroll { height: 1fr; min-height: 6; margin-top: 1; }
    BatchView #tokens { height: auto; }
    BatchView .keys { color: $text-muted; height: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Leave", id="batch.leave"),
        Binding("left", "turn(-1)", "Sample before", id="batch.before"),
        Binding("right", "turn(1)", "Next sample", id="batch.next"),
    ]

    def __init__(self, ask: BatchCommand) -> None:
        """A view of what a line would train on.

        Args:
            ask: Of the words after `wb`: `train CONFIG …`.
        """
        super().__init__()
        self._ask = ask
        self._folder = tempfile.TemporaryDirectory(prefix="wb-batch-")
        self._seen: Mapping[str, Any] = {}
        self._row = 0

    @property
    def folder(self) -> str:
        """Where the pictures lie while the view is open."""
        return self._folder.name

    def compose(self) -> ComposeResult:
        """Facts, pictures, tokens."""
        with Vertical() as box:
            box.border_title = "What the model sees"
            yield Static("", id="facts", markup=False)
            yield ImageView(captions=False, id="pictures")
            with VerticalScroll():
                yield Static("", id="tokens", markup=False)
            yield Static("←→ samples · Esc leaves", classes="keys", markup=False)

    def on_mount(self) -> None:
        """Ask the command."""
        self.query_one("#facts", Static).update("looking at the data…")
        self.query_one(ImageView).show(None, "")
        self._look()

    def _look(self) -> None:
        bench = cast("WbApp", self.app)

        def work(token: CancelToken) -> None:
            bench.call_soon(self._looked, *self._ask(self.folder))

        bench.tasks.run(f"batch {id(self)}", work)

    def _looked(self, seen: Mapping[str, Any], problem: str) -> None:
        if not self.is_running:
            return
        self._seen = seen
        if problem:
            text = Text(f"✗ {clean(problem)}", style=PALETTE.bad)
            self.query_one("#facts", Static).update(text)
            return
        self._show()

    def action_turn(self, by: int) -> None:
        """Go to the next sample or the one before."""
        rows = self._seen.get("rows") or ()
        if rows:
            self._row = (self._row + by) % len(rows)
            self._show()

    def _show(self) -> None:
        row = self._seen["rows"][self._row]
        files = [p["png"] for image in row["images"] for p in image["pictures"] if p["png"]]
        images = tuple(ImageRef(path=Path(file)) for file in files)
        self.query_one(ImageView).show(Sample(row["uid"], images))
        self.query_one("#facts", Static).update(facts(self._seen, self._row))
        self.query_one("#tokens", Static).update(tokens(row))

    def action_leave(self) -> None:
        """Close, and end the command where it is still at it."""
        self.dismiss(None)

    def on_unmount(self) -> None:
        """The child and the pictures go."""
        self._ask.end()
        self._folder.cleanup()


def _message(said: str) -> str:
    """The error of a command's JSON, empty where there is none."""
    try:
        found = json.loads(said)
        return str(found["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return ""


def facts(seen: Mapping[str, Any], number: int) -> Text:
    """What stands over a row: which it is, its counts, its pictures, what is left out."""
    row = seen["rows"][number]
    n = row["counts"]
    out = Text()
    out.append(f"{number + 1} of {len(seen['rows'])}  {clean(row['uid'])}", PALETTE.strong)
    out.append(f"  {clean(row['template'])}\n", PALETTE.dim)
    out.append(f"{n['loss']} tokens in the loss", PALETTE.good)
    out.append(f" ({row['loss_share']:.1%} of the batch's), ")
    out.append(f"{n['image']} of images", PALETTE.accent)
    out.append(f", {n['prompt']} of the prompt, {n['padding']} of padding\n")
    for i, image in enumerate(row["images"], 1):
        made = ", ".join(
            f"{p['size'][0]}x{p['size'][1]} in {p['grid'][1]}x{p['grid'][0]}"
            for p in image["pictures"]
        )
        out.append(f"image {i}: {image['size'][0]}x{image['size'][1]} as {made}\n", PALETTE.dim)
    if seen["refused"]:
        uid, why = next(iter(seen["refused"].items()))
        out.append(f"{len(seen['refused'])} left out: {clean(uid)}: {clean(why)}", PALETTE.warn)
    out.rstrip()
    return out


def tokens(row: Mapping[str, Any]) -> Text:
    """The prompt; what is learned is green, image tokens and padding are one word each."""
    out = Text()
    marked = zip(row["texts"], row["kinds"], strict=True)
    for kind, group in groupby(marked, lambda pair: pair[1]):
        texts = [text for text, _ in group]
        if kind in ("padding", "image"):
            style = PALETTE.accent if kind == "image" else PALETTE.dim
            out.append(f"[{clean(texts[0])} ×{len(texts)}]", style)
        else:
            style = PALETTE.good if kind == "answer" else ""
            out.append(clean("".join(texts)), style)
    return out

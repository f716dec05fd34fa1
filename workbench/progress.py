"""How far long work is: to the job that it runs in, and as a line on stderr.

Guarantee: a report costs no more than a few writes a second, however small the steps; on a
terminal one line is redrawn, elsewhere (a job's log) a line is added every ten seconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from workbench.terminal import redraw
from workbench.times import duration

JOB_EVERY_S = 0.5
LOG_EVERY_S = 10.0


@dataclass(frozen=True)
class Progress:
    """One report.

    Attributes:
        done: Samples or steps done, those of an earlier stretch included.
        total: How many there will be, `None` where unknown.
        rate: Samples or steps per second of this stretch.
        message: What is being done.
        metrics: Figures by name.
        held: Nothing goes on until someone says so.
        note: What there is to know of the work beside how far it is.
        counted: Whether `done` of `total` counts what `message` says; false while a model loads.
    """

    done: int
    total: int | None = None
    rate: float = 0.0
    message: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    held: bool = False
    note: str = ""
    counted: bool = True

    @property
    def eta_s(self) -> float | None:
        """Seconds that are left at this rate."""
        if self.total is None or self.rate <= 0:
            return None
        return max(0, self.total - self.done) / self.rate

    def words(self) -> str:
        """One line for people."""
        of = f"/{self.total}" if self.total is not None else ""
        count = f" {self.done}{of}" if self.counted else ""
        parts = [f"{self.message}{count}".strip()]
        if self.rate > 0:
            parts.append(f"{self.rate:.1f}/s")
        if self.eta_s:
            parts.append(f"{duration(self.eta_s)} left")
        parts += [f"{name} {value:.4g}" for name, value in self.metrics.items()]
        parts += [self.note] if self.note else []
        return "  ".join(parts)


OnProgress = Callable[[Progress], None]


class Reporter:
    """Passes reports on to the job and to a caller, seldom enough."""

    def __init__(self, on_progress: OnProgress | None, *, start: int = 0) -> None:
        self._on_progress = on_progress
        self._start = start
        self._began = time.monotonic()
        self._told = 0.0
        self._held: float | None = None

    def hold(self, done: int, total: int | None, message: str) -> None:
        """Report that nothing goes on; the time until the next report counts in no rate."""
        self._held = time.monotonic()
        self._tell(Progress(done, total, 0.0, message, held=True))

    def before(self, done: int, total: int | None, message: str, *, force: bool = False) -> None:
        """Report what is done before the work itself, which `done` and `total` count."""
        self(done, total, message, force=force, counted=False)

    def __call__(
        self,
        done: int,
        total: int | None,
        message: str,
        metrics: Mapping[str, float] | None = None,
        *,
        note: str = "",
        force: bool = False,
        counted: bool = True,
    ) -> None:
        """Report `done` of `total`; dropped where the last report was a moment ago."""
        now = time.monotonic()
        if self._held is not None:
            self._began, self._held, force = self._began + now - self._held, None, True
        if not force and now - self._told < JOB_EVERY_S:
            return
        self._told = now
        spent = now - self._began
        rate = (done - self._start) / spent if spent > 0 else 0.0
        report = Progress(done, total, rate, message, dict(metrics or {}), note=note)
        self._tell(replace(report, counted=counted))

    def _tell(self, report: Progress) -> None:
        from sessions.jobs import report_progress

        report_progress(
            report.done,
            report.total,
            rate=round(report.rate, 3),
            message=report.message,
            metrics=dict(report.metrics),
            note=report.note,
        )
        if self._on_progress is not None:
            self._on_progress(report)


def telling_load(
    tell: Reporter, done: int, total: int | None, model: str
) -> Callable[[str, float], None]:
    """What `load_model` reports to: the stage, with the bytes read, beside the work to come."""

    def told(stage: str, share: float) -> None:
        said = f"loading {model}, {stage}" if share < 1 else f"loaded {model}"
        tell.before(done, total, said)

    return told


class StderrLine:
    """Shows reports on stderr; see the module."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = -LOG_EVERY_S
        self._wrote = self._held = False
        self._unsaid: Progress | None = None  # the last one, where it got no line

    def __call__(self, report: Progress) -> None:
        """Draw or add a line."""
        if self._unsaid is not None and report.done < self._unsaid.done:
            self._say_last()  # another one begins: how far the one before came is told
        self._unsaid = report
        if self._terminal:
            redraw(report.words()[:200])
            self._wrote, self._unsaid = True, None
        elif report.held != self._held or time.monotonic() - self._last >= LOG_EVERY_S:
            self._held = report.held
            self._last = time.monotonic()
            self._say_last()
        sys.stderr.flush()

    def _say_last(self) -> None:
        if self._unsaid is not None:
            sys.stderr.write(self._unsaid.words() + "\n")
            sys.stderr.flush()
        self._unsaid = None

    def end(self) -> None:
        """Leave the line as it is and start a new one; in a log the last word gets its line."""
        self._say_last()
        if self._wrote:
            sys.stderr.write("\n")
            sys.stderr.flush()
            self._wrote = False

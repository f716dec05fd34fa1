"""Evaluations from a notebook: run as a job, read from the run's folder.

Guarantee: the work is that of `wb run-eval`, in a process of its own, so that it outlives a kernel
that is restarted and no torch comes into this one; the figures are those of the run, made nowhere
else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sessions.errors import RecordError
from sessions.estimate import Estimate
from workbench import markup
from workbench.errors import UsageError
from workbench.evaluation.counted import counted_words
from workbench.notebook.bookmarks import read_sample
from workbench.notebook.display import Live, Shown, interruptible
from workbench.notebook.samples import Gallery
from workbench.reports.job import progress_of
from workbench.reports.prediction import read_predictions
from workbench.reports.run import counts_of, figures, names_of, notes_of
from workbench.text import clean
from workbench.times import duration

if TYPE_CHECKING:
    from sessions.jobs import Job
    from sessions.runs import Run

_MOST_WRONG = 24


class Evaluation(Shown):
    """A run of an evaluation, done or under way.

    Attributes:
        job: What makes it, `None` where it was opened from the record.
    """

    def __init__(self, run: Run | None = None, job: Job | None = None) -> None:
        self._run = run
        self.job = job

    @property
    def run(self) -> Run:
        """Its folder. Raises `RecordError` where the job has not begun it."""
        if self._run is None and self.job is not None and self.job.run_id:
            from sessions.runs import Run

            self._run = Run.open(self.job.run_id)
        if self._run is None:
            raise RecordError("the evaluation has not begun yet", hint="wait for it: .wait()")
        return self._run

    @property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """`{name: {"value", "low", "high", "n"}}`, empty until it has ended.

        A figure of nothing has the value `None` and a `reason`; an interval over clusters says
        `cluster` and `clusters`.
        """
        return {name: figure.to_json() for name, figure in self._figures.items()}

    @property
    def _figures(self) -> dict[str, Estimate]:
        return figures(self.run)

    @property
    def counts(self) -> dict[str, int]:
        """Samples in all, done, unparsed, failed."""
        return counts_of(self.run)

    @property
    def notes(self) -> list[str]:
        """What there is to know of its figures."""
        return notes_of(self.run)

    @property
    def predictions(self) -> list[dict[str, Any]]:
        """The lines of the run, one per sample."""
        return self.run.predictions()

    @property
    def state(self) -> str:
        """`queued`, `running`, `done`, `failed` or `cancelled`."""
        if self._run is None and self.job is not None and not self.job.run_id:
            return self.job.state
        return self.run.state

    def wrong(self, most: int = _MOST_WRONG) -> Gallery:
        """The samples that are wrong, unparsed or failed, the first `most` of them."""
        lines = self.predictions
        wrong = [line for line in read_predictions(lines) if line.is_error]
        title = f"{len(wrong)} of {len(lines)} wrong"
        shown = (replace(read_sample(line.uid), places=line.places) for line in wrong[:most])
        return Gallery(shown, title)

    def wait(self) -> Evaluation:
        """Until it has ended, counting under the cell.

        Raises:
            KeyboardInterrupt: The cell was interrupted; the job is cancelled, and what was done
                can be resumed: `wb run-eval --resume RUN`.
            UsageError, RecordError: It could not be done; the end of the job's log says why.
        """
        job = self.job
        if job is None:
            return self
        live = Live()
        with interruptible() as pressed:
            try:
                while not job.ended and not pressed():
                    live.draw(lambda: _progress(job))
                    job.wait(0.2)
                if pressed():
                    job.cancel()
            finally:
                live.clear()
        if job.state == "failed":
            raise _failure(job)
        return self

    def _html(self) -> str:
        if self._run is None and self.job is not None and not self.job.run_id:
            return markup.heading("evaluation", self.job.state)
        run, names = self.run, names_of(self.run.config)
        rows = [
            (
                markup.esc(name, 80),
                figure.words(),
                figure.interval(),
                _interval(figure),
                str(figure.n or ""),
                markup.esc(figure.note, 80),
            )
            for name, figure in self._figures.items()
        ]
        words = f"{counted_words(self.counts)}, {duration(run.seconds)} · run {run.id}"
        table = markup.table(("metric", "value", "95% interval", "", "n", ""), rows) if rows else ""
        return (
            markup.heading(names.where, f"{markup.esc(names.who, 200)} {markup.badge(run.state)}")
            + table
            + markup.block(markup.muted(markup.esc(words)))
            + "".join(markup.block(markup.esc(note, 400)) for note in self.notes)
        )

    def _plain(self) -> str:
        if self._run is None and self.job is not None and not self.job.run_id:
            return f"evaluation {self.job.state}"
        lines = (
            " ".join((name, figure.words(), figure.interval(), f"n {figure.n}", figure.note))
            for name, figure in self._figures.items()
        )
        head = f"{names_of(self.run.config).where} {self.run.state}"
        return "\n".join(clean(line, newlines=False) for line in (head, *lines))


def _interval(figure: Estimate) -> str:
    """The value and its interval on a line from 0 to 1; nothing for other scales."""
    value, low, high = figure.value, figure.low, figure.high
    if value is None or low is None or high is None or not (0 <= low <= high <= 1):
        return ""
    left, wide, at = low * 100, (high - low) * 100, value * 100
    span = f"left:{left:.1f}%;width:{wide:.1f}%;height:.5em;top:.25em;background:{markup.BAR}"
    tick = f"left:calc({at:.1f}% - 1px);width:2px;height:1em;top:0;background:currentColor"
    inner = "".join(
        f'<span style="position:absolute;display:block;{look}"></span>' for look in (span, tick)
    )
    style = "position:relative;display:inline-block;width:10em;height:1em"
    return f'<span style="{style};background:rgba(128,128,128,.15)">{inner}</span>'


def _progress(job: Job) -> str:
    told = job.progress()
    so_far = progress_of([told] if told else [])
    words = f"{so_far.done:,} of {so_far.total:,}" if so_far.total else so_far.message
    bar = markup.bar(so_far.share or 0.0, 16)
    return f"{bar} {markup.muted(markup.esc(words or job.state, 200))}"


def _failure(job: Job) -> RecordError | UsageError:
    """What the job said last, as an error of its kind."""
    lines = [line for line in job.follow_log() if line.strip()]
    said = clean(" ".join(lines[-3:]), newlines=False)[-600:] or "it said nothing"
    if (job.result or {}).get("exit_code") == 2:
        return UsageError(f"the evaluation was refused: {said}", hint="see: wb run-eval --help")
    return RecordError(f"the evaluation failed: {said}", hint=f"see: wb jobs log {job.id}")


def start_evaluation(dataset: str, words: Mapping[str, Any]) -> Evaluation:
    """Start `wb run-eval` as a job; the words are its options, `label_scores` is a flag.

    Raises:
        UsageError: There is no such option.
    """
    from sessions.jobs import start

    argv = ["wb", "run-eval", "--dataset", dataset]
    for name, value in words.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            argv.append(flag)
        elif isinstance(value, (list, tuple)):
            argv += [word for one in value for word in (flag, str(one))]
        elif value is not None and value is not False:
            argv += [flag, str(value)]
    model = words.get("model") or "demo"
    return Evaluation(job=start(argv, title=f"eval {dataset} {model}"))

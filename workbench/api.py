"""`wb` in Python, for notebooks and scripts: what the commands do, in objects that show themselves.

    from workbench import api as wb

    data = wb.open_dataset("demo/test")
    answer = wb.ask(data[12], temperature=0.7, seed=3)
    wb.explain(answer)

Guarantee: torch-free: the model lives in the engine, an evaluation in a job; the same samples,
settings, sessions, bookmarks and runs as the bench and the commands, written the same way. What
is returned is a `Sample`, an `Answer`, an `Explanation`, … of the core, and draws itself in
Jupyter. An interrupted cell stops the work at the other end as well. Not for training: `wb train`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from workbench.notebook.answers import Said, say
from workbench.notebook.evaluations import Evaluation, start_evaluation
from workbench.notebook.marks import Bookmarks, set_aside, take_away
from workbench.notebook.replays import Replays, Session, replay_session
from workbench.notebook.samples import Dataset, Gallery, ShownSample, shown_sample
from workbench.notebook.showing import Beside, Shown

if TYPE_CHECKING:
    from sessions.session_log import SessionLog
    from workbench.notebook.grids import Grid
    from workbench.notebook.maps import Map, Maps
    from workbench.playground.ask import Question
    from workbench.sample import Sample


def open_dataset(name: str, split: str | None = None) -> Dataset:
    """A split of a dataset: `open_dataset("demo/test")`, `open_dataset("nlvr1/dev[:800]")`.

    Raises:
        UnknownName: There is no such dataset or split.
    """
    from workbench.data.source import open_source
    from workbench.notebook.settling import chosen_settings

    chosen_settings()  # hands on what data reads of the settings: caps, hosts that may be asked
    return Dataset(open_source(name, split))


def sample(uid: str) -> ShownSample:
    """One sample by its UID, wherever it lies.

    Raises:
        BadUid: It is no UID.
        UnknownName: There is no such dataset or sample.
    """
    from sessions.uid import Uid

    parsed = Uid.parse(uid)
    return open_dataset(parsed.dataset, parsed.split).get(uid)


def gallery(samples: Iterable[Sample | str], title: str = "") -> Gallery:
    """Samples or UIDs as cards; bookmarks are shown without moving their cursor."""
    if isinstance(samples, Bookmarks):
        from workbench.notebook.marks import read_sample

        return Gallery((read_sample(uid) for uid in samples.uids), title)
    found = (sample(one) if isinstance(one, str) else shown_sample(one) for one in samples)
    return Gallery(found, title)


def beside(*things: Shown) -> Beside:
    """Samples, answers or maps side by side."""
    return Beside(things)


def ask(
    about: Any,
    prompt: str | None = None,
    *,
    template: str | None = None,
    system: str | None = None,
    label_scores: bool | Sequence[str] = False,
    stream: bool = True,
    record: bool = True,
    **words: Any,
) -> Said:
    """Ask a model, as `wb prompt` does; the answer grows under the cell.

    Args:
        about: A sample or a UID; or images: a path, a Pillow image, a list of them; or `None`;
            or an answer, for the next turn of that conversation.
        prompt: What to ask; a sample alone is asked by the template of its task.
        template: A prompt of the pool, such as `statement/yes-no`.
        system: A system turn before `prompt`.
        label_scores: The log-likelihood of each label too, or of these words.
        stream: Draw the answer as it grows.
        record: Leave a line in the session.
        words: By the names of `wb prompt`'s flags: `model`, `adapter`, `quantization`, `dtype`,
            `device`, `temperature`, `top_p`, `seed`, `max_new_tokens`, `stop`, …; `shots` (a
            number, or samples), `shots_from`, `shots_tag`, `shots_right_in`.

    Raises:
        UsageError: Something cannot be meant; unknown words are named.
        ImageError, DataError: The sample or an image cannot be read.
        ModelError, EngineError: The model cannot be loaded, or the engine is gone.
        KeyboardInterrupt: The cell was interrupted; what was said is on record.
    """
    from workbench.notebook.settling import question

    asked = question(
        about,
        prompt,
        template=template,
        system=system,
        label_scores=label_scores,
        words=words,
    )
    return say(asked, _log() if record else None, stream=stream)


def sweep(
    about: Any,
    prompt: str | Sequence[str] | None = None,
    *,
    label_scores: bool | Sequence[str] = False,
    record: bool = True,
    **words: Any,
) -> Grid:
    """Ask with every combination of values: `sweep(sample, temperature=[0, 0.7], seed=[1, 2])`.

    Args:
        about: As in `ask`.
        prompt: What to ask; several make an axis.
        label_scores: As in `ask`.
        record: Leave a line in the session for each cell.
        words: As in `ask`, `template` and `system` too; a list is an axis.

    Raises:
        UsageError: No word has several values, or there are too many combinations.
        KeyboardInterrupt: The cell was interrupted; what was said is on record.
    """
    from workbench.errors import UsageError
    from workbench.notebook import grids
    from workbench.notebook.settling import question

    given: dict[str, Any] = ({} if prompt is None else {"prompt": prompt}) | words
    axes = grids.axes_of(given)
    if not axes:
        raise UsageError("no word has several values", hint="for example temperature=[0, 0.7, 1]")

    def build(values: dict[str, Any]) -> Question:
        said = given | values
        own = {name: said.pop(name, None) for name in ("prompt", "template", "system")}
        return question(about, **own, label_scores=label_scores, words=said)

    return grids.ask_all(axes, build, _log() if record else None)


def explain(
    answer: Said,
    token: int | str | Sequence[int] = 0,
    *,
    opacity: float | None = None,
    colormap: str | None = None,
    record: bool = True,
    **knobs: Any,
) -> Map | Maps:
    """Where tokens of an answer come from, as `wb gradcam` does.

    Args:
        answer: What `ask` gave.
        token: Which token, from 0; several, or `"all"`, give `Maps`.
        opacity: 0 shows the image alone, 1 the heat alone; the settings' where not given.
        colormap: `turbo`, `viridis`, `inferno`, `jet` or `grey`.
        record: Leave a line in the session for each token.
        knobs: Of `workbench.explain.settings.Settings`: `method`, `layer`, `target`, `contrast`, …

    Raises:
        UsageError: A knob cannot be meant, or there is no such token.
        ModelError: The family cannot be explained; it says why.
        KeyboardInterrupt: The cell was interrupted.
    """
    from workbench.config import KNOBS
    from workbench.notebook import maps
    from workbench.notebook.settling import chosen_settings

    chosen = chosen_settings()
    look = {"opacity": opacity, "colormap": colormap}
    for name, value in look.items():
        look[name] = chosen.get(name, KNOBS[name].default) if value is None else value
    return maps.explain(answer, token, knobs, record=record, **look)  # type: ignore[arg-type]


def bookmarks(dataset: str | None = None, *, tag: str | None = None) -> Bookmarks:
    """The bookmarks of a filter; `next(marks)` cycles by the cursor that all share.

    `bookmarks("demo/test")` has the cursor of the bench's `.` key in that split, `bookmarks("demo/
    test", tag="odd")` that of the same key where the list is filtered by `tag:odd`.
    """
    return Bookmarks(dataset, tag)


def bookmark(
    what: str | Sample | Iterable[str | Sample], *, tag: str | Iterable[str] = (), note: str = ""
) -> Bookmarks:
    """Set samples or UIDs aside, as `b` in the bench; tags add up. Raises `BadUid`."""
    return set_aside(what, [tag] if isinstance(tag, str) else tag, note)


def unbookmark(what: str | Sample | Iterable[str | Sample], *, tag: str | None = None) -> int:
    """Take bookmarks away, or one tag off them; how many there were."""
    return take_away(what, tag)


def session(name: str | None = None) -> Session:
    """A session by its name, a part of it, or `last`; without a name the one that is written.

    Raises:
        NoSuchRecord: There is no such session, or several fit.
    """
    from sessions.session_log import find_session

    return Session(find_session(name) if name else _log())


def start_session(name: str | None = None) -> Session:
    """Write to this session from now on, new or there already; for this kernel alone.

    It sets `WB_SESSION`, as a script would. Raises `RecordError` for a name that cannot be a file.
    """
    import os

    from sessions.session_log import SessionLog

    log = SessionLog.open(name)
    os.environ["WB_SESSION"] = log.id
    return Session(log)


def replay(
    session: str | Session | None = None,
    *,
    only: Sequence[str] = (),
    out: str | None = None,
    **words: Any,
) -> Replays:
    """Ask a session's prompts again and compare, as `wb replay` does.

    Args:
        session: Its name or itself; the one that is written where not given.
        only: Ids of records.
        out: A session that keeps the new answers.
        words: Another `model` or `adapter` (`"none"` takes it off), by the names of the flags.

    Raises:
        UnknownName: There is nothing to ask again.
        UsageError: A word that is none of a model's.
        KeyboardInterrupt: The cell was interrupted; what there is stays drawn.
    """
    from sessions.session_log import SessionLog, find_session
    from workbench.errors import UsageError
    from workbench.notebook.settling import MODEL, chosen_settings

    chosen_settings()
    if unknown := sorted(set(words) - set(MODEL)):
        raise UsageError(
            f"unknown words: {', '.join(unknown)}",
            hint=f"a replay keeps its knobs; of the model one can say {', '.join(MODEL)}",
            kind="bad_knob",
        )
    if isinstance(session, Session):
        log = session.log
    else:
        log = find_session(session) if session else _log()
    return replay_session(log, only, words, SessionLog.open(out) if out else None)


def evaluate(dataset: str, *, wait: bool = True, **options: Any) -> Evaluation:
    """Evaluate a model on a split, as `wb run-eval` does, in a job of its own.

    Args:
        dataset: `demo/test`, `nlvr1/dev[:800]`.
        wait: Until it has ended; otherwise it is returned at once, and `.wait()` waits.
        options: By the names of `wb run-eval`'s flags: `model`, `template`, `limit`,
            `batch_size`, `shots`, `label_scores=True`, …

    Raises:
        UsageError: The command refuses an option.
        RecordError: It failed.
        KeyboardInterrupt: The cell was interrupted, and the job cancelled; it can be resumed.
    """
    started = start_evaluation(dataset, options)
    return started.wait() if wait else started


def evaluation(run: str = "last") -> Evaluation:
    """An evaluation that is on record, by the run's id or a part of it. Raises `NoSuchRecord`."""
    from sessions.runs import Run

    return Evaluation(Run.open(run))


def _log() -> SessionLog:
    from sessions.session_log import current_session

    return current_session()

"""`wb` in Python, for notebooks and scripts: the commands' work, as objects that show themselves.

    from workbench import api as wb

    data = wb.open_dataset("demo/test")
    answer = wb.ask(data[12], temperature=0.7, seed=3)
    wb.explain(answer)

Guarantee: this module imports no torch. The model is in the engine, an evaluation is a job. The
samples, settings, sessions, bookmarks and runs are those of the bench and the commands, written in
the same way. Each function returns an ordinary `Sample`, `Answer`, `Explanation`, …, which draws
itself in Jupyter. If you interrupt a cell, the engine or the job stops too. Not for training: use
`wb train`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from workbench.notebook.answers import Said, say
from workbench.notebook.bookmarks import Bookmarks, set_aside, take_away
from workbench.notebook.display import Shown, ShownSideBySide
from workbench.notebook.evaluations import Evaluation, start_evaluation
from workbench.notebook.replays import Replays, Session, replay_session
from workbench.notebook.samples import Dataset, Gallery, ShownSample, shown_sample

if TYPE_CHECKING:
    from sessions.session_log import SessionLog
    from workbench.notebook.grids import Grid
    from workbench.notebook.maps import Map, Maps
    from workbench.notebook.similar import Similar
    from workbench.playground.question import Question
    from workbench.sample import Sample


def open_dataset(name: str, split: str | None = None) -> Dataset:
    """A split of a dataset: `open_dataset("demo/test")`, `open_dataset("nlvr1/dev[:800]")`.

    Raises:
        UnknownName: There is no such dataset or split.
    """
    from workbench.data.source import open_source
    from workbench.notebook.arguments import chosen_settings

    chosen_settings()  # hands on what data reads of the settings: caps, hosts that may be asked
    return Dataset(open_source(name, split))


def sample(uid: str) -> ShownSample:
    """One sample by its UID.

    Raises:
        BadUid: The text is not a UID.
        UnknownName: There is no such dataset or sample.
    """
    from sessions.uid import Uid

    parsed = Uid.parse(uid)
    return open_dataset(parsed.dataset, parsed.split).get(uid)


def gallery(samples: Iterable[Sample | str], title: str = "") -> Gallery:
    """Show samples or UIDs as cards. Showing bookmarks does not move their cursor."""
    if isinstance(samples, Bookmarks):
        from workbench.notebook.bookmarks import read_sample

        return Gallery((read_sample(uid) for uid in samples.uids), title)
    found = (sample(one) if isinstance(one, str) else shown_sample(one) for one in samples)
    return Gallery(found, title)


def side_by_side(*things: Shown) -> ShownSideBySide:
    """Show samples, answers or heat maps side by side."""
    return ShownSideBySide(things)


def similar(
    about: Sample | str,
    by: str = "image",
    *,
    top: int = 12,
    splits: Sequence[str] = (),
    limit: int = 10_000,
    **words: Any,
) -> Similar:
    """The samples of its dataset that are most like one, as `wb similar` lists them.

    Args:
        about: A sample or a UID.
        by: `image` (the model's image features), `pixels` or `text`.
        top: At most so many.
        splits: Splits to look in, or parts of them. Default: all but endless ones.
        limit: At most so many samples of each split are compared, the first ones.
        words: Options of the model with the names of the flags, for `by="image"`.

    Raises:
        UsageError: An option has a wrong value, or is unknown.
        ModelError, EngineError: The model cannot be loaded or has no image features.
        KeyboardInterrupt: The cell was interrupted.
    """
    from workbench.notebook.similar import find_similar

    return find_similar(about, by, top, splits, limit, words)


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
        about: A sample or a UID; images (a path, a Pillow image, or a list of them); `None` for
            text alone; or an answer, for the next turn of its conversation.
        prompt: The question. Without it, a sample is asked with the template of its task.
        template: A prompt template, such as `statement/yes-no`.
        system: A system prompt before `prompt`.
        label_scores: `True` to score each label by its log-likelihood; or the words to score.
        stream: Draw the answer while it grows.
        record: Leave a line in the session.
        words: Options with the names of `wb prompt`'s flags: `model`, `adapter`, `quantization`,
            `dtype`, `device`, `temperature`, `top_p`, `seed`, `max_new_tokens`, `stop`, …;
            `shots` (a number, or samples), `shots_from`, `shots_tag`, `shots_right_in`.

    Raises:
        UsageError: An option has a wrong value, or is unknown.
        ImageError, DataError: The sample or an image cannot be read.
        ModelError, EngineError: The model cannot be loaded, or the engine is gone.
        KeyboardInterrupt: The cell was interrupted; the answer so far is recorded.
    """
    from workbench.notebook.arguments import question

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
        prompt: The question; a list of questions is an axis of the grid.
        label_scores: As in `ask`.
        record: Leave a line in the session for each cell of the grid.
        words: As in `ask`, with `template` and `system`; a list of values is an axis.

    Raises:
        UsageError: No option has several values, or there are too many combinations.
        KeyboardInterrupt: The cell was interrupted; the answers so far are recorded.
    """
    from workbench.errors import UsageError
    from workbench.notebook import grids
    from workbench.notebook.arguments import question

    given: dict[str, Any] = ({} if prompt is None else {"prompt": prompt}) | words
    axes = grids.axes_of(given)
    if not axes:
        raise UsageError("no option has several values", hint="for example temperature=[0, 0.7, 1]")

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
    """Draw where tokens of an answer come from, as `wb gradcam` does.

    Args:
        answer: An answer that `ask` returned.
        token: The number of a token, from 0. Several numbers, or `"all"`, return `Maps`.
        opacity: 0 shows only the image, 1 only the heat map. Default: the setting `opacity`.
        colormap: `turbo`, `viridis`, `inferno`, `jet` or `grey`. Default: the setting `colormap`.
        record: Leave a line in the session for each token.
        knobs: Fields of `ExplainSettings`: `method`, `layer`, `target`, `contrast`, …

    Raises:
        UsageError: An option has a wrong value, or there is no such token.
        ModelError: The family does not support heat maps; the message says why.
        KeyboardInterrupt: The cell was interrupted.
    """
    from workbench.config import KNOBS
    from workbench.notebook import maps
    from workbench.notebook.arguments import chosen_settings

    chosen = chosen_settings()
    look = {"opacity": opacity, "colormap": colormap}
    for name, value in look.items():
        look[name] = chosen.get(name, KNOBS[name].default) if value is None else value
    return maps.explain(answer, token, knobs, record=record, **look)  # type: ignore[arg-type]


def bookmarks(dataset: str | None = None, *, tag: str | None = None) -> Bookmarks:
    """The bookmarks of a filter; `next(marks)` moves the cursor that all processes share.

    `bookmarks("demo/test")` has the cursor of the bench's `.` key in that split. With `tag="odd"`
    it has the cursor of the same key under the filter `tag:odd`.
    """
    return Bookmarks(dataset, tag)


def bookmark(
    what: str | Sample | Iterable[str | Sample], *, tag: str | Iterable[str] = (), note: str = ""
) -> Bookmarks:
    """Bookmark samples or UIDs, as `b` in the bench; new tags are added. Raises `BadUid`."""
    return set_aside(what, [tag] if isinstance(tag, str) else tag, note)


def unbookmark(what: str | Sample | Iterable[str | Sample], *, tag: str | None = None) -> int:
    """Remove bookmarks, or one tag from them. Returns how many there were."""
    return take_away(what, tag)


def session(name: str | None = None) -> Session:
    """A session by its name, a part of its name, or `last`. Default: the one being written.

    Raises:
        NoSuchRecord: There is no such session, or several match.
    """
    from sessions.session_log import find_session

    return Session(find_session(name) if name else _log())


def start_session(name: str | None = None) -> Session:
    """Write to this session from now on, in this kernel only. A new name makes a new session.

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
        session: A session or its name. Default: the one being written.
        only: Ids of records; only these are asked.
        out: The name of a session that keeps the new answers.
        words: Another `model` or `adapter` (`"none"` takes it off), or other flags of the model.

    Raises:
        UnknownName: There is nothing to ask again.
        UsageError: An option is not one of the model's.
        KeyboardInterrupt: The cell was interrupted; the results so far stay visible.
    """
    from sessions.session_log import SessionLog, find_session
    from workbench.errors import UsageError
    from workbench.notebook.arguments import MODEL, chosen_settings

    chosen_settings()
    if unknown := sorted(set(words) - set(MODEL)):
        raise UsageError(
            f"unknown options: {', '.join(unknown)}",
            hint=f"a replay keeps its settings; options of the model are {', '.join(MODEL)}",
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
        dataset: A split or a part of one: `demo/test`, `nlvr1/dev[:800]`.
        wait: Wait until the evaluation has ended. `False` returns at once; `.wait()` waits later.
        options: Options with the names of `wb run-eval`'s flags: `model`, `template`, `limit`,
            `batch_size`, `shots`, `label_scores=True`, …

    Raises:
        UsageError: The command refuses an option.
        RecordError: The evaluation failed.
        KeyboardInterrupt: The cell was interrupted and the job cancelled; it can be resumed.
    """
    started = start_evaluation(dataset, options)
    return started.wait() if wait else started


def evaluation(run: str = "last") -> Evaluation:
    """An earlier evaluation, by the run's id or a part of it. Raises `NoSuchRecord`."""
    from sessions.runs import Run

    return Evaluation(Run.open(run))


def _log() -> SessionLog:
    from sessions.session_log import current_session

    return current_session()

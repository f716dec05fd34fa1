"""What is asked, of whom, and where it came from: the one place that builds a question.

Guarantee: torch-free; commands, bench, notebook and replays ask what is built here, by the same
rules of what goes together; its model is named by whole paths, so that it can be asked again from
anywhere. Not for asking: that is `ask`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from workbench.errors import DataError, UsageError
from workbench.grounding.gold import gold_of
from workbench.grounding.region import Region
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec
from workbench.sample import ImageRef, Message, Sample
from workbench.serving.protocol import absolute

if TYPE_CHECKING:
    from workbench.data.source import Source
    from workbench.prompts.shots import ShotWish
    from workbench.prompts.template import Template


@dataclass(frozen=True)
class Question:
    """What is asked, of whom, and where it came from.

    Attributes:
        messages: The conversation, images as they come from the samples.
        samples: Those whose images stand in the messages; an image is recorded by UID and index
            where it is one of theirs, else by its path or URL.
        uid: The sample that it is about.
        target: That sample's own label.
        gold: The places that are right, where its task is to find some.
        words: Answer word -> label, to read the answer by; empty for an open answer that is not
            read.
        score: Label words whose log-likelihood is asked for too.
        template, template_version, shots: Where the messages came from.
        places: Where images came from whose bytes are in hand: their path or URL.
        replay_of, follows, sweep, cell: As in `PromptRecord`.
    """

    messages: tuple[Message, ...]
    spec: ModelSpec = field(default_factory=ModelSpec)
    decoding: Decoding = field(default_factory=Decoding)
    samples: tuple[Sample, ...] = ()
    uid: str | None = None
    dataset_revision: str | None = None
    target: str | None = None
    gold: tuple[Region, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    score: tuple[str, ...] = ()
    template: str | None = None
    template_version: int | None = None
    shots: tuple[str, ...] = ()
    places: Mapping[ImageRef, Mapping[str, str]] = field(default_factory=dict)
    replay_of: str | None = None
    follows: str | None = None
    sweep: str | None = None
    cell: Mapping[str, Any] = field(default_factory=dict)


def question_about(
    sample: Sample,
    *,
    spec: ModelSpec,
    decoding: Decoding,
    source: Source | None = None,
    revision: str | None = None,
    template: Template | str | None = None,
    text: str | None = None,
    system: str | None = None,
    wish: ShotWish | None = None,
    score: bool | Sequence[str] = (),
) -> Question:
    """The question about a sample, as a command's options, a panel or a cell say it.

    Args:
        sample: Whose images are shown and whose texts fill the template.
        spec: Who is asked.
        decoding: How the answer is drawn.
        source: The sample's dataset; opened where it is not given and needed.
        revision: `Source.revision`, where it is known without the source.
        template: Fills the messages; where neither it nor `text` is given that of the task.
        text: The user's turn instead; empty is the images alone.
        system: A system turn for free text.
        wish: Which examples stand before it; they are drawn from the train split unless it says
            otherwise, never the sample itself.
        score: Words whose log-likelihood is asked for too; `True` for the labels of the question.

    Raises:
        DataError: The sample cannot be read.
        UsageError: What is given does not go together, or there is nothing to ask.
        WbError: There is no such template, or an example cannot be read.
    """
    from workbench.models.default_prompt import template_for
    from workbench.prompts.pool import get_template
    from workbench.prompts.shots import choose_shots

    if sample.error:
        raise DataError(
            f"{sample.uid} cannot be read: {sample.error}", hint="choose another sample"
        )
    refuse_two_prompts(text, template, system, wish)
    if text is None and not template:
        template = template_for(spec, sample)
    elif isinstance(template, str) and template:
        template = get_template(template)
    if source is None and (wish or revision is None):
        source = source_of(sample.uid)
    question = question_of(
        sample,
        spec=spec,
        decoding=decoding,
        template=template or None,
        text=text,
        system=system,
        shots=choose_shots(wish, source, sample.uid).shots if wish and source is not None else (),
        revision=revision if source is None else source.revision,
    )
    return with_scores(question, score)


def question_on_images(
    images: Sequence[ImageRef],
    text: str | None,
    *,
    spec: ModelSpec,
    decoding: Decoding,
    system: str | None = None,
    places: Mapping[ImageRef, Mapping[str, str]] | None = None,
    score: bool | Sequence[str] = (),
) -> Question:
    """A question in free text about images that no dataset holds, or about none.

    Raises:
        UsageError: There is nothing to ask, or half a UID; or `score` is `True`: free text has no
            labels.
    """
    from workbench.prompts.template import free_prompt

    if text is None or not (text.strip() or images):
        raise UsageError("no text to ask about the images", hint="say what to ask: What is it?")
    if not images:
        from workbench.data.half_uids import refuse_half_a_uid

        refuse_half_a_uid(text)
    return question_in_turns(
        free_prompt(images, text, system),
        spec=spec,
        decoding=decoding,
        places=places,
        score=score,
    )


def question_in_turns(
    messages: Sequence[Message],
    *,
    spec: ModelSpec,
    decoding: Decoding,
    samples: Sequence[Sample] = (),
    places: Mapping[ImageRef, Mapping[str, str]] | None = None,
    score: bool | Sequence[str] = (),
) -> Question:
    """A conversation as it was written down, about no sample of its own.

    Args:
        messages: Its turns, the last one the user's.
        spec: Who is asked.
        decoding: How the answer is drawn.
        samples: Those whose images stand in it.
        places: Where its other images came from.
        score: As in `question_about`.

    Raises:
        UsageError: `score` is `True`: free text has no labels.
    """
    question = Question(
        messages=tuple(messages),
        spec=absolute(spec),
        decoding=decoding,
        samples=tuple(samples),
        places=places or {},
    )
    return with_scores(question, score)


def refuse_two_prompts(
    text: str | None,
    template: Template | str | None,
    system: str | None = None,
    wish: ShotWish | None = None,
) -> None:
    """Raise `UsageError` where what was said is two prompts, or goes with the other kind."""
    if text is not None and template:
        raise UsageError("TEXT and --template are both a prompt", hint="leave one of them out")
    if system and text is None:
        raise UsageError("--system goes with TEXT", hint="a template says its own system turn")
    if wish and text is not None:
        raise UsageError(f"{wish.flag} goes with a template", hint=f"leave out TEXT or {wish.flag}")


def with_scores(question: Question, score: bool | Sequence[str]) -> Question:
    """The question with labels to score: these words, or with `True` its own labels.

    Raises:
        UsageError: It has no closed set of labels.
    """
    if score is True and not question.words:
        raise UsageError(
            f"{question.uid or 'free text'} has no closed set of labels to score",
            hint="name them: --label yes --label no",
        )
    words = question.words if score is True else score or ()
    return replace(question, score=tuple(words))


def source_of(uid: str) -> Source:
    """The dataset that a UID names. Raises `UnknownName`, `BadUid`."""
    from workbench.data.half_uids import whole_uid
    from workbench.data.source import open_source

    parsed = whole_uid(uid)
    return open_source(parsed.dataset, parsed.split)


def question_of(
    sample: Sample,
    *,
    spec: ModelSpec,
    decoding: Decoding,
    template: Template | None = None,
    text: str | None = None,
    system: str | None = None,
    shots: Sequence[Sample] = (),
    revision: str | None = None,
    score: Sequence[str] = (),
) -> Question:
    """The question about a sample, by a template or in free text.

    Args:
        sample: Whose images are shown and whose texts fill the template.
        spec: Who is asked.
        decoding: How the answer is drawn.
        template: Fills the messages; `None` for free text.
        text: The user's turn where there is no template; empty is the images alone.
        system: A system turn for free text.
        shots: Examples shown first; only with a template.
        revision: `Source.revision` of the sample's dataset.
        score: Label words whose log-likelihood is asked for too.

    Raises:
        UsageError: The template does not fit the sample or the model, or there is nothing to ask.
    """
    from workbench.models.box_writer import box_writer, refuse_boxes
    from workbench.prompts.template import free_prompt

    if template is not None:
        refuse_boxes(spec, template.task, sample.task)
        messages = template.render(sample, shots, box_writer(spec))
        words = template.read_words(sample)
    elif text is None or not (text.strip() or sample.images):
        raise UsageError("there is nothing to ask: no template, and no text or image")
    else:
        messages = free_prompt(sample, text, system or None)
        words = {label: label for label in sample.labels}
    return Question(
        messages=tuple(messages),
        spec=absolute(spec),
        decoding=decoding,
        samples=(sample, *shots),
        uid=sample.uid,
        dataset_revision=revision,
        target=sample.label,
        gold=gold_of(sample) if template is not None else (),
        words=words,
        score=tuple(score),
        template=template.name if template else None,
        template_version=template.version if template else None,
        shots=tuple(shot.uid for shot in shots),
    )


def follow_up(question: Question, said: str, record_id: str, text: str) -> Question:
    """The next turn of a conversation: what was said so far, the answer, and another question.

    It is free text: no template is claimed for it, and no label is read from its answer.

    Args:
        question: What was asked before.
        said: What was answered.
        record_id: Of the record that holds that answer.
        text: What is asked now.
    """
    turns = (Message("assistant", (said,)), Message("user", (text,)))
    return replace(
        question,
        messages=(*question.messages, *turns),
        follows=record_id,
        template=None,
        template_version=None,
        target=None,
        gold=(),
        words={},
        score=(),
    )

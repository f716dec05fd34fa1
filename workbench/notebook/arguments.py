"""From what a cell says to what the core takes: a question, a model, knobs, pictures.

Guarantee: one word means the same as the flag of that name (`top_p` is `--top-p`), the settings
are the defaults as they are for `wb prompt`, and an unknown word is refused by name.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError
from workbench.inference.decoding import Decoding
from workbench.models.spec import ModelSpec, chosen_spec
from workbench.notebook.answers import Said
from workbench.sample import ImageRef, Sample
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.playground.question import Question

MODEL = tuple(f.name for f in fields(ModelSpec))
KNOBS = tuple(f.name for f in fields(Decoding))
_SHOTS = ("shots", "shots_from", "shots_tag", "shots_right_in")


def chosen_settings() -> dict[str, Any]:
    """The settings that someone chose; what low rooms read of them is handed to them."""
    from workbench.config import load_settings

    settings = load_settings()
    settings.export()
    return settings.chosen()


def spec_from(words: Mapping[str, Any]) -> ModelSpec:
    """The model that is meant; `adapter="none"` takes off one that the settings name."""
    return named(chosen_spec(_said(words, MODEL), ModelSpec()))


def named(spec: ModelSpec) -> ModelSpec:
    """The same; where it is a server's, it may from now on be asked on a record's word."""
    import warnings

    from workbench.serving.remote.known_servers import named_here

    if said := named_here(spec.model):
        warnings.warn(clean(said, newlines=False), stacklevel=2)
    return spec


def decoding_from(words: Mapping[str, Any]) -> Decoding:
    """The knobs that are meant. Raises `UsageError` naming all that are wrong."""
    return Decoding.from_json(_said(words, KNOBS))


def _said(words: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The settings of these names, then what the cell says."""
    given = {name: value for name, value in chosen_settings().items() if name in names}
    return given | {name: words[name] for name in names if words.get(name) is not None}


def question(
    about: Any,
    prompt: str | None,
    *,
    template: str | None = None,
    system: str | None = None,
    label_scores: bool | Sequence[str] = False,
    words: Mapping[str, Any] | None = None,
) -> Question:
    """The question of a cell.

    Args:
        about: A sample, a UID, an image (path, Pillow, `ImageRef`), several images, or nothing;
            or an answer, for the next turn of that conversation.
        prompt: Free text; without it a template is filled from the sample.
        template: Of the pool; `None` is that of the settings, else of the sample's task.
        system: A system turn before free text.
        label_scores: Score the labels of the question too, or these words.
        words: Model, knobs and examples by the names of their flags.

    Raises:
        UsageError: Something in it cannot be meant.
        WbError: The sample or an image cannot be read.
    """
    words = dict(words or {})
    known = {*MODEL, *KNOBS, *_SHOTS}
    if unknown := sorted(set(words) - known):
        near = get_close_matches(unknown[0], known, n=1)
        raise UsageError(
            f"unknown options: {', '.join(unknown)}",
            hint=f"did you mean {near[0]}?" if near else f"they are {', '.join(sorted(known))}",
            kind="bad_knob",
        )
    from workbench.playground.question import refuse_two_prompts, with_scores

    refuse_two_prompts(prompt, template, system)
    score = [label_scores] if isinstance(label_scores, str) else label_scores
    if isinstance(about, Said):
        return with_scores(_next_turn(about, prompt, template, system, words), score)
    sample = _sample_of(about)
    if sample is not None:
        return _of_sample(sample, prompt, template, system, words, score)
    return _of_images(images_of(about), prompt, template, system, words, score)


def _sample_of(about: Any) -> Sample | None:
    """The sample that is meant, `None` where images are."""
    if isinstance(about, Sample):
        return about
    if not isinstance(about, str) or _is_file(about):
        return None
    from workbench.data.half_uids import refuse_half_a_uid
    from workbench.data.source import get_sample

    refuse_half_a_uid(about)
    return get_sample(about)


def _of_sample(
    sample: Sample,
    prompt: str | None,
    template: str | None,
    system: str | None,
    words: Mapping[str, Any],
    score: bool | Sequence[str],
) -> Question:
    from workbench.playground.question import question_about

    if prompt is None and not template:
        template = chosen_settings().get("template")
    return question_about(
        sample,
        spec=spec_from(words),
        decoding=decoding_from(words),
        revision=getattr(sample, "revision", None),
        template=template,
        text=prompt,
        system=system,
        wish=_wish(words),
        score=score,
    )


def _next_turn(
    said: Said,
    prompt: str | None,
    template: str | None,
    system: str | None,
    words: Mapping[str, Any],
) -> Question:
    """What was said so far and another question, of the same model by the same knobs."""
    from workbench.playground.question import follow_up
    from workbench.serving.protocol import absolute

    if said.question is None or said.record is None:
        raise UsageError("this answer does not know its question", hint="give what ask gave")
    if not prompt or template or system or any(words.get(name) for name in _SHOTS):
        raise UsageError("a next turn is a prompt alone", hint='ask(answer, "And why?")')
    asked = follow_up(said.question, said.text, said.record.id, prompt)
    spec, knobs = (
        {name: words[name] for name in names if words.get(name) is not None}
        for names in (MODEL, KNOBS)
    )
    decoding = Decoding.from_json(asked.decoding.to_json() | knobs)
    return replace(asked, spec=named(absolute(chosen_spec(spec, asked.spec))), decoding=decoding)


def _wish(words: Mapping[str, Any]) -> Any:
    """The examples that are meant: a number of them, or UIDs and samples."""
    from workbench.notebook.bookmarks import uids_of
    from workbench.prompts.shots import ShotWish

    shots = words.get("shots") or 0
    named = () if isinstance(shots, int) else tuple(uids_of(shots))
    wish = ShotWish(
        count=shots if isinstance(shots, int) else 0,
        seed=decoding_from(words).seed,
        source=words.get("shots_from") or "",
        uids=named,
        tag=words.get("shots_tag") or "",
        right_in=words.get("shots_right_in") or "",
    )
    if problems := wish.problems():
        raise UsageError("; ".join(problems), kind="bad_knob")
    return wish


def _of_images(
    refs: Sequence[ImageRef],
    prompt: str | None,
    template: str | None,
    system: str | None,
    words: Mapping[str, Any],
    score: bool | Sequence[str],
) -> Question:
    from workbench.playground.question import question_on_images

    if template or _wish(words):
        raise UsageError(
            "a template and examples want a sample", hint="give a sample or a UID, or a prompt"
        )
    for ref in refs:
        ref.load()  # a damaged picture is told now, not after loading a model
    return question_on_images(
        refs,
        prompt,
        spec=spec_from(words),
        decoding=decoding_from(words),
        system=system,
        score=score,
    )


def images_of(about: Any) -> tuple[ImageRef, ...]:
    """Images by path, as Pillow pictures or references, one or several.

    Raises:
        UsageError: One is nothing of that kind.
    """
    if about is None:
        return ()
    several = about if isinstance(about, (list, tuple)) else [about]
    return tuple(_image(one, number) for number, one in enumerate(several, 1))


def _image(one: Any, number: int) -> ImageRef:
    if isinstance(one, ImageRef):
        return one
    if isinstance(one, (str, Path)):
        path = Path(one).expanduser().resolve()
        return ImageRef(path=path, name=path.name)
    if hasattr(one, "save") and hasattr(one, "convert"):  # Pillow's, without importing it
        buffer = io.BytesIO()
        one.convert("RGB").save(buffer, "png")
        return ImageRef(data=buffer.getvalue(), name=f"image {number}")
    raise UsageError(
        f"{type(one).__name__} is no image and no sample",
        hint="give a sample, a UID, a path, or a Pillow image; several images as a list",
    )


def _is_file(word: str) -> bool:
    try:
        return Path(word).expanduser().is_file()
    except (OSError, ValueError):
        return False

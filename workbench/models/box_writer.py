"""Gold boxes and points as a model itself would write them: examples in a prompt, and targets.

The convention is the model's own (`workbench.grounding.conventions`), its numbers are of the very
picture: as it is turned, resized, cut and padded by the processor with the knobs of the request.
A template that asks for units of its own is taken by a model whose answers are read in those.

Guarantee: imports no torch and no weights; the frame of a picture is that which the family gives
to answers about it, so that what is written is read back where it was. What cannot be written is
refused with the reason: nothing is written in units that answers are not read in.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sessions.errors import WbError
from workbench.errors import ModelError, UsageError
from workbench.grounding.conventions import (
    UNITS,
    BoxConvention,
    asks_for_points,
    convention_asked,
    convention_of,
    fixed_convention,
    form_asked,
)
from workbench.grounding.gold import gold_of
from workbench.grounding.writing import CannotWrite, Manner, write_regions
from workbench.images.decode import shown_size
from workbench.models.coordinates import frame_of
from workbench.models.default_prompt import model_config
from workbench.models.families.registry import family_name
from workbench.models.image_geometry import ProcessorFacts, qwen_size, read_facts, seen_box
from workbench.models.locate import local_folder
from workbench.models.remote_model import is_remote
from workbench.sample import CoordinateFrame

if TYPE_CHECKING:
    from workbench.models.spec import ModelSpec
    from workbench.prompts.template import Template
    from workbench.sample import Sample

# What a form is marked with, where a tokenizer has tokens for it.
_MARKS = {"qwen": "<|box_start|>", "internvl": "<box>"}
_SMALL_FILES = ("preprocessor_config.json", "processor_config.json", "tokenizer_config.json")
_TOKENIZER_FILES = ("tokenizer_config.json", "added_tokens.json", "tokenizer.json")
_ANSWERS = "choose a model that answers questions; see docs/reading-answers.md"
_MOST_TOKENIZER = 64 << 20  # bytes


def box_writer(spec: ModelSpec | None) -> LazyWriter:
    """What writes a sample's gold as a model writes places; looks at the model when first used.

    Args:
        spec: The model; `None` where none is named: a template must then say its own units.
    """
    return LazyWriter(cache(lambda: _writer(spec)))


def refuse_boxes(spec: ModelSpec, *tasks: str) -> None:
    """Refuse a model that is asked for no boxes, whether or not examples stand before them.

    Args:
        spec: The model; a server's is taken to answer.
        tasks: Of the prompt and of the data: boxes are asked for where one is `grounding`.

    Raises:
        UsageError: It is a captioner.
    """
    if "grounding" not in tasks or is_remote(spec.model):
        return
    if refused := _refused(spec, str(model_config(spec).get("model_type") or "")):
        raise UsageError(refused, kind="unsupported", hint=_ANSWERS)


def _refused(spec: ModelSpec, model_type: str) -> str:
    if not model_type or family_name(model_type, default="") != "captioner":
        return ""
    return (
        f"{spec.model} is a captioner: what it is given is the beginning of its caption, so it is "
        "asked for no boxes and learns none"
    )


@dataclass(frozen=True)
class LazyWriter:
    """A writer of places; see `box_writer`."""

    found: Callable[[], BoxWriter]

    def __call__(self, sample: Sample, template: Template) -> str:
        """A sample's gold as the model answers the template. Raises `UsageError`."""
        return self.found().write(sample, template)

    def check(self, template: Template, frame: CoordinateFrame) -> None:
        """Hold what was written for a picture against the frame of the batch that shows it.

        Raises:
            ModelError: The processor made another size of the picture than its config says.
        """
        writer = self.found()
        wanted = writer.frame(frame.size, writer.convention_for(template))
        if wanted.convention != frame.convention:
            return  # a form with units of its own
        if (wanted.span, wanted.units) != (frame.span, frame.units):
            raise ModelError(
                f"boxes in a picture of {frame.size[0]} x {frame.size[1]} pixels were written over "
                f"{wanted.units} and are read over {frame.units}: the processor of {writer.name} "
                "resizes in another way than its config says",
                hint="tell us; until then train on a model whose units are not its pixels",
                kind="geometry",
            )


@dataclass(frozen=True)
class BoxWriter:
    """Writes places for one model.

    Attributes:
        name: Of the model, in messages.
        model_type: Of its config; empty where nobody knows.
        convention: Its own; `None` where nobody knows.
        facts: Of its image processor, where its convention needs them.
        pixels: The bounds of a picture's area that were asked for, `None` for the processor's.
        marks: Forms whose marks its tokenizer has.
        refused: Why it is asked for no places at all; empty where it is.
    """

    name: str
    model_type: str = ""
    convention: BoxConvention | None = None
    facts: ProcessorFacts | None = None
    pixels: tuple[int | None, int | None] = (None, None)
    marks: frozenset[str] = frozenset()
    refused: str = ""

    def write(self, sample: Sample, template: Template) -> str:
        """A sample's gold as this model answers the template. Raises `UsageError`."""
        convention = self.convention_for(template)
        form = form_asked(template.name) or convention.form
        manner = Manner(form, convention.decimals, form in self.marks)
        points = asks_for_points(template.name) or "{point}" in template.answer
        name = next((str(sample.texts.get(slot, "")) for slot in template.slots), "")
        try:
            gold = gold_of(sample)
            if not sample.images:
                raise CannotWrite("it has no image")
            frame = self.frame(shown_size(sample.images[0]), convention) if gold else None
            frame = frame or CoordinateFrame((1, 1))
            return write_regions(gold, frame, manner, name, points=points)
        except CannotWrite as error:
            raise UsageError(
                f"a sample's places cannot be written as answers have them: {error} ({sample.uid})",
                kind="no_label",
                hint=f"see its boxes: wb inspect {sample.uid} --draw-boxes",
            ) from error

    def frame(self, size: tuple[int, int], convention: BoxConvention) -> CoordinateFrame:
        """What the numbers of an image of `size` (width, height) are of."""
        if convention != self.convention:
            return CoordinateFrame(size, units=UNITS[convention.system], convention=convention.name)
        if self.facts is None:
            return frame_of(self.model_type, size)
        if convention.system == "resized":
            return frame_of(self.model_type, size, resized=qwen_size(self._bounded(), size))
        return frame_of(self.model_type, size, seen=seen_box(self.facts, size))

    def _bounded(self) -> ProcessorFacts:
        assert self.facts is not None
        given = dict(zip(("shortest_edge", "longest_edge"), self.pixels, strict=True))
        size = dict(self.facts.size) | {key: one for key, one in given.items() if one}
        return replace(self.facts, size=size)

    def convention_for(self, template: Template) -> BoxConvention:
        """The model's; the template's where the model's is not known. Raises `UsageError`."""
        if self.refused:
            raise UsageError(self.refused, kind="unsupported", hint=_ANSWERS)
        if (fixed := fixed_convention(template.name)) is not None:
            return fixed
        asked, own = convention_asked(template.name), self.convention
        if own is None and asked is None:
            raise UsageError(
                f"nobody knows in which units {self.name} writes boxes, so no example can be "
                f"written for template {template.name}",
                kind="no_convention",
                hint="take a template that says its own: --template grounding/fractions",
            )
        if own is None or asked is None:
            return own or asked  # type: ignore[return-value]
        if asked.system != own.system:
            raise UsageError(
                f"template {template.name} asks for {asked.system}, and answers of {self.name} are "
                f"read as {_units(own)} ({own.name})",
                kind="no_convention",
                hint=f"leave --template out, or take its own: {own.template}",
            )
        return own


def _units(convention: BoxConvention) -> str:
    told = {"resized": "pixels of the resized image", "square": "fractions of a square"}
    return told.get(convention.system, convention.system)


def _writer(spec: ModelSpec | None) -> BoxWriter:
    if spec is None:
        return BoxWriter("a model that is not named")
    if is_remote(spec.model):
        return BoxWriter(f"{spec.model} (a model on a server)")
    return _known(spec)


def _known(spec: ModelSpec) -> BoxWriter:
    """Of a model that is here, or a hub's, of which the small files are fetched."""
    model = spec.model
    model_type = str(model_config(spec).get("model_type") or "")
    if not model_type:
        return BoxWriter(f"{model} (whose config cannot be read)")
    if refused := _refused(spec, model_type):
        return BoxWriter(model, refused=refused)
    convention = convention_of(model_type)
    folder = _folder(spec)
    facts = None
    if convention.system == "resized" or convention.name == "llava":
        facts = read_facts(folder) if folder is not None else None
        if facts is None:
            return BoxWriter(f"{model} (whose processor is not here to say how it resizes)")
    marks = frozenset(form for form, mark in _MARKS.items() if _has_token(folder, mark))
    pixels = spec.image_min_pixels, spec.image_max_pixels
    return BoxWriter(model, model_type, convention, facts, pixels, marks)


def _folder(spec: ModelSpec) -> Path | None:
    """Where a model's small files are on this machine; `None` where they cannot be had."""
    from huggingface_hub import hf_hub_download

    with suppress(WbError, OSError, ValueError):
        if (found := local_folder(spec.model)) is not None:
            return found
    folder = None
    for name in _SMALL_FILES:
        with suppress(Exception):  # offline, no such file, ...: a dozen unrelated classes
            known = hf_hub_download(spec.model, name, revision=spec.revision)
            folder = Path(known).parent
    return folder


def _has_token(folder: Path | None, token: str) -> bool:
    """Whether a tokenizer has a word as one token; a model that is not here is taken to."""
    if folder is None:
        return True
    wanted = json.dumps(token)
    for name in _TOKENIZER_FILES:
        path = folder / name
        try:
            if path.stat().st_size > _MOST_TOKENIZER:
                continue
            if wanted in path.read_text(encoding="utf-8"):
                return True
        except (OSError, ValueError):
            continue
    return False

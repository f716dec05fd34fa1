"""What a grid's form says: a value per field, or several by commas; no widget in here.

Guarantee: judged as one types; a wrong value is told in the words of its flag, and the others
stay. What the form asks is what the copied `wb prompt` line asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sessions.errors import WbError
from workbench.app.explore.knobs import KNOBS, in_field_words, read_knob, show_knob
from workbench.errors import UsageError
from workbench.inference.decoding import Decoding

if TYPE_CHECKING:
    from workbench.models.spec import ModelSpec
    from workbench.prompts.pool import Template
    from workbench.sample import Sample

# What can be swept of the knobs; stop strings hold commas of their own.
SWEPT_KNOBS = tuple(name for name in KNOBS if name != "stop")
LINES = ("template", "model", "adapter")  # long values: a line each
FIELDS = (*LINES, *SWEPT_KNOBS, "shots")
LABELS = {**{name: label for name, (label, _) in KNOBS.items()}, "shots": "examples"}


@dataclass(frozen=True)
class Typed:
    """A form as it stands.

    Attributes:
        single: Fields with one value.
        axes: Fields with several, in the order in which the grid runs over them.
        problems: What is wrong, by field; `grid` for the whole.
    """

    single: Mapping[str, Any] = field(default_factory=dict)
    axes: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def cells(self) -> int:
        """How many answers that makes."""
        count = 1
        for values in self.axes.values():
            count *= len(values)
        return count

    def values(self, cell: Mapping[str, Any]) -> dict[str, Any]:
        """All fields as one cell has them."""
        return {**self.single, **cell}


def read_form(
    typed: Mapping[str, str],
    names: Callable[[str], tuple[str | None, ...]] | None = None,
) -> Typed:
    """A form's fields.

    Args:
        typed: Field to what stands in it.
        names: Gives the templates that a text names; `template_names` where not given.
    """
    single: dict[str, Any] = {}
    axes: dict[str, tuple[Any, ...]] = {}
    problems: dict[str, str] = {}
    for name in FIELDS:
        try:
            text = typed.get(name, "")
            values = (names or template_names)(text) if name == "template" else _read(name, text)
        except WbError as error:
            problems[name] = in_field_words(error.message, LABELS)
            continue
        if len(values) == 1:
            single[name] = values[0]
        else:
            axes[name] = values
    found = Typed(single, axes, problems)
    if not problems:
        from workbench.playground.sweep import combinations

        try:
            combinations(axes)
        except UsageError as error:
            problems["grid"] = in_field_words(error.message, LABELS)
    return found


def _read(name: str, text: str) -> tuple[Any, ...]:
    """The values of a field. Raises `WbError` where one is none."""
    parts = [part.strip() for part in text.split(",")]
    if name == "adapter":
        return tuple(None if part in ("", "none") else part for part in parts)
    if not all(parts):
        flag = name.replace("_", "-")
        raise UsageError(f"--{flag} wants a value, or several by commas", kind="bad_knob")
    if name == "model":
        return tuple(parts)
    if name == "shots":
        return tuple(_shots(part) for part in parts)
    values = tuple(read_knob(name, part) for part in parts)
    for value in values:
        # Alone: a contradiction with another knob is the affair of a cell, not of the form.
        Decoding(**{name: value})
    return values


def template_names(
    text: str, sample: Sample | None = None, left: list[Template] | None = None
) -> tuple[str | None, ...]:
    """The templates of the pool that a text names, stars included; `None` is free text.

    Stars leave out what speaks of another number of images than `sample` has; `left` takes it.

    Reads the user's own files. Raises `UsageError` where there is no such template.
    """
    from workbench.prompts.pool import get_template, templates_about

    names: list[str | None] = []
    for part in (part.strip() for part in text.split(",")):
        if not part:
            names.append(None)
        elif "*" in part:
            names += [template.name for template in templates_about(part, sample, left)]
        else:
            names.append(get_template(part) and part)
    return tuple(dict.fromkeys(names))


def _shots(part: str) -> int:
    if part.isascii() and part.isdigit() and int(part) <= 64:
        return int(part)
    raise UsageError(f"--shots wants a whole number from 0 to 64, got {part!r}", kind="bad_knob")


def form_values(
    spec: ModelSpec, decoding: Decoding, template: str | None, shots: int
) -> dict[str, str]:
    """The fields of a form that asks what would be asked now."""
    values = {name: show_knob(getattr(decoding, name)) for name in SWEPT_KNOBS}
    return {
        "template": template or "",
        "model": spec.model,
        "adapter": spec.adapter or "none",
        **values,
        "shots": str(max(0, shots)),
    }


def spec_of(values: Mapping[str, Any], present: ModelSpec) -> ModelSpec:
    """The model of a cell; what the form does not say is as it is now."""
    from workbench.models.spec import chosen_spec

    return chosen_spec({name: values[name] for name in ("model", "adapter")}, present)


def decoding_of(values: Mapping[str, Any], present: Decoding) -> Decoding:
    """The knobs of a cell. Raises `UsageError` where they contradict each other."""
    return replace(present, **{name: values[name] for name in SWEPT_KNOBS})


def grid_argv(
    uid: str,
    form: Typed,
    spec: ModelSpec,
    decoding: Decoding,
    text: str | None,
    system: str | None,
    more: Sequence[str] = (),
) -> list[str]:
    """The `wb prompt` line of a whole grid.

    Args:
        uid: The sample.
        form: What was typed.
        spec: The model in use, for what the form does not say.
        decoding: The knobs in use, likewise.
        text: The user's words where no template says them.
        system: The system turn with them.
        more: Flags that say which examples, beside how many.
    """
    from workbench.app.copy_command import prompt_argv

    plain = {name: getattr(Decoding(), name) for name in SWEPT_KNOBS}
    base = {"model": spec.model, "adapter": None, "shots": 0, **plain, **form.single}
    by_template = "template" in form.axes or bool(form.single.get("template"))
    argv = prompt_argv(
        uid,
        replace(
            spec,
            model=base["model"],
            adapter=base["adapter"],
            revision=spec.revision if base["model"] == spec.model else None,
        ),
        replace(decoding, **{name: base[name] for name in SWEPT_KNOBS}),
        text=None if by_template else text,
        template=form.single.get("template"),
        system=None if by_template else system,
        shots=[*(["--shots", str(base["shots"])] if base["shots"] else ()), *more],
    )
    flags: list[str] = []
    for name, values in form.axes.items():
        flag = f"--{name.replace('_', '-')}"
        while flag in argv:
            at = argv.index(flag)
            del argv[at : at + 2]
        shown = (show_knob(v) if v is not None else "none" for v in values)
        flags += [flag, ",".join(shown)]
    return [*argv[:2], *flags, *argv[2:]]

"""Which sample free text was written on: its texts may still stand in it on the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from workbench.text import clean

if TYPE_CHECKING:
    from workbench.prompts.template import Template
    from workbench.sample import Sample

OTHER = (
    "This text still has the words of another sample. t fills the template from this one, or puts "
    "this sample's texts in their place."
)


def moved(text: str, there: Sample | None, here: Sample | None) -> str:
    """Free text with the texts of the sample in view in the place of those it was written on."""
    if there is None or here is None or there.uid == here.uid:
        return text
    from workbench.prompts.own import moved

    return moved(text, there, here)


def native(sample: Sample) -> str:
    """The id of a sample in its split."""
    return clean(sample.uid.split("/", 2)[-1], newlines=False)


def prompt_name(template: Template | None, edited: bool, other: Sample | None, width: int) -> Text:
    """What the prompt is, for its button: the template's name, or whose free text.

    Args:
        template: That the prompt was filled from.
        edited: Whether it is free text by now.
        other: The sample whose texts it still has, where another is in view.
        width: Cells, 0 where they are not known yet.
    """
    name = "free text" if template is None else clean(template.name, newlines=False)
    if other is not None:
        name = f"free text of {native(other)}"
    elif template is not None and edited:
        name = f"free text from {name}"
    line = Text(name)
    if width:
        line.truncate(max(1, width - 2), overflow="ellipsis")
    return line.append(" ▾")

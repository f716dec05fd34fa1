"""What the form of one's own data tells: a line per column, counts, warnings, prompt, samples."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.style import Style
from rich.text import Text

from sessions.errors import WbError
from workbench.app.lists.palette import PALETTE
from workbench.app.widgets.choice import Choice
from workbench.data.looking import METADATA, ROLES, OwnLook
from workbench.text import clean

if TYPE_CHECKING:
    from workbench.sample import Sample

_MEANS = {
    "id": "tells its row from all others; part of the UID",
    "label": "the right answer, or the class",
    "image": "a picture: a path, a URL or bytes",
    "explanation": "why the label is right",
    "reference": "one more right answer or caption",
    "option": "an option of a multiple choice",
    METADATA: "kept with the sample; no model sees it",
}
_TILE = (14, 5)  # cells of a thumbnail


def in_form_words(hint: str) -> str:
    """What the core says to do, by the fields of the form where it says it by flags."""
    if "--allow-missing" in hint:
        return "take another column for the image, or say under `images in` where they lie"
    if "--replace" in hint:
        return "choose another name"
    if "--id auto" in hint:
        return "take another column under `id`, or `auto` there"
    if "--image-prefix" in hint or ("--image '" in hint and "--image-root" in hint):
        # No field has them, so that the line takes all.
        return f"{hint}; such flags go behind the line in a shell: ^Y copies it"
    hint = re.sub(r"(?:by|with|pass) --image-root(?! [/~])", "under `images in`", hint)
    hint = re.sub(r"--image '([^']*\{[^']*)'", r"`images in` takes \1", hint)
    hint = hint.replace("--image-root", "`images in` takes")
    return (
        f"{hint}; such flags go behind the line in a shell: ^Y copies it" if "--" in hint else hint
    )


def role_choices(column: str, seen: OwnLook) -> list[Choice]:
    """What a column can be taken for."""
    found = []
    for role in ROLES:
        taken = [c for c, said in seen.roles.items() if said == role and c != column]
        alone = taken and role in ("id", "label")
        about = _MEANS.get(role) or f"a text; prompts show it as {{{role.removeprefix('text ')}}}"
        about += f" (in place of {taken[0]})" if alone else ""
        found.append(Choice(role, about, role))
    return found


def id_choices(seen: OwnLook) -> list[Choice]:
    """What a sample's id can be made of."""
    made = [
        Choice("auto", "made of what the row holds, with a count where rows are equal", "auto"),
        Choice("hash", "made of what the row holds; equal rows are refused", "hash"),
    ]
    shown = ((c, " · ".join(v for v in seen.values.get(c, ()) if v)) for c in seen.columns)
    return [*made, *(Choice(column, values, column) for column, values in shown)]


def column_line(column: str, seen: OwnLook, room: int) -> Text:
    """`ask  → text question   Is it green? · Is it red?`."""
    role = seen.roles.get(column, METADATA)
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f"{clean(column, newlines=False)[:20]:<20} ", Style(bold=True))
    text.append(f"→ {role:<16} ", PALETTE.dim if role == METADATA else PALETTE.good)
    values = " · ".join(value for value in seen.values.get(column, ()) if value)
    text.append(clean(values, newlines=False), Style(dim=True))
    text.truncate(room, overflow="ellipsis")
    return text


def table_lines(seen: OwnLook) -> list[Text]:
    """Counts of each split, and every warning."""
    lines = []
    for split in seen.table.splits:
        texts = ", ".join(f"{role} {count:,}" for role, count in split.texts.items()) or "no text"
        labels = ", ".join(f"{word} {count:,}" for word, count in split.commonest) or "no label"
        missing = f", {split.missing:,} missing" if split.missing else ""
        lines.append(
            Text(f"{clean(split.split)}: {split.rows:,} rows · {clean(texts)} · {clean(labels)} · ")
            + Text(f"{split.images:,} images{missing}")
        )
    lines.append(Text(f"task {seen.mapping.task}", Style(dim=True)))
    lines += [
        Text(f"! {clean(said, newlines=False)}", PALETTE.warn) for said in seen.table.warnings
    ]
    return lines


def guess_lines(seen: OwnLook) -> list[Text]:
    """What was guessed, and by what."""
    return [Text(f"taken {clean(said, newlines=False)}", Style(dim=True)) for said in seen.guesses]


def sample_lines(seen: OwnLook) -> list[Text]:
    """The prompt and the first samples, with small pictures. Reads images: for workers."""
    lines = []
    prompt = next((split.prompt for split in seen.table.splits if split.prompt), None)
    if prompt:
        lines.append(
            Text(f"\nprompt of {clean(prompt['uid'])} ({prompt['template']})", PALETTE.accent)
        )
        lines.append(Text(clean(prompt["text"] or f"none: {prompt['error']}")))
    for sample in seen.samples:
        lines.append(Text(f"\n{clean(sample.uid, newlines=False)}", PALETTE.accent))
        lines += _pictures(sample)
        if sample.error:
            lines.append(Text(f"✗ {clean(sample.error, newlines=False)}", PALETTE.bad))
        said = {**sample.texts, "label": sample.label or ""}
        for role, words in said.items():
            if words:
                lines.append(
                    Text(f"{role:<10}", Style(dim=True)) + Text(clean(words, newlines=False)[:200])
                )
        for words in sample.explanations[:1]:
            lines.append(
                Text(f"{'why':<10}", Style(dim=True)) + Text(clean(words, newlines=False)[:200])
            )
    return lines


def _pictures(sample: Sample) -> list[Text]:
    """Its first two pictures side by side; what cannot be read is told."""
    from workbench.images.terminal.halfcell import halfcell_segments

    tiles, told = [], []
    for ref in sample.images[:2]:
        if ref.url is not None and not ref.url.startswith("data:"):
            told.append(Text(f"{clean(ref.name)}: at a URL, not fetched", Style(dim=True)))
            continue
        try:
            tiles.append(halfcell_segments(ref.load(), *_TILE))
        except (WbError, OSError) as error:
            told.append(Text(f"✗ {clean(str(error), newlines=False)}", PALETTE.bad))
    rows = []
    for at in range(max((len(tile) for tile in tiles), default=0)):
        row = Text(no_wrap=True)
        for tile in tiles:
            for segment in tile[at] if at < len(tile) else ():
                row.append(segment.text, segment.style)
            row.append("  ")
        rows.append(row)
    return [*rows, *told]

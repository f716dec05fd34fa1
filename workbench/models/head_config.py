"""What a classification head is, as the `head.json` beside its weights says it.

Guarantee: torch-free; a file of a newer version, or one that no head can be made of, is refused
with the reason. Not for weights: see `workbench.models.head`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from workbench.errors import ModelError

CONFIG, WEIGHTS = "head.json", "head.safetensors"
POOLINGS = ("last", "mean", "first")
VERSION = 1
# Where a token sees nothing but what stands before it, the first one is the same in every prompt.
BLIND_FIRST = (
    "its first token sees nothing but itself, so that the head would say the same of every prompt"
)


@dataclass(frozen=True)
class HeadConfig:
    """A head of n classes over the last hidden state of a language model.

    Attributes:
        labels: Its classes, in the order of its logits.
        width: Of the hidden state.
        pooling: What it reads of the prompt's hidden states: those of the `last` token, the
            `mean` over all tokens, or those of the `first` token. No token of the answer is read.
        hidden: Width of a layer with tanh before the last one; 0 is none.
        dropout: While training, before each layer.
        base: What the model under it is called, empty where an adapter beside it says that.
    """

    labels: tuple[str, ...]
    width: int
    pooling: str = "last"
    hidden: int = 0
    dropout: float = 0.0
    base: str = ""

    def problem(self) -> str:
        """Why there can be no such head, empty where there can."""
        if len(self.labels) < 2 or len(set(self.labels)) < len(self.labels):
            return f"it wants two different labels at least, got {', '.join(self.labels) or 'none'}"
        if self.pooling not in POOLINGS:
            return f"its pooling {self.pooling!r} is none of {', '.join(POOLINGS)}"
        if self.width < 1 or self.hidden < 0 or not 0 <= self.dropout < 1:
            return f"its sizes cannot be: {self.width}, {self.hidden}, dropout {self.dropout}"
        return ""

    def to_json(self) -> dict[str, Any]:
        """As `head.json` holds it."""
        return {"v": VERSION, **asdict(self), "labels": list(self.labels)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], where: str) -> HeadConfig:
        """The reverse of `to_json`. Raises `ModelError` naming `where`."""
        version = values.get("v")
        if not isinstance(version, int) or version > VERSION:
            raise ModelError(
                f"{where} is of version {version!r}, and {VERSION} is the newest known",
                hint="update wb, or train the head again",
                kind="wrong_version",
            )
        try:
            known = {f.name: values[f.name] for f in fields(cls) if f.name in values}
            made = cls(tuple(map(str, known.pop("labels"))), int(known.pop("width")), **known)
            problem = made.problem()
        except (KeyError, TypeError, ValueError) as error:
            problem = f"{type(error).__name__}: {error}"
        if problem:
            raise ModelError(f"{where} describes no head: {problem}", kind="bad_head")
        return made


def head_words(probabilities: Mapping[str, float], most: int = 5) -> str:
    """What a head says in a line, the likeliest first; labels are not cleaned.

    Args:
        probabilities: By label.
        most: How many are named.
    """
    # A record may hold anything: what is no number is not shown.
    known = [(n, p) for n, p in probabilities.items() if isinstance(p, (int, float))]
    best = sorted(known, key=lambda pair: -pair[1])
    words = " · ".join(f"{label} {p:.2f}" for label, p in best[:most])
    return words + (f" · {len(best) - most} more" if len(best) > most else "")


def has_head(folder: Path) -> bool:
    """Whether a head lies in a folder."""
    return (folder / CONFIG).is_file()


def is_head_alone(folder: Path) -> bool:
    """Whether a folder holds a head and neither an adapter nor a model."""
    others = ("adapter_config.json", "config.json")
    return has_head(folder) and not any((folder / name).is_file() for name in others)


def read_head_config(folder: Path) -> HeadConfig:
    """What head lies in a folder. Raises `ModelError` where its file cannot be meant."""
    from sessions.json_line import load_json
    from sessions.plain_files import read_text

    file = folder / CONFIG
    try:
        values = load_json(read_text(file))
    except (OSError, ValueError) as error:
        raise ModelError(f"{file} cannot be read: {error}", kind="bad_head") from error
    if not isinstance(values, Mapping):
        raise ModelError(f"{file} holds no object", kind="bad_head")
    return HeadConfig.from_json(values, str(file))


def write_head_config(config: HeadConfig, folder: Path) -> None:
    """Put `head.json` into a folder."""
    text = json.dumps(config.to_json(), indent=2, ensure_ascii=False)
    (folder / CONFIG).write_text(text, encoding="utf-8")

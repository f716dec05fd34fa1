"""An adapter's model card: what it was trained from, how, on what, with which figures.

Guarantee: no path of this machine is in it; a model that lies in a folder is called by the folder's
name. Not for the run's own facts: `metrics.json` has them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from training.config_groups import VIRTUAL
from training.train_config import TrainConfig

_OPTIMIZERS = {
    "adamw": "AdamW",
    "adamw_8bit": "8-bit AdamW",
    "paged_adamw_8bit": "paged 8-bit AdamW",
    "paged_adamw_32bit": "paged AdamW",
    "adafactor": "Adafactor",
    "sgd": "SGD",
}


@dataclass(frozen=True)
class Card:
    """What is known of a training before its first step; `text` adds its figures.

    Attributes:
        config: The training's.
        model_class: What loads the base, with its module.
        samples: How many are trained on.
        revisions: `dataset/split` -> revision of the data.
        labels: The classes of the head that is trained, empty where none is.
        failed: UID -> why it could not be used; grows as the training goes.
    """

    config: TrainConfig
    model_class: str
    samples: int
    revisions: Mapping[str, str] = field(default_factory=dict)
    labels: Sequence[str] = ()
    failed: Mapping[str, str] = field(default_factory=dict)

    def text(self, step: int, evaluation: Mapping[str, Any]) -> str:
        """The card as Markdown.

        Args:
            step: After how many optimizer steps the adapter was taken.
            evaluation: `metrics` (name -> `value`, `low`, `high`, `n`) of the dev set after that
                step; may be empty.
        """
        config, base = self.config, public_name(self.config.model)
        head = ["---"]
        if "/" in base:
            head += [f"base_model: {base}"]
        library = "transformers" if config.method in ("full", "adapter") else "peft"
        head += [f"library_name: {library}", "tags:"]
        head += [f"- {config.method}", "- vision-language", "---"]
        parts = ["\n".join(head), f"# {one_line(config.name) or f'{_kind(config)} of {base}'}"]
        parts += [
            self._method(step, base),
            self._data(),
            self._figures(evaluation),
            self._use(base),
            self._head(),
        ]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _method(self, step: int, base: str) -> str:
        config, lora = self.config, self.config.lora
        layers = lora.target_modules
        layers = layers if isinstance(layers, str) else ", ".join(layers)
        kind = "DoRA" if lora.dora else "LoRA"
        start = (
            "trained further from another adapter"
            if config.adapter
            else f"{kind} of rank {lora.r}, alpha {lora.alpha:g}, dropout {lora.dropout:g}, on the "
            f"linear layers `{layers}`"
        )
        revision = f" at revision `{config.revision}`" if config.revision else ""
        held = f", held in {config.quantization}" if config.quantization != "none" else ""
        if config.method == "head":
            start = f"a classification head of {len(self.labels)} classes"
        elif config.method != "lora":
            start = _kind(config)
            if config.adapter:
                start += ", trained further from another adapter"
            elif config.method not in VIRTUAL:
                start += f" on its {' and '.join(config.parts or ('language',))} part"
        whole = config.method == "full"
        what = "A model made of" if whole else "An adapter for"
        what = "A head for" if config.method == "head" else what
        frozen = "All else is as it was" if whole else "The base is frozen"
        return (
            f"{what} `{base}`{revision}{held}: {start}. {frozen}; the loss is on "
            f"{self._loss()}. {step} steps of {config.batch_size * config.gradient_accumulation} "
            f"samples, {_OPTIMIZERS[config.optimizer]}, learning rate {config.learning_rate:g} "
            f"({config.scheduler}), seed {config.seed}."
        )

    def _loss(self) -> str:
        config = self.config
        if config.method == "head":
            return "the class alone"
        if not config.has_head:
            return "the answer alone"
        weight = config.head.weight
        return f"the answer and its class, {1 - weight:g} * text + {weight:g} * class"

    def _head(self) -> str:
        """What the head reads, and its arithmetic, for who has no `wb`."""
        config = self.config
        if not config.has_head:
            return ""
        where = {
            "last": "[:, -1]` of a prompt without padding",
            "mean": ".mean(1)` of a prompt without padding",
            "first": "[:, 0]` of a prompt without padding",
        }[config.head.pooling or "last"]
        names = ", ".join(f"`{one_line(label)}`" for label in self.labels)
        pooled = "state.float()"
        if config.head.hidden:
            pooled = f'({pooled} @ head["dense.weight"].T + head["dense.bias"]).tanh()'
        return (
            f"## Head\n\nIts classes are {names}. `state` is `hidden_states[-1]{where} that ends "
            "where the answer begins.\n\n```python\nimport safetensors.torch\n"
            'head = safetensors.torch.load_file("THIS_FOLDER/head.safetensors")\n'
            f'logits = {pooled} @ head["out.weight"].T + head["out.bias"]\n```'
        )

    def _data(self) -> str:
        rows = [("trained on", name) for name in self.config.train]
        rows += [
            ("checkpoint chosen on" if self.config.keep == "best" else "watched on", name)
            for name in (self.config.eval,)
            if name
        ]
        rows += [("to be reported on", name) for name in (self.config.report,) if name]
        left_out = len(self.failed)
        used = f"{self.samples - left_out} samples were trained on."
        if left_out:
            used += f" {left_out} more were left out: too long, or not to be read."
        lines = ["## Data", "", used, ""]
        lines += ["| | dataset | revision |", "|---|---|---|"]
        for what, name in rows:
            lines.append(f"| {what} | `{name}` | `{self.revisions.get(name) or 'not known'}` |")
        return "\n".join(lines)

    def _figures(self, evaluation: Mapping[str, Any]) -> str:
        metrics = evaluation.get("metrics") or {}
        if not metrics:
            return "## Figures\n\nNone: it was not evaluated while it was trained."
        flatter = (
            " They chose the checkpoint, and so flatter." if self.config.keep == "best" else ""
        )
        lines = ["## Figures", "", f"On `{self.config.eval}`.{flatter}", ""]
        lines += ["| | value | 95% interval | n |", "|---|---|---|---|"]
        for name, row in metrics.items():
            value, low, high = (_number(row.get(key)) for key in ("value", "low", "high"))
            lines.append(f"| {name} | {value} | {low} to {high} | {row.get('n', '–')} |")
        return "\n".join(lines)

    def _use(self, base: str) -> str:
        module, _, name = self.model_class.rpartition(".")
        if self.config.method == "head":
            return ""
        if self.config.method == "full":
            return _code(
                f"import {module}", f'model = {module}.{name}.from_pretrained("THIS_FOLDER")'
            )
        where, note = base, ""
        if base == "demo":
            where = "DEMO"
            note = "\n\n`DEMO` is the folder that `wb models show demo` names."
        elif "/" not in base:
            note = f"\n\n`{base}` is a folder of the base's weights."
        reader, call = "peft", "peft.PeftModel.from_pretrained"
        if self.config.method == "adapter":
            reader = "workbench.models.adapters.bottleneck"
            call = f"{reader}.load_bottleneck"
        elif self.config.method in VIRTUAL:
            reader = "workbench.models.adapters.read_virtual"
            call = f"{reader}.load_virtual"
            note += (
                "\n\nThe files are PEFT's own. `peft.PeftModel` reads them, but leaves positions "
                "to the model: its logits are the same where that counts them as the training did."
            )
        return (
            _code(
                f"import {reader}, {module}",
                f'base = {module}.{name}.from_pretrained("{where}")',
                f'model = {call}(base, "THIS_FOLDER")',
            )
            + note
        )


def _code(*lines: str) -> str:
    return "## Use\n\n```python\n" + "\n".join(lines) + "\n```"


def _kind(config: TrainConfig) -> str:
    """What a method is called in a sentence."""
    named = {"lora": "LoRA", "ia3": "IA3", "bitfit": "BitFit", "full": "full fine-tuning"}
    named["head"] = "a classification head"
    if config.method in VIRTUAL:
        what = config.method.replace("_", " ").capitalize()
        return f"{what} of {config.num_virtual_tokens} virtual tokens"
    if config.method == "adapter":
        return f"Bottleneck adapter ({config.adapter_style.title()})"
    return named.get(config.method) or str(config.peft.get("peft_type", config.method)).upper()


def public_name(model: str) -> str:
    """What to call a model: a hub id as it is, a folder by its last name."""
    if model.startswith(("/", ".", "~")) or "\\" in model or PurePath(model).is_absolute():
        return one_line(PurePath(model.replace("\\", "/")).name) or "a folder"
    return one_line(model)


def one_line(text: str) -> str:
    """A text for a heading or a table's cell."""
    return " ".join(text.replace("|", "/").replace("`", "'").split())


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, (int, float)) else "–"

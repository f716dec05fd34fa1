"""Text and class trained together: a classification head over a model, and the loss of both.

`loss = (1 - w) * text + w * class`. That is the sum by which e-SNLI's PredictAndExplain was
trained, which predicts a label and explains it (Camburu et al. 2018): in the authors' code
(OanaMariaCamburu/e-SNLI, `seq2seq/train_label_in_expl.py`) `alpha * loss_labels + (1 - alpha) *
loss_expl`, with `w` for `alpha` and their factor `lmbda` left to the learning rate. `text` is the
mean over the step's answer tokens. `class` is transformers' loss of a single-label classifier
(`transformers.loss.loss_utils.ForSequenceClassificationLoss`): the cross-entropy of the logits,
summed and divided by the step's samples that have a class. With `method: head` nothing trains
that the text depends on, and `w` is 1.

Guarantee: the head reads the prompt alone, so that a class never depends on the answer beside it;
the model under it is called as without. Not for using a head: `workbench.models.head` does that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from training.checkpoints import fresh_folder
from training.finite import all_finite
from training.train_config import TrainConfig
from workbench.errors import ModelError, UsageError
from workbench.models.batch import IGNORED
from workbench.models.head import Head, load_weights, states_of, why_blind, width_of, write_head
from workbench.models.head_config import HeadConfig, has_head, read_head_config

if TYPE_CHECKING:
    from workbench.data.source import Source
    from workbench.models.base import LoadedModel

# Where the prompt stands in a batch with answers.
_PROMPT = "class_mask"


class WithHead(nn.Module):
    """A model in training form with a head over it; called as the model is.

    Attributes:
        model: PEFT's wrapper, or the base itself.
        class_head: The head.
    """

    def __init__(self, model: Any, head: Head, base: Any) -> None:
        """Composed over `base`'s own hidden states.

        Args:
            model: What is called.
            head: On the model's device.
            base: The model inside of `model`.
        """
        super().__init__()
        self.model, self.class_head = model, head
        vars(self)["_base"] = base  # not a child: its weights are those of `model`
        if hasattr(base, "hf_device_map"):  # by which a model is known that is spread
            self.hf_device_map = base.hf_device_map

    @property
    def config(self) -> Any:
        """The model's."""
        return self.model.config

    def forward(self, class_mask: Tensor | None = None, **inputs: Any) -> Any:
        """The model's output; with `class_mask` (B, L) also `class_logits` (B, C)."""
        if class_mask is None:
            return self.model(**inputs)
        with states_of(self._base) as seen:
            out = self.model(**inputs)
        out.class_logits = self.class_head(seen[-1], class_mask)
        return out


def bare(model: Any) -> Any:
    """The model under a head, or the model itself."""
    return model.model if isinstance(model, WithHead) else model


def head_of(model: Any) -> Head | None:
    """The head over a model that trains, `None` where there is none."""
    return model.class_head if isinstance(model, WithHead) else None


def with_prompt(inputs: dict[str, Any], labels: Tensor) -> dict[str, Any]:
    """A batch's inputs with the place of its prompts: what is neither padding nor answer."""
    prompt = inputs["attention_mask"].bool() & (labels == IGNORED)
    return inputs | {_PROMPT: prompt.long()}


def class_loss(logits: Tensor, classes: Tensor, items: int | None = None) -> Tensor:
    """Cross-entropy of the classes.

    Args:
        logits: (B, C).
        classes: (B,), -100 where a sample has none.
        items: Samples with a class in the whole step; those of `classes` where `None`.
    """
    classes = classes.to(logits.device)
    total = nn.functional.cross_entropy(
        logits.float(), classes, ignore_index=IGNORED, reduction="sum"
    )
    count = int((classes != IGNORED).sum()) if items is None else items
    return total / max(count, 1)


def joint(text: Tensor, of_class: Tensor, weight: float) -> Tensor:
    """The loss of both; see the module. `weight` is the class's, above 0 to 1."""
    return (1 - weight) * text + weight * of_class.to(text.device)


def refuse_head(config: TrainConfig) -> None:
    """Refuse what cannot work of a head, before anything is loaded.

    Raises:
        UsageError: A pooling that tells nothing of this family's prompts; a head that the adapter
            to go on with has, and that would be left behind.
        UnknownName, ModelError: No such model or adapter.
    """
    from workbench.models.families.registry import family_for
    from workbench.models.locate import find_adapter, find_model, read_config

    if config.adapter and not config.has_head and has_head(find_adapter(config.adapter)):
        raise UsageError(
            f"the adapter {config.adapter} has a classification head, which would be left behind",
            hint="train it further too: head: {pooling: last}, with the labels that it has",
        )
    if config.head.pooling == "first":
        path = find_model(config.model, config.revision or None)
        family = family_for(read_config(path))
        if why := why_blind(family, config.head.pooling):
            raise UsageError(
                f"'head.pooling' first is refused for {config.model}: {why}",
                hint="take last, or mean",
                kind="unsupported",
            )


def labels_of(config: TrainConfig, sources: Sequence[Source]) -> tuple[str, ...]:
    """The classes of a config's head: those it names, else the closed sets of what is trained on.

    Raises:
        UsageError: Some data has no closed set, or there are fewer than two classes.
    """
    labels = config.head.labels
    if not labels:
        opened = [name for name, s in zip(config.train, sources, strict=True) if not s.labels]
        if opened:
            raise UsageError(
                f"'head.labels' is missing: {', '.join(opened)} has no closed set of labels",
                hint="name the classes: head: {labels: ['yes', 'no']}",
                kind="bad_config",
            )
        labels = tuple(dict.fromkeys(label for source in sources for label in source.labels))
    if problem := HeadConfig(labels, 1).problem():
        raise UsageError(f"'head.labels' makes no head: {problem}", kind="bad_config")
    return labels


def put_head(loaded: LoadedModel, model: Any, config: TrainConfig, labels: Sequence[str]) -> Any:
    """A model in training form with its head over it: new, or that of an adapter to go on with.

    Args:
        loaded: Its head is the one in training from now on, so that answers come with classes.
        model: As `training.methods.attach` gave it.
        config: See there.
        labels: As `labels_of` gave them.

    Raises:
        UsageError: The adapter's head is of another form.
    """
    wish = config.head
    wanted = HeadConfig(
        tuple(labels),
        width_of(loaded.base),
        pooling=wish.pooling or "last",
        hidden=wish.hidden,
        dropout=wish.dropout,
        base=config.model if config.method == "head" else "",
    )
    head = Head(wanted)
    if config.adapter:
        _go_on(head, config.adapter)
    loaded.own_head = head.to(loaded.device)
    if loaded.adapters.active is not None:  # virtual tokens in training are asked by themselves
        loaded.adapters.active.head = head
    return WithHead(model, head, loaded.base)


def _go_on(head: Head, adapter: str) -> None:
    from workbench.models.locate import find_adapter

    folder = find_adapter(adapter)
    if not has_head(folder):
        return
    had, wanted = read_head_config(folder), head.config
    for name in ("labels", "pooling", "hidden"):
        if getattr(had, name) != getattr(wanted, name):
            raise UsageError(
                f"the head of the adapter {adapter} has {name} {getattr(had, name)!r}, and "
                f"'head' says {getattr(wanted, name)!r}",
                hint="say what it has, or start from another adapter",
                kind="bad_config",
            )
    load_weights(head, folder)


def save_head_alone(head: Head, folder: Path, card: str = "") -> None:
    """Write a head that was trained over a frozen model, taking the place of one there.

    Raises:
        ModelError: A weight is not finite; nothing was written.
    """
    refuse_not_finite(head)
    with fresh_folder(folder) as fresh:
        write_head(head, fresh)
        if card:
            (fresh / "README.md").write_text(card, "utf-8")


def refuse_not_finite(head: Head | None) -> None:
    """Raise `ModelError` where a weight of a head is not a number."""
    if head is not None and not all_finite(head.parameters()):
        raise ModelError(
            "the head is not saved: it has weights that are not finite",
            hint="train again with a lower learning_rate",
            kind="diverged",
        )


def head_summary(head: Head | None, labels: Sequence[str]) -> dict[str, Any]:
    """The classes of a head that trains, and how many samples teach it none of them.

    Args:
        head: `None` where none is trained.
        labels: Of the samples that are trained on.
    """
    if head is None:
        return {}
    without = sum(label not in head.labels for label in labels)
    return {"head": {**head.config.to_json(), "without_a_class": without}}


def classes_of(labels: Sequence[str]) -> Mapping[str, int]:
    """Label -> its place among the logits."""
    return {label: number for number, label in enumerate(labels)}

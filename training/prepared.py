"""A fine-tuning that is ready to run: its data opened, its model loaded, its adapter put on.

Guarantee: what can be told of a config and its data is told before the model is loaded. Not for
running it: see `training.train` and `training.train_steps`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from training.card import Card
from training.config_groups import VIRTUAL
from training.config_key import without_later
from training.further import with_form
from training.inputs import (
    NOT_IN_KEY,
    digest_of,
    inputs_digest,
    started_from,
)
from training.train_apart import Apart, open_apart
from training.train_config import TrainConfig
from training.train_data import TrainSet
from workbench.progress import OnProgress, Reporter, telling_load

if TYPE_CHECKING:
    from training.collate import Collator
    from training.train_eval import DevSet
    from workbench.models.base import LoadedModel

# What is kept apart changes a result only where something is left out for it.
_KEPT_APART = {"report", "overlap"}


@dataclass
class Training:
    """A training that is ready to run."""

    config: TrainConfig
    data: TrainSet
    loaded: LoadedModel
    model: Any
    collator: Collator
    dev: DevSet | None
    apart: Apart

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps for one pass over the data."""
        batches = math.ceil(len(self.data) / self.config.batch_size)
        return math.ceil(batches / self.config.gradient_accumulation)

    @property
    def steps(self) -> int:
        """Optimizer steps in all."""
        return self.config.max_steps or math.ceil(self.config.epochs * self.steps_per_epoch)

    @property
    def card(self) -> Card:
        """What the adapter's card says before there are figures."""
        sources = zip(self.config.train, self.data.sources, strict=True)
        revisions = {wanted: source.revision for wanted, source in sources}
        if self.dev is not None:
            revisions[self.config.eval] = self.dev.evaluation.source.revision
        if self.apart.report is not None:
            revisions[self.config.report] = self.apart.report.revision
        return Card(
            with_form(self.config),
            class_of(self.loaded.base, self.config.method),
            len(self.data),
            revisions,
            head.labels if (head := self.loaded.own_head) is not None else (),
            self.collator.failed,
        )

    @property
    def spared(self) -> Set[str]:
        """Keys of the config that the adapter does not depend on."""
        return NOT_IN_KEY | (set() if self.config.overlap == "leave_out" else _KEPT_APART)

    @property
    def started_from(self) -> dict[str, str]:
        """What lies outside of the config -> its hash; see `training.inputs`."""
        found, names = started_from(self.config), self.config.train
        for name, pool in zip(names, self.data.templates, strict=True):
            found[f"templates of {name}"] = digest_of(*(t.digest for t in pool))
        uids = (item.uid for item in self.data.items)
        return found | {f"samples that can be used of {', '.join(names)}": digest_of(*uids)}

    @property
    def key(self) -> str:
        """What the adapter depends on, as a hash."""
        settings = {k: v for k, v in self.config.to_json().items() if k not in self.spared}
        settings = without_later(settings)
        settings.pop("quantize_parts", None)  # the model's identity has it
        parts = {
            "v": 1,
            "config": settings,
            "model": self.loaded.identity,
            "data": [[s.dataset, s.split, s.revision] for s in self.data.sources],
            "templates": [[t.digest for t in pool] for pool in self.data.templates],
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def device(self) -> Any:
        """Where it trains."""
        return self.loaded.device

    @property
    def inputs(self) -> str:
        """What it starts from, as a hash."""
        return inputs_digest(self.config)

    @property
    def product(self) -> Any:
        """What the run will hold."""
        from training.methods import product

        return product(self.loaded, self.config)

    def trainer(self, *given: Any) -> Any:
        """The `Trainer` for a run, its record, a stop flag, a listener and a checkpoint."""
        from training.train_steps import make_trainer

        return make_trainer(self, *given)

    def summary(self) -> dict[str, Any]:
        """What `--dry-run` prints."""
        from training.joint import head_summary
        from training.optimizers import choose_optimizer
        from training.part_table import part_table

        optimizer = choose_optimizer(self.config)
        parts = part_table(self.model, optimizer)
        trainable = sum(row.trainable for row in parts)
        everything = sum(row.parameters for row in parts)
        return {
            "samples": len(self.data),
            "skipped": dict(self.data.skipped),
            "templates": sorted({t.name for pool in self.data.templates for t in pool}),
            "trainable_parameters": trainable,
            "parameters": everything,
            "trainable_share": trainable / everything,
            "method": self.config.method,
            "optimizer": optimizer,
            "attention": self.config.attention,
            **head_summary(self.loaded.own_head, [item.label for item in self.data.items]),
            "parts": [row.to_json() for row in parts],
            "steps_per_epoch": self.steps_per_epoch,
            "steps": self.steps,
            "samples_per_step": self.config.batch_size * self.config.gradient_accumulation,
            "eval_samples": len(self.dev.samples) if self.dev else 0,
            "warnings": self.apart.warnings,
            "overlaps": [overlap.to_json() for overlap in self.apart.overlaps],
            "identity": self.loaded.identity,
        }


def class_of(base: Any, method: str) -> str:
    """What loads a base without the bench, with its module: transformers' class, or our own.

    Ours may derive from the real one, which reads the same files; virtual tokens need what it adds.
    """
    import transformers

    for cls in type(base).__mro__ if method not in VIRTUAL else ():
        theirs = cls.__module__.startswith("transformers.models.")
        if theirs and hasattr(transformers, cls.__name__):
            return f"transformers.{cls.__name__}"
    cls = type(base)
    known = cls.__module__.startswith("transformers.")
    return f"{'transformers' if known else cls.__module__}.{cls.__name__}"


def prepare(config: TrainConfig, on_progress: OnProgress | None = None) -> Training:
    """Open the data, load the model, put the adapter on. Raises as `training.train.train`."""
    import torch
    from transformers import set_seed

    from training.collate import Collator
    from training.deciding import refuse_figure
    from training.fallbacks import with_fallbacks
    from training.joint import classes_of, labels_of, put_head, refuse_head
    from training.methods import attach, plan
    from training.train_eval import look_at_dev, open_dev
    from workbench.models.base import load_model
    from workbench.serving.release_gpu import release_gpu

    if config.threads:
        torch.set_num_threads(config.threads)
    planned = plan(config)
    refuse_head(config)
    config, taken = with_fallbacks(config)
    tell = Reporter(on_progress)
    tell.before(0, None, "looking at the data", force=True)
    data, apart = open_apart(config)
    apart.warnings = [*taken, *data.notes, *apart.warnings]
    labels = labels_of(config, data.sources) if config.has_head else ()
    looked = look_at_dev(config, leave_out=apart.out_of_eval)
    refuse_figure(config, looked, labels)
    tell.before(0, None, f"loading {config.model}", force=True)
    release_gpu(config.spec)
    loaded = load_model(config.spec, telling_load(tell, 0, None, config.model))
    set_seed(config.seed)
    model = attach(loaded, config, planned)
    # The base's own head was trained over its weights: another training begins without it.
    loaded.own_head = None
    if labels:
        model = put_head(loaded, model, config, labels)
    collator = Collator(
        loaded,
        data,
        cache_mb=config.cache_mb,
        max_length=config.max_length,
        classes=classes_of(labels) if labels else None,
    )
    dev = open_dev(config, loaded, looked) if looked else None
    return Training(config, data, loaded, model, collator, dev, apart)

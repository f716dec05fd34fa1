"""A contrastive training made ready: data, encoder, text features, trainer.

Guarantee: what cannot work is refused before a model is loaded. Not for the run's life (opening,
resuming, failing): `training.train` does that for every task.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sessions.runs import Run
from training.card import public_name
from training.checkpoints import losses_of, step_of
from training.contrastive.card import EncoderCard
from training.contrastive.config import ContrastiveConfig
from training.contrastive.data import Pairs, open_pairs
from training.contrastive.texts import TextEncoder, text_features
from training.inputs import digest_of, revision_of
from training.train_apart import Apart
from workbench.errors import UsageError
from workbench.progress import OnProgress, Reporter
from workbench.stopping import StopFlag

# Settings that change no result.
_NOT_IN_KEY = {"threads", "name", "cache_mb", "keep_checkpoints", "device", "text_batch_size"}


@dataclass
class Alignment:
    """A contrastive training that is ready to run.

    Attributes:
        config: See there.
        data: What is trained on.
        watched: What is evaluated on.
        model: An `AlignedModel` in fp32, on the device.
        processor: Of images.
        text_encoder: Frozen; loaded only where features are missing.
        apart: Warnings to tell before the first step.
    """

    config: ContrastiveConfig
    data: Pairs
    watched: Pairs | None
    model: Any
    processor: Any
    text_encoder: TextEncoder
    apart: Apart = field(default_factory=Apart)

    @property
    def steps_per_epoch(self) -> int:
        """Whole steps in one pass over the data."""
        return len(self.data) // self.config.step_size

    @property
    def steps(self) -> int:
        """Optimizer steps in all."""
        return self.config.max_steps or math.ceil(self.config.epochs * self.steps_per_epoch)

    @cached_property
    def collator(self) -> Any:
        """Makes the steps; its `failed` names the images that cannot be decoded."""
        from training.contrastive.data import PairCollator, Pixels, one_sided

        pixels = Pixels(self.data, self.processor, self.config.cache_mb)
        sides = one_sided(self.data.texts)
        return PairCollator(self.data, pixels, self.config.augment, sides)

    @property
    def card(self) -> EncoderCard:
        """What the encoder's card says before there are figures."""
        return EncoderCard(self.config, len(self.data), len(self.data.texts), self._revisions)

    @property
    def product(self) -> Any:
        """What the run will hold: `encoder/`."""
        from training.contrastive.saving import save_aligned
        from training.train_record import Product

        return Product(
            "encoder",
            lambda model, folder, card: save_aligned(model, self.processor, folder, card),
            ("recall_1",),
        )

    @property
    def device(self) -> Any:
        """Where it trains."""
        return self.model.device

    @property
    def spared(self) -> set[str]:
        """Keys of the config that the encoder does not depend on."""
        return _NOT_IN_KEY

    @property
    def started_from(self) -> dict[str, str]:
        """What lies outside of the config -> its hash; see `training.inputs`."""
        found = {
            f"encoder {self.config.encoder}": _encoder_identity(self.config),
            f"text_encoder {self.config.text_encoder}": self.text_encoder.identity,
        }
        for name, source in zip(self.config.train, self.data.sources, strict=True):
            found |= revision_of(f"train {name}", source)
        if self.watched is not None:
            found[f"eval {self.config.eval}"] = self.watched.sources[0].revision
        uids = (item.uid for item in self.data.items)
        return found | {
            f"samples that can be used of {', '.join(self.config.train)}": digest_of(*uids)
        }

    @property
    def inputs(self) -> str:
        """What it starts from, as a hash."""
        parts = {
            "encoder": _encoder_identity(self.config),
            "texts": self.text_encoder.identity,
            "data": [[s.dataset, s.split, s.revision] for s in self.data.sources],
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def key(self) -> str:
        """What the encoder depends on, as a hash."""
        settings = {k: v for k, v in self.config.to_json().items() if k not in _NOT_IN_KEY}
        parts = {"v": 1, "config": settings, "inputs": self.inputs}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def _revisions(self) -> dict[str, str]:
        found = [*self.data.sources, *(self.watched.sources if self.watched else ())]
        return {f"{source.dataset}/{source.split}": source.revision for source in found}

    def summary(self) -> dict[str, Any]:
        """What `--dry-run` prints."""
        from training.part_table import part_table

        parts = part_table(self.model)
        trainable = sum(row.trainable for row in parts)
        everything = sum(row.parameters for row in parts)
        return {
            "task": self.config.task,
            "samples": len(self.data),
            "texts": len(self.data.texts),
            "skipped": dict(self.data.skipped),
            "trainable_parameters": trainable,
            "parameters": everything,
            "trainable_share": trainable / everything,
            "parts": [row.to_json() for row in parts],
            "steps_per_epoch": self.steps_per_epoch,
            "steps": self.steps,
            "samples_per_step": self.config.step_size,
            "negatives": f"{self.config.step_size - 1} texts for each image",
            "eval_samples": len(self.watched) if self.watched else 0,
            "warnings": self.apart.warnings,
        }

    def trainer(
        self,
        run: Run,
        record: Any,
        stop: StopFlag,
        on_progress: OnProgress | None,
        checkpoint: Path | None,
    ) -> Any:
        """The `Trainer`; text features are looked up or made here.

        Args:
            run: For its folder.
            record: Of the curves.
            stop: Asked after each step.
            on_progress: Told as steps go by.
            checkpoint: To go on from.
        """
        from transformers.trainer_callback import PrinterCallback, ProgressCallback

        from training.contrastive.data import Normaliser
        from training.contrastive.trainer import ContrastiveTrainer, arguments
        from training.finite import FiniteWatch
        from training.trainer import Hooks

        config = self.config
        done = step_of(checkpoint) if checkpoint else 0
        self.collator.features = text_features(
            self.data.texts, self.text_encoder, Reporter(on_progress)
        )
        dev = self._dev(on_progress)
        tell = Reporter(on_progress, start=done)
        tell(done, self.steps, "training", force=True)
        deadline = time.monotonic() + config.max_minutes * 60 if config.max_minutes else math.inf

        def evaluate_what_was_cut() -> None:
            at_an_end = bool(done) and done % self.steps_per_epoch == 0
            if dev and at_an_end and not record.was_evaluated(done):
                trainer.evaluate()

        hooks = Hooks(
            on_begin=evaluate_what_was_cut,
            on_figures=record.figures,
            on_step=lambda step, total: tell(step, total, "training", _headline(record.latest)),
            stop=stop,
            out_of_time=lambda: time.monotonic() >= deadline,
        )

        def evaluation() -> dict[str, float]:
            assert dev is not None
            step = trainer.state.global_step
            tell(step, self.steps, "evaluating", _headline(record.latest), force=True)
            found = dev.figures(
                self.model, run.path / "eval", step, stop, trainer.compute_loss_context_manager
            )
            return record.evaluated(self.model, step, found)

        watch = FiniteWatch(run.path / "checkpoints", config.learning_rate)
        on_cpu = self.model.device.type == "cpu"
        trainer = ContrastiveTrainer(
            pairs=self.data,
            collator=self.collator,
            config=config,
            normalise=Normaliser(self.processor),
            evaluation=evaluation if dev else None,
            watch=watch,
            losses=losses_of(checkpoint),
            run=run.id,
            model=self.model,
            args=arguments(config, run.path / "checkpoints", steps=self.steps, on_cpu=on_cpu),
            eval_dataset=[] if dev else None,
            callbacks=[watch, hooks],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.remove_callback(ProgressCallback)
        return trainer

    def _dev(self, on_progress: OnProgress | None) -> Any:
        from training.contrastive.data import Normaliser, Pixels
        from training.contrastive.dev import Dev

        if self.watched is None:
            return None
        config, classes = self.config, self.watched.labels
        tell = Reporter(on_progress)
        prompts = [p.replace("{label}", c) for c in classes for p in config.class_prompts]
        named = text_features(prompts, self.text_encoder, tell)
        return Dev(
            pairs=self.watched,
            pixels=Pixels(self.watched, self.processor, config.cache_mb // 4),
            normalise=Normaliser(self.processor),
            features=text_features(self.watched.texts, self.text_encoder, tell),
            classes=classes,
            class_features=named.view(len(classes), len(config.class_prompts), named.shape[-1]),
            loss=config.loss,
            batch_size=config.batch_size,
            step_size=config.step_size,
        )


def prepare(config: ContrastiveConfig, on_progress: OnProgress | None = None) -> Alignment:
    """Check the names, open the data, make the encoder. Raises as `training.train.train`."""
    import torch
    from transformers import set_seed

    from workbench.models.placement import candidates
    from workbench.models.two_stage.aligned_model import AlignedConfig, AlignedModel
    from workbench.models.two_stage.processor import fit_images
    from workbench.models.two_stage.resnets import load_resnet

    if config.threads:
        torch.set_num_threads(config.threads)
    device = candidates(config.device)[0]
    texts = TextEncoder(
        config.text_encoder,
        config.text_revision,
        config.text_dtype,
        config.text_quantization,
        config.device,
        config.text_batch_size,
        config.text_tokens,
    )
    size, identity = texts.size, texts.identity
    tell = Reporter(on_progress)
    tell.before(0, None, "looking at the data", force=True)
    data = open_pairs(config.train, config)
    watched = open_pairs([config.eval], config, config.eval_samples) if config.eval else None
    if len(data) < config.step_size:
        raise UsageError(
            f"a step wants {config.step_size} images (batch_size times gradient_accumulation), "
            f"and {', '.join(config.train)} has {len(data)} with captions",
            hint="make the steps smaller",
            kind="bad_config",
        )
    tell.before(0, None, f"making {config.encoder} ready", force=True)
    set_seed(config.seed)
    resnet, own = load_resnet(config.encoder, config.width, config.encoder_revision or None)
    processor, side = fit_images(own, config.image_fit, config.image_size)
    aligned = AlignedConfig(
        vision_config=resnet.config,
        shared_size=config.shared_size,
        text_size=size,
        image_size=side,
        image_fit=config.image_fit,
        text_encoder=public_name(config.text_encoder),
        text_identity=identity,
        loss=config.loss,
    )
    model: Any = AlignedModel(aligned, resnet).float()
    model.begin(config.temperature, config.bias)
    model.image_encoder.norms_learn = config.learn_norms
    alignment = Alignment(config, data, watched, model.to(device), processor, texts)
    alignment.apart.warnings.extend(_overlaps(data, watched))
    return alignment


def _overlaps(data: Pairs, watched: Pairs | None) -> list[str]:
    """What is told where images are in both; captions recur and are no leak by themselves."""
    if watched is None:
        return []
    shared = {item.uid for item in data.items} & {item.uid for item in watched.items}
    if not shared:
        return []
    return [f"{len(shared)} images of eval are trained on: its figures say nothing of new ones"]


def _encoder_identity(config: ContrastiveConfig) -> str:
    """Hash of the weights that an encoder starts from; empty where they are drawn."""
    from workbench.models.identity import hash_file, model_identity
    from workbench.models.locate import existing_path, find_model
    from workbench.models.two_stage.resnets import RESNETS

    if config.encoder in RESNETS:
        return ""
    path = existing_path(config.encoder)
    if path is not None and path.is_file():
        return hash_file(path)
    folder = find_model(config.encoder, config.encoder_revision or None)
    return model_identity(folder, None, "none", "float32")


def _headline(figures: dict[str, float]) -> dict[str, float]:
    names = ("loss", "eval_loss", "eval_recall_1", "eval_zero_shot_accuracy")
    return {name: figures[name] for name in names if name in figures}

"""What a contrastive training is: one frozen config from a YAML file with `task: contrastive`.

Guarantee: imports no torch; every fault of a file in one message. Not for looking at data or
models: names are checked for their form here and for their existence when the training is made
ready.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from training import config_shared as shared
from training.settings import Flag, Number, Text, Texts, Whole

HINT = "docs/training-keys.md lists the keys; wb train cifar10_siglip is a whole one"


class ContrastiveConfig(shared.ConfigFile):
    """A contrastive training; the keys of the YAML file."""

    task: Literal["contrastive"] = "contrastive"
    """What is trained."""
    train: Annotated[
        Texts, Field(min_length=1, examples=["name what to train on, such as cifar10/train"])
    ]
    """`dataset/split` or `dataset/split[:800]`, one or several."""
    eval: Text = ""
    """One split, on which recall and zero-shot accuracy are measured after each epoch."""
    captions: Literal["auto", "references", "candidates", "caption", "label"] = "auto"
    """Where the captions of a sample are: its `references` (all captions of a caption dataset),
    its `candidates` (the columns of a CSV of models' captions), its text `caption`, or its `label`
    in the words of `class_prompts`. `auto`: the first of candidates, references of a caption
    dataset, and `caption` that it has."""
    class_prompts: Texts = ("a photo of a {label}.",)
    """The text for a class when zero-shot accuracy is measured; with several texts their mean is
    taken."""
    encoder: Text = "resnet50"
    """The image encoder: `resnet18`, `resnet34`, `resnet50` or `resnet101` from scratch, a folder
    or hub id of a ResNet, or a `.safetensors` file of torchvision's names."""
    encoder_revision: Text = ""
    """Branch, tag or commit of a hub id."""
    width: Annotated[Number, Field(gt=0, le=4)] = 1.0
    """Channels of an encoder from scratch, as a share of the published ones."""
    learn_norms: Flag = True
    """Whether batch norms learn and keep statistics. Use `false` for small batches with a trained
    ResNet."""
    text_encoder: Text = "microsoft/phi-2"
    """The frozen text encoder: a folder or hub id of a Phi."""
    text_revision: Text = ""
    """Branch, tag or commit of a hub id."""
    text_dtype: Text = "auto"
    """The dtype of the text encoder: `auto`, `bf16`, `fp16` or `fp32`."""
    text_quantization: Text = "none"
    """The quantisation of the text encoder: `none`, `4bit` or `8bit`."""
    text_batch_size: Annotated[Whole, Field(ge=1)] = 64
    """Texts per batch in the text encoder."""
    text_tokens: Annotated[Whole, Field(ge=1)] = 64
    """The most tokens of a caption; the rest is cut off."""
    shared_size: Annotated[Whole, Field(ge=1)] = 512
    """Width of the space that images and texts are projected into."""
    image_size: Annotated[Whole, Field(ge=32)] = 224
    """Side in pixels of the square that the ResNet sees; a multiple of 32."""
    image_fit: Literal["stretch", "crop", "pad"] = "stretch"
    """How an oblong image becomes a square; see docs/models.md."""
    augment: Literal["none", "shift", "shift_flip"] = "shift"
    """`shift`: each image is moved by up to an eighth of its side, drawn again each epoch.
    `shift_flip`: it is also mirrored half of the time, if no caption says left or right."""
    loss: Literal["sigmoid", "softmax"] = "sigmoid"
    """SigLIP's loss (each pair by itself) or CLIP's."""
    temperature: Annotated[Number, Field(gt=0)] = 10.0
    """The first factor of the cosines; it is learned."""
    bias: Number = -10.0
    """The first value that is added to the cosines; it is learned (it has no effect on a softmax).
    """
    precision: Literal["fp32", "bf16"] = "fp32"
    """The dtype in which the encoder computes; weights and losses stay in fp32."""
    device: shared.Device = "auto"
    batch_size: Annotated[Whole, Field(ge=2)] = 128
    """Images per forward in the encoder."""
    gradient_accumulation: Annotated[Whole, Field(ge=1)] = 1
    """Parts of a step. Every image is still compared with every text of the whole step."""
    optimizer: Literal["adamw", "adamw_8bit", "adafactor", "sgd"] = "adamw"
    """`adamw`; `adamw_8bit` keeps its moments in 8 bits, `adafactor` next to none, `sgd` none."""
    learning_rate: Annotated[Number, Field(gt=0, lt=10)] = 1e-3
    """The highest learning rate."""
    scheduler: shared.Scheduler = "cosine"
    warmup: shared.Warmup = 0.1
    weight_decay: Annotated[Number, Field(ge=0)] = 0.05
    """AdamW's weight decay; none for biases, norms, temperature and bias."""
    max_grad_norm: shared.MaxGradNorm = 1.0
    epochs: Annotated[Number, Field(gt=0)] = 30.0
    """Passes over the data, unless `max_steps` is given."""
    max_steps: shared.MaxSteps = 0
    max_minutes: shared.MaxMinutes = 0.0
    eval_samples: Annotated[Whole, Field(ge=0)] = 1000
    """Images drawn by the seed from `eval`; 0 for all."""
    keep: Literal["best", "last"] = "best"
    """Which encoder the run ends with: `best` by the mean recall at 1, or `last`."""
    save_every: shared.SaveEvery = 0
    keep_checkpoints: shared.KeepCheckpoints = 2
    log_every: shared.LogEvery = 10
    cache_mb: Annotated[Whole, Field(ge=0)] = 1024
    """Megabytes for decoded images; the rest is decoded again."""
    seed: Annotated[Whole, Field(ge=0, lt=2**32)] = 0
    """The seed of the order, the captions drawn, the shifts and the weights."""
    threads: shared.Threads = 0
    name: shared.Name = ""

    HINT: ClassVar[str] = HINT

    def faults(self) -> list[str]:
        """Every fault that lies between keys, in their words."""
        return check(self)

    @property
    def model(self) -> str:
        """What the run is listed under."""
        return self.encoder

    @property
    def step_size(self) -> int:
        """Images of a step: each is held against the texts of all of them."""
        return self.batch_size * self.gradient_accumulation


def check(config: ContrastiveConfig) -> list[str]:
    """Every fault that lies between keys, in their words."""
    problems = []
    if config.image_size % 32:
        near = max(1, round(config.image_size / 32)) * 32
        problems.append(
            f"'image_size' wants a multiple of 32, got {config.image_size} (near: {near})"
        )
    if bad := [p for p in config.class_prompts if "{label}" not in p]:
        problems.append(f"'class_prompts' wants {{label}} in each, got {bad[0]!r}")
    for key, value, allowed in (
        ("text_dtype", config.text_dtype, ("auto", "bf16", "fp16", "fp32")),
        ("text_quantization", config.text_quantization, ("none", "4bit", "8bit")),
    ):
        if value not in allowed:
            problems.append(f"'{key}' wants one of {', '.join(allowed)}, got {value!r}")
    return problems

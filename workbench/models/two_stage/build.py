"""Compose a two-stage model: a ResNet and a Phi become one folder that can be loaded and trained.

Guarantee: the folder appears whole or not at all, whatever ends the process; what it takes on the
disk and in memory is checked before anything is read. The parts keep their weights bit for bit
(in the dtype they are kept in); what joins them is new, drawn by a seed, and has to be trained
before an answer can depend on an image in any sensible way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from workbench.errors import ModelError, UsageError
from workbench.models.loading import explained, load_weights, quiet
from workbench.models.locate import existing_path, find_encoder, find_model, read_config
from workbench.models.memory import table, weights_bytes
from workbench.models.new_folder import check_room, disk_explained, fresh_folder, refuse_existing
from workbench.models.spec import ModelSpec
from workbench.models.two_stage.aligned_model import ALIGNED, load_aligned
from workbench.models.two_stage.config import IMAGE_TOKENS, TwoStageConfig
from workbench.models.two_stage.model import TwoStageModel
from workbench.models.two_stage.processor import (
    IMAGE_FITS,
    IMAGE_TOKEN,
    TEMPLATE,
    TwoStageProcessor,
    fit_images,
)
from workbench.models.two_stage.resnets import load_resnet

_OWN = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Composition:
    """What is composed, and how.

    Attributes:
        vision: A folder or hub id of a ResNet, or the run or folder of a contrastive training,
            whose whole image encoder is taken.
        language: A folder or hub id of a Phi.
        image_tokens: `grid` or `pooled`; see `TwoStageConfig`.
        pooled_tokens: Tokens of an image where it is pooled.
        image_fit: `stretch`, `crop` or `pad`; see `workbench.models.two_stage.processor`. Empty:
            as the encoder was trained, else `stretch`.
        image_size: Side in pixels of what the ResNet sees; `None` is its own.
        dtype: The language model is kept in it; `auto` is its own. The rest is kept in fp32.
        seed: Of the weights between the two.
        vision_revision, language_revision: Branch, tag or commit of a hub id.
    """

    vision: str
    language: str
    image_tokens: str = "grid"
    pooled_tokens: int = 8
    image_fit: str = ""
    image_size: int | None = None
    dtype: str = "auto"
    seed: int = 0
    vision_revision: str | None = None
    language_revision: str | None = None

    def __post_init__(self) -> None:
        for flag, value, allowed in (
            ("--image-tokens", self.image_tokens, IMAGE_TOKENS),
            ("--image-fit", self.image_fit or IMAGE_FITS[0], IMAGE_FITS),
        ):
            if value not in allowed:
                raise UsageError(f"{flag} wants one of {', '.join(allowed)}; got {value!r}")
        for flag, value in (
            ("--pooled-tokens", self.pooled_tokens),
            ("--image-size", self.image_size),
        ):
            if value is not None and value < 1:
                raise UsageError(f"{flag} wants at least 1; got {value!r}")


def compose(recipe: Composition, out: Path, on_progress: Progress | None = None) -> dict[str, Any]:
    """Write the model of a recipe into the new folder `out`.

    Args:
        recipe: What of.
        out: Must not exist, or be empty.
        on_progress: Called with a stage (`find`, `language`, `vision`, `save`, `ready`) and the
            share done, 0 to 1.

    Returns:
        The folder, tokens of an image, parameters by part, and the memory each precision takes.

    Raises:
        UsageError: `out` is there already, or a size does not fit.
        ModelError: A part is no ResNet or Phi, cannot be read, or there is no room.
    """
    report = on_progress or (lambda stage, share: None)
    out = out.expanduser().absolute()
    refuse_existing(out)
    report("find", 0.0)
    vision = find_encoder(recipe.vision, recipe.vision_revision)
    _check_type(recipe.vision, vision, ("resnet", ALIGNED), "--vision")
    language = find_model(recipe.language, recipe.language_revision)
    _check_type(recipe.language, language, ("phi",), "--language")
    dtype = _dtype(recipe, language)
    check_room(weights_bytes(vision, dtype="fp32") + weights_bytes(language, dtype=dtype), out)
    with quiet():
        model, processor = _assemble(recipe, vision, language, dtype, report)
        report("save", 0.6)
        with fresh_folder(out) as folder, disk_explained(out):
            model.save_pretrained(folder, max_shard_size="5GB")
            processor.save_pretrained(folder)
    report("ready", 1.0)
    parts = ("language_model", "image_encoder", "image_projector")
    return {
        "path": str(out),
        **asdict(recipe),
        "dtype": dtype,
        "image_fit": recipe.image_fit or _fit_of(vision),
        "image_size": model.config.image_size,
        "tokens_per_image": model.config.image_seq_length,
        "parameters": {p: sum(x.numel() for x in getattr(model, p).parameters()) for p in parts},
        "memory": table(out),
    }


def _check_type(name: str, path: Path, wanted: tuple[str, ...], flag: str) -> None:
    found = read_config(path)["model_type"]
    if found not in wanted:
        examples = {"resnet": "microsoft/resnet-50", "phi": "microsoft/phi-2"}
        raise ModelError(
            f"{flag} {name} is of model_type {found!r}; a two-stage model wants "
            f"{' or '.join(map(repr, wanted))}",
            hint=f"give a folder or an id such as {examples[wanted[0]]}",
            kind="wrong_architecture",
        )


def _dtype(recipe: Composition, language: Path) -> str:
    if recipe.dtype != "auto":
        return ModelSpec(dtype=recipe.dtype).dtype  # refused there where it is none
    config = read_config(language)
    return _OWN.get(str(config.get("dtype") or config.get("torch_dtype")), "fp32")


def _assemble(
    recipe: Composition, vision: Path, language: Path, dtype: str, report: Progress
) -> tuple[Any, Any]:
    from transformers import AutoTokenizer, PhiForCausalLM

    cpu, local = torch.device("cpu"), {"local_files_only": True, "trust_remote_code": False}
    with explained(language):
        words = AutoTokenizer.from_pretrained(language, **local)
    report("language", 0.1)
    spec = ModelSpec(recipe.language, dtype=dtype, device="cpu")
    phi: Any = load_weights(PhiForCausalLM, spec, language, cpu)
    report("vision", 0.5)
    aligned, resnet, own = _vision(recipe, vision)
    images, side = fit_images(own, recipe.image_fit or _fit_of(vision), recipe.image_size)
    _check_size(side, resnet.config)
    token = add_image_token(words, phi)
    _forget_the_rest(recipe, resnet, phi, words)
    config = TwoStageConfig(
        vision_config=resnet.config,
        text_config=phi.config,
        image_tokens=recipe.image_tokens,
        pooled_tokens=recipe.pooled_tokens,
        image_size=side,
        shared_size=aligned.config.shared_size if aligned else None,
        image_token_id=token,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = TwoStageModel(config, resnet, phi)
        if aligned:
            model.image_encoder.load_state_dict(aligned.image_encoder.state_dict())
        settle(model)
    model.generation_config = phi.generation_config
    model.generation_config.update(eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id)
    processor = TwoStageProcessor(
        images, words, image_seq_length=config.image_seq_length, chat_template=TEMPLATE
    )
    _check_squares(processor, side)
    return model.eval(), processor


def _forget_the_rest(recipe: Composition, resnet: Any, phi: Any, words: Any) -> None:
    """Keep out of the folder what is of the parts' own past or of this machine."""
    resnet.config.num_labels = 0  # the thousand classes of a head that is left behind
    for part, name in ((resnet, recipe.vision), (phi, recipe.language)):
        # An id says where it came from; a path means nothing elsewhere.
        part.config.name_or_path = name if existing_path(name) is None else ""
    for word in ("is_local", "local_files_only"):
        words.init_kwargs.pop(word, None)


def _vision(recipe: Composition, path: Path) -> tuple[Any, Any, Any]:
    """The aligned model or `None`, the ResNet, and the image processor of a folder."""
    if read_config(path)["model_type"] == ALIGNED:
        aligned, own = load_aligned(path)
        return aligned, aligned.image_encoder.resnet, own
    resnet, own = load_resnet(str(path))
    return None, resnet, own


def _fit_of(vision: Path) -> str:
    return str(read_config(vision).get("image_fit") or IMAGE_FITS[0])


def _check_size(side: int, vision: Any) -> None:
    stride = 4 * 2 ** (len(vision.depths) - (0 if vision.downsample_in_first_stage else 1))
    if side % stride:
        near = max(1, round(side / stride)) * stride
        raise UsageError(
            f"--image-size {side} is no multiple of {stride}, the stride of this ResNet",
            hint=f"take {near}",
        )


def _check_squares(processor: Any, side: int) -> None:
    from PIL import Image

    shape = processor.image_processor(Image.new("RGB", (90, 60)), return_tensors="pt")
    found = tuple(shape["pixel_values"].shape[-2:])
    if found != (side, side):
        raise ModelError(
            f"the ResNet's own image processor makes {found[1]} x {found[0]} pixels of an image, "
            f"not a square of {side}",
            hint="take --image-fit stretch or pad",
            kind="unsupported",
        )


def add_image_token(words: Any, phi: Any) -> int:
    """The id of `<image>`, which is added where it lacks; the embeddings grow where they must.

    Phi-2 has some 900 more rows than its tokenizer has tokens, so that it stays as it is. Its
    row is never read: an image's own tokens stand in its place.
    """
    from transformers import AddedToken

    if IMAGE_TOKEN not in words.get_vocab():
        words.add_tokens(
            [AddedToken(IMAGE_TOKEN, special=True, normalized=False)], special_tokens=True
        )
    if words.pad_token is None:  # padding is masked: any token would do
        words.pad_token = words.eos_token
    if len(words) > phi.get_input_embeddings().num_embeddings:
        phi.resize_token_embeddings(len(words), pad_to_multiple_of=64, mean_resizing=False)
    return words.convert_tokens_to_ids(IMAGE_TOKEN)


@torch.no_grad()
def settle(model: TwoStageModel) -> None:
    """Scale the projector so that its tokens spread as the words' embeddings do.

    Random tokens ten times as long as a word's drown the prompt when training begins.
    """
    projector: Any = model.image_projector
    words = model.get_input_embeddings().weight.float()
    made: Any = projector(torch.randn(64, 4, model.config.shared_size))
    projector.contract.weight.mul_(words.std() / made.std())

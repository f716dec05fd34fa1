"""What stands before the two-stage model: its prompt, its image tokens, and what it sees.

Three ways to make an image the square that a ResNet wants, chosen when a model is composed and
kept in its folder: `stretch` shows all of it out of shape, `pad` shows all of it smaller, `crop`
shows its middle as the ResNet saw the images of ImageNet. Not for maps: `seen_part` says what of
an image lies in the square, and the family draws by it.
"""

from __future__ import annotations

from typing import Any

from transformers import AutoProcessor, ProcessorMixin

from workbench.models.families.llava import seen_box
from workbench.models.image_geometry import Box, resized_box
from workbench.models.two_stage.config import TwoStageConfig

IMAGE_FITS = ("stretch", "crop", "pad")
IMAGE_TOKEN = "<image>"  # noqa: S105

# Phi-2's own form of a question. A turn's images stand before it, those amid its words there.
TEMPLATE = (
    "{% for m in messages %}"
    "{% set parts = [{'type': 'text', 'text': m.content}] if m.content is string else m.content %}"
    "{% if m.role == 'user' %}{% set seen = namespace(words=false) %}"
    "{% for c in parts %}{% if c.type == 'image' %}<image>\n"
    "{% else %}{% if not seen.words %}Instruct: {% set seen.words = true %}{% endif %}{{ c.text }}"
    "{% endif %}{% endfor %}{% if not seen.words %}Instruct: {% endif %}{{ '\n' }}Output:"
    "{% else %}{% if m.role == 'assistant' %} {% endif %}"
    "{% for c in parts %}{{ c.text }}{% endfor %}{{ '\n' }}{% endif %}"
    "{% endfor %}"
)


class TwoStageProcessor(ProcessorMixin):
    """An image processor and the language model's tokenizer, with a token for images.

    Attributes:
        image_seq_length: Tokens of an image; the model's config says the same.
        image_token: What stands for an image in a text.
    """

    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: Any = None,
        image_seq_length: int = 49,
        image_token: str = IMAGE_TOKEN,
        chat_template: str | None = None,
        **_: Any,
    ) -> None:
        self.image_seq_length = image_seq_length
        self.image_token = image_token
        self.image_token_id = tokenizer.convert_tokens_to_ids(image_token)
        super().__init__(image_processor, tokenizer, chat_template=chat_template)

    def replace_image_token(self, image_inputs: dict, image_idx: int, **_: Any) -> str:
        """As many image tokens as the model gives for one image."""
        return self.image_token * self.image_seq_length


def fit_images(own: Any, fit: str, size: int | None = None) -> tuple[Any, int]:
    """An image processor that makes squares, and their side in pixels.

    Args:
        own: The ResNet's; colours and resampling are taken from it.
        fit: One of `IMAGE_FITS`.
        size: Another side than its own.
    """
    from transformers import LlavaImageProcessor, ViTImageProcessor

    wanted = dict(own.size)
    side = size or int(wanted.get("shortest_edge") or wanted.get("height") or 224)
    square = {"height": side, "width": side}
    if fit == "crop":
        values = own.to_dict()
        values["size"] = {"shortest_edge": side} if "shortest_edge" in wanted else square
        if values.get("crop_size"):
            values["crop_size"] = square
        return type(own)(**values), side
    looks = {
        "image_mean": list(own.image_mean),
        "image_std": list(own.image_std),
        "resample": int(own.resample),
        "do_convert_rgb": True,
    }
    if fit == "stretch":
        return ViTImageProcessor(size=square, **looks), side
    padded = {"do_pad": True, "do_center_crop": False}
    return LlavaImageProcessor(size=square, **padded, **looks), side


def seen_part(processor: Any, size: tuple[int, int]) -> Box | None:
    """The part of an image of `size` (width, height) in the square; `None` is all of it.

    ResNets' processors enlarge to `size / crop_pct` and cut out the middle; from 384 pixels on
    they stretch.
    """
    if not hasattr(processor, "crop_pct"):
        return seen_box(processor, size)
    side = int(dict(processor.size)["shortest_edge"])
    if side >= 384 or not processor.do_resize:
        return None
    short = int(side / processor.crop_pct)
    long = int(short * max(size) / min(size))
    resized = (short, long) if size[0] <= size[1] else (long, short)
    left, top = ((length - side) // 2 for length in resized)
    return resized_box(size, resized, (left, top, left + side, top + side))


AutoProcessor.register(TwoStageConfig, TwoStageProcessor, exist_ok=True)

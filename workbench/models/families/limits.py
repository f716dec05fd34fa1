"""What each family cannot do, and why; told without loading torch."""

from __future__ import annotations

# Family -> what it cannot do -> why.
LIMITS: dict[str, dict[str, str]] = {
    "qwen2_vl": {},
    "llava": {"image pixels": "its processor makes a square of one size out of every image"},
    "llava_next": {"image pixels": "its tiles are those of its config's image_grid_pinpoints"},
    "idefics3": {"image pixels": "its tiles follow the longest edge in its processor's config"},
    "paligemma": {
        "image pixels": "its processor makes a square of one size out of every image",
        "turns": "it was trained on one prompt and its answer",
        "prompts without an image": "its prompt begins with one",
        "shared prefix": "each token of a prompt sees all of it, so a part is nothing by itself",
    },
    "captioner": {
        "image pixels": "its processor makes a square of one size out of every image",
        "turns": "its text is the beginning of the caption",
        "several images": "it reads one",
        "prompts without an image": "there is nothing else to read",
        "shared prefix": "its prompt is one image and a few words, with nothing to share",
        "image tokens": "images are read by cross-attention",
        "token layers": "heat is taken at the encoder",
        "joining a batch": "what a row sees is not in the cache of keys; it waits for the next",
    },
    "two_stage": {
        "image pixels": "its processor makes a square of one size out of every image",
        "quantized vision": "its encoder and its projector are kept whole",
    },
    "auto": {
        "image pixels": "how its processor chooses a size is not known here",
        "gradcam": "how its patches become tokens is not known here",
        "image tokens": "how its patches become tokens is not known here",
    },
}

"""What to load: one frozen `ModelSpec`, in the words of the flags that a user types.

Guarantee: imports nothing heavy, so that the client, the commands and the bench can speak of a
model without torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from workbench.errors import UsageError

QUANTIZATIONS = ("none", "4bit", "8bit")
DTYPES = ("auto", "bf16", "fp16", "fp32")
ATTENTIONS = ("sdpa", "eager", "flash_attention_2")
QUANT_TYPES = ("nf4", "fp4")
# Which weights are quantised: the language model's linear layers, those of the vision tower and its
# projector, or both. Until there was the choice, it was all.
QUANTIZE_PARTS = ("language", "vision", "all")
_OF_4BIT = ("quant_type", "double_quant", "quant_compute_dtype")
# Knobs that are no one's default and that records keep only where they are used.
FURTHER = ("image_min_pixels", "image_max_pixels", "quantize_parts", *_OF_4BIT)


@dataclass(frozen=True)
class ModelSpec:
    """A model, an adapter over it, and how both are held in memory.

    Attributes:
        model: `demo`, a folder in Hugging Face layout, or a hub id.
        adapter: A folder written by PEFT, or `None`.
        quantization: `none`, `4bit` or `8bit`, by bitsandbytes.
        dtype: `auto` is fp32 on a CPU, the model's own on a GPU.
        device: `auto` is the first GPU that it fits on, several where none holds it alone, the CPU
            where there is none; `cuda:1`, `cuda:0,cuda:1` and `balanced` (all of them) name them.
        revision: Branch, tag or commit of a hub id.
        attention: The attention kernels.
        image_min_pixels, image_max_pixels: Images are scaled until their area lies between them,
            by families whose processor does so; `None` is the processor's own.
        quantize_parts: One of `QUANTIZE_PARTS`; `None` becomes `language` where any are quantised.
        quant_type: `nf4` or `fp4`, of 4bit; `None` is nf4.
        double_quant: Whether 4bit's scales are quantised as well; `None` is yes.
        quant_compute_dtype: What 4bit weights are multiplied in; `None` is the dtype.
    """

    model: str = "demo"
    adapter: str | None = None
    quantization: str = "none"
    dtype: str = "auto"
    device: str = "auto"
    revision: str | None = None
    attention: str = "sdpa"
    image_min_pixels: int | None = None
    image_max_pixels: int | None = None
    quantize_parts: str | None = None
    quant_type: str | None = None
    double_quant: bool | None = None
    quant_compute_dtype: str | None = None

    def __post_init__(self) -> None:
        for name, allowed in (
            ("quantization", QUANTIZATIONS),
            ("dtype", DTYPES),
            ("attention", ATTENTIONS),
        ):
            value = getattr(self, name)
            if value not in allowed:
                raise UsageError(
                    f"--{name} wants one of {', '.join(allowed)}; got {value!r}", kind="bad_knob"
                )
        if not self.model:
            raise UsageError("--model is empty", hint="`demo`, a folder or a hub id")
        self._check_pixels()
        self._check_quantization()

    def _check_pixels(self) -> None:
        low, high = self.image_min_pixels, self.image_max_pixels
        for flag, value in (("--min-pixels", low), ("--max-pixels", high)):
            if value is not None and (type(value) is not int or value < 1):
                raise UsageError(
                    f"{flag} wants a whole number of at least 1; got {value!r}", kind="bad_knob"
                )
        if low is not None and high is not None and low > high:
            raise UsageError(f"--min-pixels {low} is above --max-pixels {high}", kind="bad_knob")

    def _check_quantization(self) -> None:
        parts, quantized = self.quantize_parts, self.quantization != "none"
        if parts is not None and parts not in QUANTIZE_PARTS:
            raise UsageError(
                f"--quantize-parts wants one of {', '.join(QUANTIZE_PARTS)}; got {parts!r}",
                kind="bad_knob",
            )
        if parts is not None and not quantized:
            raise UsageError(
                "--quantize-parts is about quantised weights, and --quantization is none",
                hint="give --quantization 4bit or 8bit, or leave it out",
                kind="bad_knob",
            )
        if quantized and parts is None:
            object.__setattr__(self, "quantize_parts", QUANTIZE_PARTS[0])
        words = {
            "quant_type": ("--quant-type", QUANT_TYPES),
            "double_quant": ("--double-quant", (True, False)),
            "quant_compute_dtype": ("--quant-compute-dtype", DTYPES[1:]),
        }
        for name, (flag, allowed) in words.items():
            value = getattr(self, name)
            if value is None:
                continue
            # 1 == True: a number is no answer to a question of yes or no.
            if value not in allowed or (name == "double_quant" and not isinstance(value, bool)):
                raise UsageError(
                    f"{flag} wants one of {', '.join(map(str, allowed))}; got {value!r}",
                    kind="bad_knob",
                )
            if self.quantization != "4bit":
                raise UsageError(
                    f"{flag} is about 4bit weights, and --quantization is {self.quantization}",
                    hint="give --quantization 4bit, or leave it out",
                    kind="bad_knob",
                )
        # Said or not said, the usual is the same model.
        if self.quant_type == "nf4":
            object.__setattr__(self, "quant_type", None)
        if self.double_quant is True:
            object.__setattr__(self, "double_quant", None)

    @property
    def extra_options(self) -> dict[str, Any]:
        """The knobs of `FURTHER` that were turned: what identities add.

        All parts quantised adds nothing: that is what it was before there was the choice.
        """
        values = {name: getattr(self, name) for name in FURTHER}
        if self.quantize_parts == "all":
            del values["quantize_parts"]
        return {name: value for name, value in values.items() if value is not None}

    @property
    def base(self) -> ModelSpec:
        """The same without its adapter: what has to be loaded anew when it changes."""
        return replace(self, adapter=None)

    def but(self, **changes: Any) -> ModelSpec:
        """The same with some changes; 4bit's details go where weights are no longer 4bit.

        Raises:
            UsageError: What was changed cannot be meant.
        """
        held = changes.get("quantization", self.quantization)
        if held != "4bit":
            changes = dict.fromkeys(_OF_4BIT) | changes
        if held == "none":
            changes = {"quantize_parts": None} | changes
        return replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ModelSpec:
        """The reverse of `to_json`. Raises `UsageError` naming every unknown key."""
        known = {f.name for f in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise UsageError(
                f"unknown model settings: {', '.join(unknown)}",
                hint=f"they are {', '.join(sorted(known))}",
            )
        return cls(**values)


def as_recorded(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a model that a record holds, as `ModelSpec` takes them now.

    Records of versions without `quantize_parts` meant all of them.
    """
    if (values.get("quantization") or "none") == "none":
        return dict(values)
    return {**values, "quantize_parts": values.get("quantize_parts") or "all"}


def chosen_spec(values: Mapping[str, Any], like: ModelSpec) -> ModelSpec:
    """The model that words name: the one rule of flags, cells of a notebook, forms and replays.

    Args:
        values: Fields of a `ModelSpec` that were said; an adapter `none` takes off the one of
            `like`.
        like: What was not said is as here; its adapter and revision belong to its model alone,
            and nothing of it goes with a server's model.

    Raises:
        UsageError: A field that is none, or a value that cannot be meant.
    """
    from workbench.models.remote_model import is_remote, settled

    given = dict(values)
    if given.get("adapter") == "none":
        given["adapter"] = None
    if given.get("model", like.model) != like.model:
        given = {"adapter": None, "revision": None} | given
        like = ModelSpec() if is_remote(str(given["model"])) else like
    if unknown := sorted(set(given) - {f.name for f in fields(like)}):
        raise UsageError(f"unknown model settings: {', '.join(unknown)}", kind="bad_knob")
    spec = like.but(**given)
    return settled(spec) if is_remote(spec.model) else spec


def typed_spec(text: str, like: ModelSpec) -> ModelSpec:
    """What was typed where a model is asked for: `chosen_spec` of `typed_values`."""
    return chosen_spec(typed_values(text), like)


def typed_values(text: str) -> dict[str, Any]:
    """The fields that a typed model says: a name, an adapter, and flags as a command takes them.

    Args:
        text: `./my model`, `demo +./lora`, `+./lora` (another adapter), `+` (none),
            `demo --quantization 4bit --max-pixels 200000`, `--dtype fp32`.

    Raises:
        UsageError: Nothing was typed, a flag that is none of a model's, or one without its value.
    """
    import shlex

    name, sign, rest = f" {text.strip()}".partition(" --")
    model, plus, adapter = (part.strip() for part in name.partition(" +"))
    if not text.strip():
        raise UsageError("--model is empty", hint="`demo`, a folder or a hub id")
    try:
        words = shlex.split(sign.strip() + rest)
    except ValueError as error:
        raise UsageError(f"{text!r} cannot be read: {error}", kind="bad_knob") from error
    values: dict[str, Any] = {}
    if model:
        values |= {"model": model, "adapter": None}  # without its name it is the model alone
    if plus:
        values["adapter"] = adapter or None
    while words:
        flag = words.pop(0)
        if flag in ("--double-quant", "--no-double-quant"):
            values["double_quant"] = flag == "--double-quant"
            continue
        values |= _typed_flag(flag, words.pop(0) if words else None)
    return values


def flags_of(values: Mapping[str, Any]) -> list[str]:
    """The flags that say these fields: what `typed_values` reads, as a command takes it."""
    flags: list[str] = []
    for name, value in values.items():
        if name == "double_quant":
            flags += ["--double-quant" if value else "--no-double-quant"] * (value is not None)
        elif name == "adapter" or value is not None:
            flags += [flag_of(name), "none" if value is None else str(value)]
    return flags


def _typed_flag(flag: str, value: str | None) -> dict[str, Any]:
    flags = {flag_of(f.name): f.name for f in fields(ModelSpec)}
    name = flags.get(flag, "model")
    if name in ("model", "double_quant"):
        known = ", ".join(sorted(set(flags) - {"--model"}))
        raise UsageError(f"{flag} is no flag of a model", hint=f"they are {known}", kind="bad_knob")
    if value is None:
        raise UsageError(f"{flag} wants a value", kind="bad_knob")
    if name.endswith("_pixels"):
        if not value.isdigit():
            raise UsageError(
                f"{flag} wants a whole number of at least 1; got {value!r}", kind="bad_knob"
            )
        return {name: int(value)}
    return {name: value}


def flag_of(name: str) -> str:
    """The flag of a field: `--max-pixels` of `image_max_pixels`."""
    return f"--{name.removeprefix('image_').replace('_', '-')}"


def spoken(name: str) -> str:
    """A field in the words of its flag: `max pixels` of `image_max_pixels`."""
    return flag_of(name).removeprefix("--").replace("-", " ")

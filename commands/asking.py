"""Options and steps shared by all commands that ask a model.

Guarantee: an option means the same in all of them. Imports nothing heavy.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from sessions.errors import WbError

if TYPE_CHECKING:
    from workbench.inference.decoding import Decoding
    from workbench.models.spec import ModelSpec

MODEL_FLAGS = (
    *("model", "adapter", "quantization", "dtype", "device", "attention", "revision"),
    *("image_min_pixels", "image_max_pixels"),
    *("quantize_parts", "quant_type", "double_quant", "quant_compute_dtype"),
)
KNOBS = (
    *("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "num_beams"),
    *("max_new_tokens", "stop", "seed", "top_logprobs"),
)

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _stacked(*options: Decorator) -> Decorator:
    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def model_options(*, plain: bool = True) -> Decorator:
    """`--model`, `--adapter` and how they are held.

    Args:
        plain: With defaults; otherwise an option that is not given is `None`.
    """

    def default(value: str) -> str | None:
        return value if plain else None

    return _stacked(
        click.option(
            "--model",
            default=default("demo"),
            show_default=plain,
            help="demo, a folder, a hub id, openai:URL#NAME.",
        ),
        click.option("--adapter", help="A PEFT adapter: a folder, a training run's id, or last."),
        click.option(
            "--quantization",
            default=default("none"),
            type=click.Choice(["none", "4bit", "8bit"]),
            help="How the weights are stored in memory.",
        ),
        click.option(
            "--dtype",
            default=default("auto"),
            type=click.Choice(["auto", "bf16", "fp16", "fp32"]),
            help="auto is fp32 on a CPU, the model's own on a GPU.",
        ),
        click.option(
            "--device",
            default=default("auto"),
            help="auto, cpu, cuda:1; cuda:0,cuda:1 or balanced use several GPUs.",
        ),
        click.option(
            "--attention", default=default("sdpa"), help="sdpa, eager, flash_attention_2."
        ),
        click.option("--revision", help="Branch, tag or commit of a hub id."),
        *_further_options(),
    )


def _further_options() -> list[Decorator]:
    return [
        click.option(
            "--min-pixels",
            "image_min_pixels",
            type=int,
            help="Smaller images are enlarged to this area (Qwen2-VL, Qwen2.5-VL).",
        ),
        click.option(
            "--max-pixels",
            "image_max_pixels",
            type=int,
            help="Larger images are scaled down to this area (Qwen2-VL, Qwen2.5-VL).",
        ),
        click.option(
            "--quantize-parts",
            type=click.Choice(["language", "vision", "all"]),
            help="Which weights are quantised; vision includes the projector.  [language]",
        ),
        click.option(
            "--quant-type",
            type=click.Choice(["nf4", "fp4"]),
            help="The number format of 4bit weights.  [nf4]",
        ),
        click.option(
            "--double-quant/--no-double-quant",
            default=None,
            help="Quantise the scales of 4bit weights too.  [yes]",
        ),
        click.option(
            "--quant-compute-dtype",
            type=click.Choice(["bf16", "fp16", "fp32"]),
            help="The dtype of products with 4bit weights.  [the dtype]",
        ),
    ]


def knob_options() -> Decorator:
    """Every decoding knob."""
    return _stacked(
        click.option("--temperature", default=0.0, show_default=True, help="0 is greedy."),
        click.option(
            "--top-p",
            default=1.0,
            help="Draw from the likeliest tokens of this total probability; 1 is off.",
        ),
        click.option("--top-k", default=0, help="Keep the k most probable; 0 is off."),
        click.option(
            "--min-p",
            default=0.0,
            help="Keep tokens with this share of the best one's probability; 0 is off.",
        ),
        click.option("--repetition-penalty", default=1.0, help="1 is off."),
        click.option("--num-beams", default=1, help="Beam search; 1 is off."),
        click.option(
            "--max-new-tokens", default=64, show_default=True, help="The most tokens of an answer."
        ),
        click.option("--stop", multiple=True, help="End the answer before this string; repeat."),
        click.option("--seed", default=0, show_default=True, help="Same seed, same answer."),
        click.option(
            "--top-logprobs",
            default=5,
            show_default=True,
            help="How many alternatives of each token to keep.",
        ),
    )


def spec_from(flags: dict[str, Any]) -> ModelSpec:
    """As `read_spec`; an adapter over another model than its own is told."""
    spec = read_spec(flags)
    note_base(spec)
    return spec


def read_spec(flags: dict[str, Any]) -> ModelSpec:
    """The model that was asked for; a server that was named is remembered."""
    from workbench.models.spec import ModelSpec, chosen_spec

    spec = chosen_spec(model_values(flags), ModelSpec())
    note_server(spec)
    return spec


def check_exists(spec: ModelSpec) -> None:
    """Refuse a model or an adapter that is not there, before an engine is started to find out.

    An adapter may also be one that a running engine keeps under a name of the user's own
    (`wb models load --adapter NAME=…`). If the engine cannot say so now, stderr tells that the
    name was not checked.

    Raises:
        UnknownName: There is no such model or adapter here, and no hub can have it.
        UsageError: A revision of a model that is a folder here.
        ModelError: A file of the adapter is missing, or is a pickle.
    """
    from workbench.models.locate import find_adapter, local_folder
    from workbench.models.remote_model import is_remote
    from workbench.serving.at_hand import is_kept
    from workbench.text import clean

    if not is_remote(spec.model):
        local_folder(spec.model, spec.revision)
    if not spec.adapter:
        return
    try:
        find_adapter(spec.adapter)
    except WbError as error:
        kept = is_kept(spec)
        if kept is False:
            raise
        if kept is None:
            said = f"note: {error.message}, and whether the engine keeps it cannot be asked yet"
            click.echo(clean(f"{said}: the engine will tell", newlines=False), err=True)


def note_base(spec: ModelSpec) -> None:
    """Say on stderr that an adapter was trained over another model than the one it is put on."""
    from workbench.models.standing import other_base
    from workbench.text import clean

    if spec.adapter and (said := other_base(spec.adapter, spec.model)):
        click.echo(clean(f"note: the adapter {spec.adapter} was {said}", newlines=False), err=True)


def note_server(spec: ModelSpec) -> None:
    """Remember a server that was typed, and warn where it would get the key in the clear."""
    from workbench.serving.remote.known_servers import named_here

    if said := named_here(spec.model):
        from workbench.text import clean

        click.echo(f"warning: {clean(said)}", err=True)


def model_values(flags: dict[str, Any]) -> dict[str, Any]:
    """The model's flags; settings about 4bit weights count only where weights are 4bit."""
    values = {name: flags[name] for name in MODEL_FLAGS}
    context = click.get_current_context(silent=True)
    held = values["quantization"]
    if context is not None and held != "4bit":
        of_all = ("quantize_parts",) if held in (None, "none") else ()
        for name in ("quant_type", "double_quant", "quant_compute_dtype", *of_all):
            if context.get_parameter_source(name) is click.core.ParameterSource.DEFAULT_MAP:
                values[name] = None
    return values


def decoding_from(flags: dict[str, Any]) -> Decoding:
    """The knobs that were asked for. Raises `UsageError` naming all that are wrong."""
    from workbench.inference.decoding import Decoding

    decoding = Decoding.from_json({name: flags[name] for name in KNOBS})
    tell_idle(decoding)
    return decoding


def tell_idle(decoding: Decoding) -> None:
    """Say on stderr which knobs do nothing, of those that were typed."""
    typed = click.get_current_context().get_parameter_source
    for name, words in decoding.idle.items():
        if typed(name) is click.core.ParameterSource.COMMANDLINE:
            click.echo(f"note: {words}", err=True)


def tell_loading() -> Callable[[str, float], None]:
    """Says on a terminal's stderr what a load is at; elsewhere only that nothing gets on."""
    from workbench.serving.protocol import STILL, loading_words
    from workbench.terminal import redraw

    terminal = sys.stderr.isatty()

    def tell(stage: str, share: float) -> None:
        if terminal:
            redraw(loading_words(stage, share))
        elif stage.startswith(STILL):
            click.echo(stage, err=True)

    return tell

"""From a checked folder to tensors: dtype, device, quantisation, and errors in plain words."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from workbench.errors import ModelError
from workbench.models.fitting import needless, refuse_misfit
from workbench.models.parts import left_whole
from workbench.models.placement import loading_arguments
from workbench.models.spec import ModelSpec

if TYPE_CHECKING:
    from torch import nn

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
NOWHERE = torch.device("meta")  # tensors there have a shape and a type, and no memory


def pick_dtype(name: str, device: torch.device, path: Path) -> torch.dtype | str:
    """What `from_pretrained` takes: fp32 on a CPU and the model's own on a GPU, unless named."""
    if name != "auto":
        return _DTYPES[name]
    return torch.float32 if device.type == "cpu" else "auto"


def load_weights(cls: Any, spec: ModelSpec, path: Path, device: torch.device) -> nn.Module:
    """`cls.from_pretrained` from safetensors alone, refusing what fits only in part.

    Args:
        cls: A model class or an auto class of transformers.
        spec: Quantisation, dtype, attention, and the devices by name (`Placement.words`).
        path: A folder that `find_model` checked.
        device: Where prompts go in; on the meta device no weights are read.

    Raises:
        ModelError: Keys or shapes do not fit, no memory, or a setting this machine lacks.
    """
    if device.type == "meta":
        with explained(path):
            return without_weights(cls, spec, path)
    dtype = pick_dtype(spec.dtype, device, path)
    kwargs: dict[str, Any] = {
        "dtype": dtype,
        "attn_implementation": spec.attention,
        "local_files_only": True,
        "use_safetensors": True,
        "trust_remote_code": False,
        "output_loading_info": True,
        "ignore_mismatched_sizes": True,  # they are refused below, by name
    }
    if spec.quantization != "none":
        kwargs["quantization_config"] = _quantization(spec, dtype)
    kwargs |= loading_arguments(spec.device, spec.quantization != "none")
    with explained(path):
        model, info = cls.from_pretrained(path, **kwargs)
    _refuse_partial(path, model, info)
    _keep_one_format(model)
    return model


def without_weights(cls: Any, spec: ModelSpec, path: Path) -> nn.Module:
    """`cls` of a folder's config, every tensor on the meta device.

    Args:
        cls: A model class or an auto class of transformers.
        spec: Its dtype is that of the pixels.
        path: A folder that `find_model` checked.
    """
    from transformers import AutoConfig, GenerationConfig

    from workbench.models.placement import candidates

    config = AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    dtype = pick_dtype(spec.dtype, candidates(spec.device)[0], path)
    if isinstance(dtype, str):
        dtype = getattr(config, "dtype", None) or torch.float32
    make = cls.from_config if hasattr(cls, "from_config") else cls._from_config
    with NOWHERE:
        model = make(config, dtype=dtype)
    if (path / "generation_config.json").is_file():
        model.generation_config = GenerationConfig.from_pretrained(path, local_files_only=True)
    return model


def _keep_one_format(model: nn.Module) -> None:
    """Keep bitsandbytes from repacking 4-bit weights at the first forward on a CPU.

    On processors with AVX512-BF16, `Linear4bit.forward` packs its weights anew in evaluation and
    rounds their scales to bf16, and `state_dict` packs them back without the lost bits: answers
    then depend on the processor and on what was asked before.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            vars(module)["support_avx512bf16_for_cpu"] = False


def _refuse_partial(path: Path, model: nn.Module, info: Mapping[str, Any]) -> None:
    other = {key: (tuple(have), tuple(want)) for key, have, want in info["mismatched_keys"]}
    refuse_misfit(
        f"{path} ({type(model).__name__})",
        missing=set(info["missing_keys"]) - set(other),
        unexpected=[key for key in info["unexpected_keys"] if not needless(key)],
        shapes=other,
        hint="the weights belong to another architecture than config.json, or are cut short",
        kind="wrong_architecture",
    )


def check_attention(spec: ModelSpec, device: torch.device) -> None:
    """Say why attention kernels that were asked for cannot be had here, before the long load.

    Raises:
        ModelError: `flash_attention_2` without its package, off a GPU, or in fp32.
    """
    from importlib.util import find_spec

    if spec.attention != "flash_attention_2":
        return
    why = ""
    if find_spec("flash_attn") is None:
        why = "the package flash-attn is not installed"
    elif device.type != "cuda":
        why = f"its kernels run on NVIDIA GPUs, and the model goes to {device}"
    elif spec.dtype == "fp32":
        why = "its kernels compute in bf16 or fp16, and --dtype is fp32"
    if why:
        raise ModelError(
            f"--attention flash_attention_2 cannot be used: {why}",
            hint="--attention sdpa is torch's own, with flash kernels on a GPU where they fit",
            kind="unsupported",
        )


@contextlib.contextmanager
def watched(report: Callable[[float], None], sizes: Mapping[str, int]) -> Iterator[None]:
    """Tell how much of a model's weights has been read while `from_pretrained` is at it.

    Args:
        report: Told the share of bytes read, 0 to 1, tensor by tensor; what it raises ends the
            load.
        sizes: Bytes of each tensor in the files; those that bear another name in the model count
            as their mean.
    """
    from transformers.utils import logging

    mean = sum(sizes.values()) / max(1, len(sizes))

    def read(mappings: Any) -> Iterator[Any]:
        total, done = max(1.0, float(sum(sizes.values()))), 0.0
        for name, mapping in mappings:
            yield name, mapping
            targets = getattr(mapping, "layer_targets", None) or {name: {name}}
            sources = {source for names in targets.values() for source in names}
            done += sum(sizes.get(source, mean) for source in sources)
            report(min(1.0, done / total))

    def hook(factory: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> Any:
        if kwargs.get("desc") == "Loading weights" and args:
            return read(args[0])
        return factory(*args, **kwargs)

    before = logging.set_tqdm_hook(hook)
    try:
        yield
    finally:
        logging.set_tqdm_hook(before)


def _quantization(spec: ModelSpec, dtype: torch.dtype | str) -> Any:
    from transformers import BitsAndBytesConfig

    whole = left_whole(spec.quantize_parts or "all")
    if spec.quantization == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=whole)
    compute = torch.bfloat16 if isinstance(dtype, str) else dtype
    return BitsAndBytesConfig(
        load_in_4bit=True,
        llm_int8_skip_modules=whole,
        bnb_4bit_quant_type=spec.quant_type or "nf4",
        bnb_4bit_use_double_quant=spec.double_quant is not False,
        bnb_4bit_compute_dtype=_DTYPES.get(spec.quant_compute_dtype or "", compute),
    )


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what transformers and torch raise while loading into a `ModelError`."""
    from safetensors import SafetensorError

    try:
        yield
    except (torch.cuda.OutOfMemoryError, MemoryError) as error:
        raise ModelError(
            f"no memory to load {path}",
            hint="try --quantization 4bit, --dtype bf16, or a smaller model",
            kind="out_of_memory",
        ) from error
    except SafetensorError as error:
        raise ModelError(
            f"the weights in {path} are damaged: {error}", hint="fetch or copy them again"
        ) from error
    except (OSError, ValueError, RuntimeError, ImportError, KeyError, TypeError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if "offload" in first:
            raise ModelError(
                f"{path} does not fit on these GPUs, whose layers are not split",
                hint="try --quantization 4bit, --dtype bf16, or more GPUs",
                kind="out_of_memory",
            ) from error
        if any(word in first.lower() for word in ("attention implementation", "flash")):
            sentence = first.split(". ")[0].split(" yet")[0]
            raise ModelError(
                f"{path} cannot be loaded with these attention kernels: {sentence}",
                hint="try --attention eager, which every model has, or sdpa",
                kind="unsupported",
            ) from error
        raise ModelError(
            f"{path} cannot be loaded: {first}",
            hint="check that the folder is whole and its config is that of its weights",
        ) from error


def load_processor(path: Path) -> Any:
    """The processor of a folder, with an image processor and a tokenizer.

    Raises:
        ModelError: One of its files is missing.
    """
    from transformers import AutoProcessor

    with explained(path):
        processor = AutoProcessor.from_pretrained(
            path, local_files_only=True, trust_remote_code=False
        )
    if not hasattr(processor, "image_processor") or not hasattr(processor, "tokenizer"):
        raise ModelError(
            f"{path} has no image processor beside its tokenizer",
            hint="preprocessor_config.json or processor_config.json is missing",
        )
    return processor


def context_length(config: Any) -> int | None:
    """Most tokens in a sequence, by the language model's config."""
    text = config.get_text_config(decoder=True)
    for name in ("max_position_embeddings", "n_positions", "seq_length"):
        if isinstance(value := getattr(text, name, None), int):
            return value
    return None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No progress bars nor load reports: whoever loads may own the terminal."""
    from transformers.utils import logging

    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()

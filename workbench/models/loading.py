"""From a checked folder to tensors: dtype, device, quantisation, and errors in plain words."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from workbench.errors import ModelError
from workbench.models.spec import ModelSpec

if TYPE_CHECKING:
    from torch import nn

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


def pick_device(name: str) -> torch.device:
    """The device of that name; `auto` is the first GPU, else the CPU.

    Raises:
        ModelError: There is no such device.
    """
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(
            f"device {name!r} cannot be used: {str(error).splitlines()[0]}",
            hint=f"there are {torch.cuda.device_count()} GPUs; `auto` and `cpu` always work",
        ) from error
    return device


def pick_dtype(name: str, device: torch.device, path: Path) -> torch.dtype | str:
    """What `from_pretrained` takes: fp32 on a CPU and the model's own on a GPU, unless named."""
    if name != "auto":
        return _DTYPES[name]
    return torch.float32 if device.type == "cpu" else "auto"


def load_weights(cls: Any, spec: ModelSpec, path: Path, device: torch.device) -> nn.Module:
    """`cls.from_pretrained` from safetensors alone, refusing what fits only in part.

    Args:
        cls: A model class or an auto class of transformers.
        spec: Quantisation, dtype and attention.
        path: A folder that `find_model` checked.
        device: Where the weights go.

    Raises:
        ModelError: Keys or shapes do not fit, no memory, or a setting this machine lacks.
    """
    dtype = pick_dtype(spec.dtype, device, path)
    kwargs: dict[str, Any] = {
        "dtype": dtype,
        "attn_implementation": spec.attention,
        "local_files_only": True,
        "use_safetensors": True,
        "trust_remote_code": False,
        "output_loading_info": True,
    }
    if spec.quantization != "none":
        kwargs["quantization_config"] = _quantization(spec, dtype)
    if spec.quantization != "none" or device.type != "cpu":
        kwargs["device_map"] = {"": device}
    with explained(path):
        model, info = cls.from_pretrained(path, **kwargs)
    if missing := sorted(info["missing_keys"]):
        raise ModelError(
            f"{path} lacks {len(missing)} weights of {type(model).__name__}: "
            f"{', '.join(missing[:5])}{', ...' if len(missing) > 5 else ''}",
            hint="the weights belong to another architecture than config.json, or are cut short",
            kind="wrong_architecture",
        )
    return model


def _quantization(spec: ModelSpec, dtype: torch.dtype | str) -> Any:
    from transformers import BitsAndBytesConfig

    if spec.quantization == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    compute = torch.bfloat16 if isinstance(dtype, str) else dtype
    return BitsAndBytesConfig(
        load_in_4bit=True,
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

"""An adapter's change written into the weights: in memory and taken back, or as a new folder.

Guarantee: a folder appears whole or not at all, and only after the model loaded from it gave the
logits that base and adapter gave together, to a tolerance that is said in its `wb_merge.json`;
taking a merge in memory back gives the base's weights bit for bit. Not for quantised weights: what
is merged into them would be rounded to their grid.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from workbench.errors import ModelError
from workbench.models.adapters.bottleneck_config import KIND
from workbench.models.adapters.load import HEAD_ALONE
from workbench.models.base import LoadedModel, load_model
from workbench.models.head import write_head
from workbench.models.head_config import CONFIG as HEAD_CONFIG
from workbench.models.identity import is_of_model, model_identity
from workbench.models.loading import quiet
from workbench.models.locate import check_weights, find_model
from workbench.models.memory import tensor_types, weights_bytes
from workbench.models.new_folder import check_room, disk_explained, fresh_folder, refuse_existing
from workbench.models.spec import ModelSpec
from workbench.sample import ImageRef, Message

NOTE = "wb_merge.json"
# How far logits may part, of their largest: the merged product is rounded once where the adapter's
# was added to the base's.
TOLERANCE = {"float32": 1e-4, "float16": 2e-2, "bfloat16": 1e-1}
_NAMES = {"F32": "fp32", "BF16": "bf16", "F16": "fp16"}


@dataclass
class Merged:
    """An adapter whose change stands in the base's weights, until `undo`.

    Attributes:
        loaded: Its model; it answers as with the adapter, by the base's layers alone.
    """

    loaded: LoadedModel
    _wrapper: Any
    _before: list[tuple[torch.nn.Parameter, torch.Tensor]] = field(default_factory=list)

    def undo(self) -> None:
        """Take the change back, bit for bit; the adapter is over the base again."""
        if not self._before:
            return
        with _still():
            self._wrapper.unmerge_adapter()  # so that its layers know; it subtracts, which rounds
        with torch.no_grad():
            for parameter, data in self._before:
                parameter.copy_(data)
        self._before = []
        active = self.loaded.adapters.active
        if active is not None:
            active.before_off = None


def merge(loaded: LoadedModel) -> Merged:
    """Write the active adapter's change into the base's weights.

    The weights that it changes are kept in the CPU's memory until `undo`, which another adapter's
    turn calls by itself.

    Raises:
        ModelError: There is no adapter, its kind cannot be merged, or the weights are quantised.
    """
    active = _mergeable(loaded)
    wrapper = active.model
    touched = {
        id(p): p
        for swap in active.swaps
        if swap.original is not None
        for p in swap.original.parameters()
    }
    merged = Merged(loaded, wrapper, [(p, p.detach().cpu().clone()) for p in touched.values()])
    active.before_off = merged.undo
    with torch.no_grad(), _still():
        wrapper.merge_adapter(safe_merge=True)
    return merged


@contextlib.contextmanager
def _still() -> Iterator[None]:
    """Without PEFT's warnings: that it rounds is measured, and untied weights are seen to."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _mergeable(loaded: LoadedModel, into_folder: bool = False) -> Any:
    active = loaded.adapters.active
    why = ""
    if active is None:
        why = "there is no adapter over the model"
    elif loaded.spec.quantization != "none":
        why = f"the weights are {loaded.spec.quantization}, and would round it to their grid"
    elif active.kind == HEAD_ALONE and into_folder:
        return active
    elif active.kind == HEAD_ALONE:
        why = "a classification head changes no weight of the model"
    elif active.kind == KIND:
        why = "a bottleneck adapter bends what a layer gives, which fits in no weight"
    elif not active.swaps:
        why = f"an adapter of the kind {active.kind} stands beside the weights, not in them"
    elif not hasattr(active.model, "merge_adapter"):
        why = f"an adapter of the kind {active.kind} changes more than weights"
    if why:
        raise ModelError(f"nothing can be merged: {why}", kind="unsupported")
    return active


def merge_to_folder(
    base: str,
    adapter: str,
    out: Path,
    *,
    dtype: str = "auto",
    revision: str | None = None,
    on_progress: Callable[[str, float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Write base and adapter as one plain checkpoint, and its history beside it.

    Args:
        base: `demo`, a folder or a hub id.
        adapter: A folder or a run's id.
        out: The new folder.
        dtype: What it is merged and kept in; `auto` is the checkpoint's own.
        revision: Of a hub id.
        on_progress: Told what is being done and the share, 0 to 1.
        cancelled: Asked while models are loading.

    Returns:
        What `wb_merge.json` holds: where it came from, the identities, and how far the logits of
        the merged model part from those under the adapter (`difference`, relative to the largest).

    Raises:
        UsageError: `out` is there already.
        ModelError: As `load_model` and `merge`; no memory or disk; or the merged model does not
            answer as the two did, and nothing is left.
    """
    report = on_progress or (lambda stage, share: None)
    refuse_existing(out)
    path = find_model(base, revision)
    kept = _kept_dtype(path) if dtype == "auto" else dtype
    check_room(weights_bytes(path, dtype=kept), out.absolute())
    spec = ModelSpec(base, adapter, dtype=kept, device="cpu", revision=revision)

    def staged(start: float, span: float) -> Callable[[str, float], None]:
        return lambda stage, share: report(stage, start + span * share)

    loaded = load_model(spec, staged(0.0, 0.4), cancelled)
    probe = _probe(loaded)
    note = _facts(loaded, kept)
    report("merge", 0.45)
    with fresh_folder(out) as folder, disk_explained(out):
        _write(loaded, folder)
        copy_rest(path, folder)
        del loaded
        new = load_model(
            replace(spec, model=str(folder), adapter=None), staged(0.6, 0.4), cancelled
        )
        parts = _probe(new)
        difference = float((parts - probe).abs().max() / probe.abs().max())
        if not difference <= TOLERANCE[new.dtype]:
            raise ModelError(
                f"the merged model does not answer as {adapter} over {base}: logits part by "
                f"{difference:.2g} of the largest, at most {TOLERANCE[new.dtype]} is rounding",
                hint="nothing was written; --dtype fp32 rounds less",
                kind="merge_differs",
            )
        note |= {"identity": new.identity, "difference": difference}
        (folder / NOTE).write_text(json.dumps(note, indent=2, sort_keys=True), encoding="utf-8")
    return note


def _kept_dtype(path: Path) -> str:
    """The dtype that most of a checkpoint's bytes are in."""
    types = tensor_types(path)
    most = max(types, key=lambda name: types[name])
    if most not in _NAMES:
        raise ModelError(
            f"the weights in {path} are {most}, which cannot be merged into",
            hint="give the checkpoint in full precision that they were made of",
            kind="unsupported",
        )
    return _NAMES[most]


def _facts(loaded: LoadedModel, dtype: str) -> dict[str, Any]:
    from sessions.ids import now
    from sessions.version import wb_version

    active = _mergeable(loaded, into_folder=True)
    return {
        "v": 1,
        "made": now(),
        "wb": wb_version(),
        "dtype": dtype,
        "base": loaded.spec.model,
        "revision": loaded.spec.revision,
        "base_identity": model_identity(loaded.path, None, "none", loaded.dtype),
        "adapter": str(active.path),
        "adapter_kind": active.kind,
        "head": list(active.head.labels) if active.head is not None else [],
        "with_adapter_identity": loaded.identity,
    }


def _write(loaded: LoadedModel, folder: Path) -> None:
    """Merge for good and save; what was tied and is no longer is said to be apart."""
    active = _mergeable(loaded, into_folder=True)
    with _still():
        whole = active.kind == HEAD_ALONE
        model = active.model if whole else active.model.merge_and_unload(safe_merge=True)
    for name in active.marks:
        vars(model).pop(name, None)
    tied = getattr(model.config, "tie_word_embeddings", False)
    inner, outer = model.get_input_embeddings(), model.get_output_embeddings()
    if tied and outer is not None and inner.weight is not outer.weight:
        for config in {id(c): c for c in (model.config, model.config.get_text_config())}.values():
            config.tie_word_embeddings = False
    with quiet():
        model.save_pretrained(str(folder), safe_serialization=True)
    if active.head is not None:
        write_head(active.head, folder)
    for file in folder.glob("*.safetensors"):  # which are written for their owner alone
        shutil.copymode(folder / "config.json", file)


def copy_rest(path: Path, folder: Path) -> None:
    """The base's own tokenizer, processor and templates, byte for byte."""
    weights = {file.name for file in check_weights(path, "model")}
    for file in sorted(path.iterdir()):
        skip = file.name in weights or file.name.endswith((".safetensors", ".index.json"))
        # A head was trained over the weights before: it is not of the new ones.
        skip = skip or file.name == HEAD_CONFIG
        if is_of_model(file) and not skip and not (folder / file.name).exists():
            shutil.copyfile(file, folder / file.name)


@torch.no_grad()
def _probe(loaded: LoadedModel) -> torch.Tensor:
    """(V,) float32 logits after a prompt with a picture: every layer takes part in them."""
    from PIL import Image

    picture = Image.linear_gradient("L").resize((96, 64)).convert("RGB")
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    question = Message("user", (ImageRef(data=buffer.getvalue()), "What is in the picture?"))
    batch = loaded.family.encode(loaded, [(question,)])
    return loaded.model(**batch.inputs).logits[0, -1].float().cpu()

"""BERTScore by the `bert-score` package, with a model from a folder or the hub's cache.

Guarantee: no network; without a model the metric is undefined with the reason, never 0. F1 of
Zhang et al. (2020), without idf weights and without rescaling, the best of the references as
`bert_score` takes it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.evaluation.metrics.text.scored import Scored, averaged, without_value

NAME = "bertscore_f1"
DEFAULT_MODEL = "roberta-large"


def bertscore(
    answers: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    model: str = "",
    layer: int | None = None,
    batch_size: int = 32,
    device: str = "cpu",
) -> Scored:
    """Mean BERTScore F1; an empty answer scores 0, as in `bert_score`.

    Args:
        answers: One text each, raw.
        references: All references of each, at least one.
        model: A folder, or a hub id that is in the cache; empty: `roberta-large`.
        layer: Which hidden layer is compared; the one that `bert_score` tuned for a model that it
            knows, else the last.
        batch_size: Texts at once.
        device: Where the model runs.
    """
    wanted = model or DEFAULT_MODEL
    definition = f"mean F1 of bert-score with {Path(wanted).name}, no idf, not rescaled"
    folder = _folder(wanted)
    if folder is None:
        return without_value(NAME, definition, f"the model {wanted} is neither a folder nor cached")
    from bert_score.utils import model2layers

    config = _config(folder)
    chosen = layer or model2layers.get(wanted) or _layers(config)
    if reason := _unusable(folder, config, chosen):
        return without_value(NAME, definition, reason)
    definition += f", layer {chosen}"
    scores = [0.0] * len(answers)
    # What is empty scores 0 there too, by a method that newer tokenizers have not.
    pairs = [
        (place, answer, kept)
        for place, (answer, refs) in enumerate(zip(answers, references, strict=True))
        if answer.strip() and (kept := [ref for ref in refs if ref.strip()])
    ]
    if pairs:
        try:
            found = _scored(folder, config, chosen, pairs, batch_size, device)
        except Exception as error:  # the answers and the other figures of the run stand
            reason = f"bert-score failed: {type(error).__name__}: {error}"
            return without_value(NAME, definition, reason, len(answers))
        for (place, _, _), score in zip(pairs, found, strict=True):
            scores[place] = score
    return averaged(NAME, definition, scores)


def _scored(
    folder: Path,
    config: dict[str, Any],
    layer: int,
    pairs: Sequence[tuple[int, str, list[str]]],
    batch_size: int,
    device: str,
) -> list[float]:
    """F1 of each pair, none of whose texts is empty."""
    from bert_score import BERTScorer

    scorer = BERTScorer(
        model_type=str(folder), num_layers=layer, batch_size=batch_size, device=device
    )
    # A tokenizer that names no limit says 1e30, which overflows where bert_score truncates by it.
    most = config.get("max_position_embeddings")
    tokenizer = scorer._tokenizer
    tokenizer.model_max_length = min(tokenizer.model_max_length, most or 512)
    found: Any = scorer.score([answer for _, answer, _ in pairs], [refs for _, _, refs in pairs])
    return found[2].tolist()


def _folder(model: str) -> Path | None:
    """Where a model lies; `None` where it is not at hand."""
    if (Path(model).expanduser() / "config.json").is_file():
        return Path(model).expanduser()
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError):
        return None


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def _layers(config: dict[str, Any]) -> int:
    found = config.get("num_hidden_layers") or config.get("n_layer") or config.get("num_layers")
    return found if isinstance(found, int) else 0


def _unusable(folder: Path, config: dict[str, Any], layer: int) -> str:
    """Why the model cannot be used; empty where it can."""
    if not layer:
        return f"{folder}/config.json says no number of layers"
    if not any(folder.glob("*.safetensors")):
        return f"{folder} has no safetensors, and pickled weights are not read"
    # bert_score chooses T5's class by these letters anywhere in the path, and would leave the
    # weights of another model random without a word.
    if "t5" in str(folder) and "t5" not in str(config.get("model_type")):
        return f"bert-score takes a path with 't5' in it for a T5 model: rename {folder}"
    return ""

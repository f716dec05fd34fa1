"""Repositories of the hub whose columns are known: nothing needs to be said to add them."""

from __future__ import annotations

from typing import Any

CIFAR10 = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)

KNOWN: dict[str, dict[str, Any]] = {
    "pingzhili/nlvr2": {
        "id": "identifier",
        "texts": {"sentence": "sentence"},
        "label": "label",
        "labels": ["True", "False", "true=True", "false=False"],
        "image": ["image0", "image1"],
        "task": "statement",
        "description": "NLVR2: is a sentence true of a pair of photographs?",
        "licence": "CC-BY-4.0 (annotations; the photographs are their owners')",
    },
    "uoft-cs/cifar10": {
        # The files have no id: a sample is known by its number in the split, the same number
        # that the binary batches and tables of captions count by.
        "id": "row",
        "texts": {},
        "label": "label",
        "labels": [f"{number}={word}" for number, word in enumerate(CIFAR10)],
        "task": "classification",
        "description": "CIFAR-10: 32x32 pictures of ten kinds of things.",
        "licence": "unknown (Krizhevsky 2009)",
    },
    "Dec2Enc/e-snli-ve": {
        "id": "pairID",
        "texts": {"hypothesis": "hypothesis"},
        "label": "label",
        "labels": ["0=contradiction", "1=neutral", "2=entailment"],
        "image": ["image"],
        "task": "entailment",
        "description": "e-SNLI-VE: does a photograph entail a hypothesis?",
        "licence": "see SNLI-VE and Flickr30k",
    },
}

# Layout -> the repository that holds it, where there is one whose columns are known.
REPOS = {
    "nlvr2": "pingzhili/nlvr2",
    "cifar10": "uoft-cs/cifar10",
    "esnlive": "Dec2Enc/e-snli-ve",
}

"""From a raw answer to (label or unparsed, explanation): a small grammar, written down.

The rule, in order:

1. Markup, quotations, `<think>` blocks and list letters are set aside (`parse_marks`).
2. Where an answer marks its last word (`<answer>`, `\\boxed{}`, "Final answer:", "Overall:",
   "Answer:"), what stands before it is reasoning (`parse_final`).
3. The template's words are read, and what they plainly mean (`parse_terms`): True under a yes/no
   template, "is entailed" under `entails`. No other synonyms, no other languages.
4. The rest is sentences and clauses; a clause makes a *claim* where a label word opens it or is
   said of the statement, and none where it only mentions one (`parse_claims`, `parse_verdict`).
5. A claim affirms or denies: "isn't true" denies true, "contains no offensive content" offensive.
   Two negations in one claim ("not not hateful") are no claim.
6. Hedges, conditions, degrees, parts, questions, and what others say make no claim.
7. One label affirmed, and not denied: that one. Nothing affirmed and all but one denied: the one
   that is left. Else unparsed; an answer is never guessed.

Letters of options whose texts are known have a reading of their own: `parse_options`.

Not for open answers' scoring: without labels the first line is the answer as it stands, and
`workbench.evaluation.metrics.of_run` normalises it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workbench.prompts.parse_claims import ClaimReader
from workbench.prompts.parse_final import last_words
from workbench.prompts.parse_marks import THINK, blank, normal
from workbench.prompts.parse_options import is_options, read_option
from workbench.prompts.parse_reason import reason_of
from workbench.prompts.parse_terms import terms

# Raised when the same answer is read differently; runs keep it beside their answers.
VERSION = 2


@dataclass(frozen=True)
class Parsed:
    """What an answer says.

    Attributes:
        label: In the dataset's spelling, or the open answer; `None` is "unparsed".
        explanation: What is left of the answer beside the verdict; may be empty.
    """

    label: str | None
    explanation: str = ""


def parse_answer(text: str, labels: Mapping[str, str] | Sequence[str] = ()) -> Parsed:
    """Read an answer strictly; see the module's rule.

    Args:
        text: As the model wrote it.
        labels: Answer word -> label, as `Template.words` gives, or the label words themselves.
            Empty: the answer is open and its first line is the label.
    """
    words = dict(labels) if isinstance(labels, Mapping) else {w: w for w in labels}
    base = normal(text)
    if not words:
        return _open_answer(base)
    if is_options(words):
        return Parsed(*read_option(blank(THINK, base), words))
    known = terms(words)
    readers = (ClaimReader(said, words, known) for said in [*last_words(blank(THINK, base)), base])
    reader = next((reader for reader in readers if reader.names_a_label()), None)
    decision = reader.decide() if reader is not None else None
    if decision is None:
        return Parsed(None, base.strip())
    why = reason_of(base, decision.start, decision.end, alone=decision.alone)
    return Parsed(decision.label, why)


def _open_answer(text: str) -> Parsed:
    text = blank(THINK, text).strip()
    text = re.sub(r"^(?:(?:short |final )?answer|a)\s*:\s*", "", text, flags=re.I)
    first, _, rest = text.partition("\n")
    first = re.sub(r"[*_`#]{1,3}", "", first).strip().strip("\"'\u201c\u201d\u2018\u2019").strip()
    first = first.rstrip(".!;,").strip()
    return Parsed(first or None, rest.strip())

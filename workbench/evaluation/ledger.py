"""The modality ledger: of a run's right answers, how many need the image, the text, both.

An answer that is right needs the image and the text where it is wrong without either; the text
alone is enough where it stays right without the image, the image alone where it stays right
without the text, and neither is needed where each alone is enough. A control is right by luck too:
beside each share stands what it would be if the controls' answers had nothing to do with the
sample (the same answers, dealt out at random).

Guarantee: standard library only; samples that failed in the run or in a control are left out and
counted; of captions and open data there is no ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sessions.clusters import clusters_of
from sessions.compare import accuracy, compare_predictions, proportion
from sessions.errors import RecordError
from sessions.estimate import Estimate
from sessions.verdict import is_judged, is_right
from workbench.evaluation.variants import variants_of

if TYPE_CHECKING:
    from sessions.runs import Run

Line = Mapping[str, Any]
TEXT = ("text-only", "blank")
"""The controls that leave the text alone, the better one first."""
IMAGE = "image-only"
PARTS: tuple[str, ...] = ("image and text", "text alone", "image alone", "neither")


@dataclass(frozen=True)
class LedgerLine:
    """One line of the ledger.

    Attributes:
        name: Of `PARTS`.
        count: Right answers.
        share: Of all right ones.
        luck: The share to be expected of controls that know nothing of the sample.
    """

    name: str
    count: int
    share: Estimate
    luck: float | None


@dataclass(frozen=True)
class Control:
    """How a control did, over the samples that it shares with the run.

    Attributes:
        name: Of the control.
        run: Its run's id.
        accuracy: Its own.
        difference: Less the run's, with the p-value of the paired test.
    """

    name: str
    run: str
    accuracy: Estimate
    difference: Estimate


@dataclass(frozen=True)
class Ledger:
    """What a run's score is made of.

    Attributes:
        accuracy: The run's, over the samples that it shares with both controls.
        parts: Empty where one of the two controls is missing.
        controls: All there are.
        text: The control that left the text alone; empty where there is none.
        left_out: Samples that failed somewhere, or that a control lacks.
        missing: The controls that a ledger still wants.
        commonest: The share of the commonest label: what a model that says it always gets.
    """

    accuracy: Estimate
    parts: tuple[LedgerLine, ...]
    controls: tuple[Control, ...]
    text: str
    left_out: int
    missing: tuple[str, ...]
    commonest: Estimate

    def to_json(self) -> dict[str, Any]:
        """As `wb runs ledger --json` prints it."""
        return {
            "samples": self.accuracy.n,
            "accuracy": self.accuracy.to_json(),
            "commonest_label": self.commonest.to_json(),
            "parts": {
                part.name: {**part.share.to_json(), "count": part.count, "luck": part.luck}
                for part in self.parts
            },
            "controls": {
                control.name: {
                    "run": control.run,
                    "accuracy": control.accuracy.to_json(),
                    "difference": control.difference.to_json(),
                }
                for control in self.controls
            },
            "text_control": self.text or None,
            "left_out": self.left_out,
            "missing": list(self.missing),
        }


def ledger_of_run(run: Run, runs: Iterable[Run] | None = None) -> Ledger | None:
    """The ledger of a run and the controls that it has, `None` where it has none.

    Raises:
        RecordError: Nothing says what is right.
    """
    found = variants_of(run, runs)
    controls = {name: found[name] for name in (*TEXT, IMAGE, "shuffled") if name in found}
    return ledger(run.predictions(), controls) if controls else None


def ledger(lines: Iterable[Line], controls: Mapping[str, Run]) -> Ledger:
    """The ledger of a run.

    Args:
        lines: Of its `predictions.jsonl`.
        controls: Name -> the run of a control.

    Raises:
        RecordError: No sample of it can be right or wrong.
    """
    own = {str(line["uid"]): line for line in lines if is_judged(line)}
    if not own:
        raise RecordError(
            "nothing says which answers are right: a ledger wants labels",
            hint="captions have none",
            kind="no_ledger",
        )
    said = {name: run.predictions() for name, run in controls.items()}
    text = next((name for name in TEXT if name in controls), "")
    missing = ([] if text else [TEXT[0]]) + ([] if IMAGE in controls else [IMAGE])
    by_uid = {
        name: {str(line["uid"]): line for line in said[name] if not line.get("error")}
        for name in ([] if missing else [text, IMAGE])
    }
    shared = [
        uid
        for uid in sorted(own)
        if not own[uid].get("error") and all(uid in each for each in by_uid.values())
    ]
    chosen = [own[uid] for uid in shared]
    parts = () if missing else _parts(chosen, by_uid[text], by_uid[IMAGE])
    told = []
    for name, run in controls.items():
        paired = compare_predictions(own.values(), said[name])
        told.append(Control(name, run.id, paired.second, paired.difference))
    return Ledger(
        accuracy(chosen),
        parts,
        tuple(told),
        text,
        len(own) - len(shared),
        tuple(missing),
        _commonest(chosen),
    )


def _parts(
    chosen: Sequence[Line], text: Mapping[str, Line], image: Mapping[str, Line]
) -> tuple[LedgerLine, ...]:
    right = [line for line in chosen if is_right(line)]
    clusters = clusters_of(right)
    alone = [(is_right(text[line["uid"]]), is_right(image[line["uid"]])) for line in right]
    wanted = ((False, False), (True, False), (False, True), (True, True))
    by_text, by_image = (_luck(right, chosen, each) for each in (text, image))
    out = []
    for name, cell in zip(PARTS, wanted, strict=True):
        luck = None
        if by_text is not None and by_image is not None:
            luck = abs(1 - cell[0] - by_text) * abs(1 - cell[1] - by_image)
        share = proportion([each == cell for each in alone], clusters)
        out.append(LedgerLine(name, alone.count(cell), share, luck))
    return tuple(out)


def _luck(
    right: Sequence[Line], chosen: Sequence[Line], control: Mapping[str, Line]
) -> float | None:
    """How often a control would be right on `right` if its answers were dealt out at random."""
    if not right:
        return None
    said = Counter(str(control[line["uid"]].get("label")) for line in chosen)
    hits = sum(said[str(line["target"])] for line in right)
    return hits / len(right) / len(chosen)


def _commonest(chosen: Sequence[Line]) -> Estimate:
    targets = Counter(str(line["target"]) for line in chosen)
    if not targets:
        return proportion([])
    best = max(sorted(targets), key=lambda label: targets[label])
    return proportion([str(line["target"]) == best for line in chosen], clusters_of(chosen))

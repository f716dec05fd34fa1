"""What is to be rated, and in which order: answers of some runs, blind to the model.

Guarantee: an item says neither its run nor its model; the order is shuffled over the runs by a
seed, and depends on nothing else, so that rating goes on where it was left, and two raters with one
seed see the same. Not for keeping ratings: `sessions.ratings` does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sessions.errors import WbError
from sessions.ids import now
from sessions.ratings import DEFAULT_SCALE, Rating, answer_digest, rate, ratings_of
from sessions.runs import Run
from workbench.errors import UnknownName, UsageError
from workbench.sample import Sample


@dataclass(frozen=True)
class RatingItem:
    """One answer to be rated.

    Attributes:
        name: What it is called where nobody shall see its run: ten hex digits.
        run: Whose answer it is; not to be shown.
        uid: Of the sample.
        answer: The whole text.
        rating: What the rater said of this very text; `None` where nothing yet.
    """

    name: str
    run: str
    uid: str
    answer: str
    rating: Rating | None = None

    @property
    def done(self) -> bool:
        """Whether it was rated or skipped."""
        return self.rating is not None


@dataclass(frozen=True)
class RatingQueue:
    """The answers of some runs as a rater meets them.

    Attributes:
        rater: Who.
        scale: A name of `sessions.ratings.SCALES`.
        seed: Of the draw and of the order.
        items: In that order, rated ones included.
    """

    rater: str
    scale: str
    seed: int
    items: tuple[RatingItem, ...]

    @property
    def rated(self) -> int:
        """How many have been rated or skipped."""
        return sum(item.done for item in self.items)

    @property
    def pending(self) -> int | None:
        """The place of the first that has not; `None` where all have."""
        return next((n for n, item in enumerate(self.items) if not item.done), None)

    def find(self, name: str) -> RatingItem:
        """An item by its name. Raises `UnknownName`."""
        for item in self.items:
            if item.name == name:
                return item
        raise UnknownName(f"no item is called {name!r}", hint="see: wb runs rate RUN --json")

    def having(
        self, item: RatingItem, value: int | None, *, skipped: bool = False, note: str = ""
    ) -> tuple[RatingQueue, Rating]:
        """The queue after a rating, and the rating, which is yet to be kept."""
        rating = Rating(
            run=item.run,
            uid=item.uid,
            rater=self.rater,
            scale=self.scale,
            value=value,
            skipped=skipped,
            answer=answer_digest(item.answer),
            note=note,
        )
        held = rating if value is not None or skipped else None
        items = tuple(
            replace(one, rating=held) if one.name == item.name else one for one in self.items
        )
        return replace(self, items=items), rating

    def say(
        self, item: RatingItem, value: int | None, *, skipped: bool = False, note: str = ""
    ) -> RatingQueue:
        """Keep what the rater said of an item; without a value it is taken back, or skipped.

        Raises:
            RecordError: The value is none of the scale, or the file cannot be written.
        """
        queue, rating = self.having(item, value, skipped=skipped, note=note)
        rate(rating)
        return queue

    def take_back(self, item: RatingItem | None = None) -> tuple[RatingQueue, RatingItem, Rating]:
        """Take back the rater's newest rating, whatever its scale; of one item, or of any.

        Returns:
            The queue after it, the item as it was, and the rating that no longer holds.

        Raises:
            UsageError: There is none.
            RecordError: The file cannot be written.
        """
        items = {(one.run, one.uid): one for one in ((item,) if item else self.items)}
        for rating in reversed(ratings_of(self.rater)[0]):
            found = items.get((rating.run, rating.uid))
            if found is None or rating.answer not in ("", answer_digest(found.answer)):
                continue
            rate(replace(rating, value=None, skipped=False, note="", ts=now()))
            if rating.scale != self.scale:
                return self, found, rating
            queue, _ = self.having(found, None)
            return queue, found, rating
        of = f"item {item.name}" if item else "these answers"
        raise UsageError(
            f"{self.rater} has no rating of {of} to take back",
            hint=f"see: wb runs ratings --rater {self.rater}",
        )


def rating_queue(
    runs: Sequence[Run],
    rater: str,
    *,
    scale: str = DEFAULT_SCALE,
    seed: int = 0,
    limit: int = 0,
) -> RatingQueue:
    """The answers of some runs, shuffled.

    Args:
        runs: Evaluations; an answer that failed is left out.
        rater: Who rates, to know what was rated before.
        scale: A name of `sessions.ratings.SCALES`.
        seed: Of the draw and of the order.
        limit: So many samples, drawn of those that all runs have answered; 0 for all.

    Raises:
        UsageError: A run is no evaluation, or there is nothing to rate.
        RecordError: The rater's name cannot be, or predictions cannot be read.
    """
    answers: dict[str, dict[str, str]] = {}
    for run in runs:
        if run.kind != "eval" or not run.config:
            raise UsageError(f"run {run.id} is no evaluation", hint="see: wb runs list --kind eval")
        for line in run.predictions():
            if not line.get("error") and str(line.get("text") or "").strip():
                answers.setdefault(str(line["uid"]), {})[run.id] = str(line["text"])
    if limit:
        ids = {run.id for run in runs}
        shared = [uid for uid, by in answers.items() if by.keys() == ids] or list(answers)
        shared.sort(key=lambda uid: _digest(f"{seed} {uid}"))
        answers = {uid: answers[uid] for uid in shared[:limit]}
    if not answers:
        raise UsageError("these runs have no answer that could be rated")
    held = {rating.key: rating for rating in ratings_of(rater)[0]}
    items = []
    for uid, by_run in answers.items():
        for run_id, text in by_run.items():
            rating = held.get((run_id, uid, scale))
            if rating is not None and rating.answer not in ("", answer_digest(text)):
                rating = None  # it was of another text
            name = _digest(f"{run_id} {uid} {answer_digest(text)}")[:10]
            items.append(RatingItem(name, run_id, uid, text, rating))
    items.sort(key=lambda item: _digest(f"{seed} {item.name}"))
    return RatingQueue(rater, scale, seed, tuple(items))


def asked_of(uid: str) -> tuple[Sample | None, str]:
    """The sample that was asked about, or why it is not at hand."""
    from workbench.data.source import get_sample

    try:
        return get_sample(uid), ""
    except (WbError, OSError, ValueError) as error:
        return None, error.message if isinstance(error, WbError) else str(error)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

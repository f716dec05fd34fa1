"""Which samples a training could not use: kept in its run, and told.

Guarantee: `left_out.json` in the run's folder names each of them with the reason, and a resumed
training knows those of the stretches before. Not for deciding it: see `training.collate`.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from sessions.atomic import read_json, write_json

_MOST = 5  # UIDs in a note; the file has all


class LeftOut:
    """The samples that the collators of a training refused.

    Attributes:
        of: Which data -> UID -> why; the collators' own, and so it grows as they work.
    """

    def __init__(self, folder: Path, of: dict[str, dict[str, str]]) -> None:
        """Take up what an earlier stretch kept in `folder`."""
        self._path, self.of = folder / "left_out.json", of
        kept = (read_json(self._path) or {}).get("of")
        self._written = 0
        for name, found in (kept if isinstance(kept, dict) else {}).items():
            if name in of and isinstance(found, dict):
                of[name].update({str(uid): str(why) for uid, why in found.items()})
        self._written = self.count

    @property
    def count(self) -> int:
        """How many in all."""
        return sum(map(len, self.of.values()))

    def keep(self) -> None:
        """Write them down where there are more than before."""
        if self.count != self._written:
            write_json(self._path, {"v": 1, "of": self.of})
            self._written = self.count

    def notes(self) -> list[str]:
        """A line for each data that lost some."""
        return [_note(name, found) for name, found in self.of.items() if found]


def _note(name: str, found: dict[str, str]) -> str:
    reasons = Counter(why.partition(":")[0][:80] for why in found.values())
    said = ", ".join(f"{n} {reason}" for reason, n in reasons.most_common(3))
    first = ", ".join(list(found)[:_MOST])
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    samples = "sample was" if len(found) == 1 else "samples were"
    return f"{name}: {len(found)} {samples} left out ({said}): {first}{more}"

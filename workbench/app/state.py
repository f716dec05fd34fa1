"""What the bench restores next time: place, dataset, position, filter, knobs, heat settings.

Guarantee: saved atomically as `$WB_HOME/bench.json`; a missing, damaged or newer file is no
error, the bench then opens as on the first day. It holds conveniences only; nothing that somebody
would miss belongs here (bookmarks are in the UID cache, answers in the session log).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

VERSION = 1


@dataclass
class BenchState:
    """The restored state.

    Attributes:
        theme: Of a file that an older version wrote; now it is a setting.
        hints_dismissed: The first-run hints were closed for good.
        places: One dict of JSON values per place; each screen reads and writes its own.
    """

    theme: str = ""
    hints_dismissed: bool = False
    places: dict[str, dict[str, Any]] = field(default_factory=dict)

    def place(self, name: str) -> dict[str, Any]:
        """The part of one place, to read and to write in."""
        return self.places.setdefault(name, {})

    @classmethod
    def load(cls) -> BenchState:
        """The saved state, or a fresh one where there is none that can be read."""
        from sessions.json_line import load_json
        from sessions.paths import home
        from sessions.plain_files import read_text

        try:
            raw = load_json(read_text(home() / "bench.json"))
        except (OSError, ValueError):
            return cls()
        if not isinstance(raw, dict) or raw.get("v") != VERSION:
            return cls()
        places = raw.get("places")
        return cls(
            theme=str(raw.get("theme") or ""),
            hints_dismissed=raw.get("hints_dismissed") is True,
            places={
                str(name): dict(part)
                for name, part in (places.items() if isinstance(places, dict) else ())
                if isinstance(part, dict)
            },
        )

    def text(self) -> str:
        """The state as the file holds it."""
        return json.dumps({"v": VERSION} | asdict(self), ensure_ascii=False, indent=1)

    @staticmethod
    def write(text: str) -> None:
        """Replace the file. Raises `RecordError` or `OSError` where it cannot be written."""
        from sessions.atomic import atomic_write
        from sessions.paths import home

        atomic_write(home() / "bench.json", text)

    def save(self) -> None:
        """Write the state as it is. Raises as `write`."""
        self.write(self.text())

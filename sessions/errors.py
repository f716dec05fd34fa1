"""The root of every error that `wb` raises on purpose.

It lives in the lowest room of the house so that all others can raise it. An error says what
failed, what was received and what to do next; a traceback is for bugs only.
"""

from __future__ import annotations

from sessions.redact import without_secrets


class WbError(Exception):
    """Something that the user can act on.

    Attributes:
        message: What failed, with the value that was received.
        hint: What to do next; may be empty.
        kind: A stable machine-readable word (`unknown_dataset`, `bad_image`, ...).
        exit_code: What a command exits with: 1 failed at work, 2 wrong usage.
        about: The option to change, as it is typed (`--image-root`), or the argument (`NAME`);
            empty if it is no single one. Forms mark its field.
    """

    kind = "error"
    exit_code = 1

    def __init__(
        self, message: str, *, hint: str = "", kind: str | None = None, about: str = ""
    ) -> None:
        # It is shown, logged and recorded: a URL in it loses its password.
        message, hint = without_secrets(message), without_secrets(hint)
        super().__init__(message)
        self.message = message
        self.hint, self.about = hint, about
        if kind is not None:
            self.kind = kind
        if hint:
            self.add_note(hint)  # a traceback, in a notebook say, ends with it

    def to_json(self) -> dict[str, dict[str, str]]:
        """The form that `--json` prints and that a failed record holds; `about` if it has one."""
        about = {"about": self.about} if self.about else {}
        return {"error": {"kind": self.kind, "message": self.message, "hint": self.hint, **about}}


class RecordError(WbError):
    """The record on disk cannot be read or written: full, read-only, damaged, without locks."""

    kind = "record"


class NoSuchRecord(RecordError):
    """A session, run, job or bookmark of that name does not exist, or several fit."""

    kind = "unknown_name"
    exit_code = 2


class BadUid(WbError):
    """A string is not a UID of the form `dataset/split/native-id`."""

    kind = "bad_uid"
    exit_code = 2

"""The errors of the core; each says what failed, what was received and what to do next."""

from __future__ import annotations

from sessions.errors import WbError


class UsageError(WbError):
    """The user asked for something that cannot be meant: an unknown name, a contradictory knob."""

    kind = "usage"
    exit_code = 2


class UnknownName(UsageError):
    """A dataset, split, model, template or run of that name does not exist."""

    kind = "unknown_name"


class DataError(WbError):
    """A dataset cannot be read: a missing file or column, a wrong encoding, a duplicate id."""

    kind = "bad_data"


class NoSuchFile(DataError):
    """A file or a folder that the user named does not exist."""

    kind = "unknown_name"
    exit_code = 2


class NoSuchColumn(DataError):
    """A column that the user named is not in the table."""

    kind = "missing_column"
    exit_code = 2


class ImageError(DataError):
    """One image cannot be used: missing, truncated, empty, too large, of an unknown format."""

    kind = "bad_image"


class ModelError(WbError):
    """A model or an adapter cannot be loaded or run."""

    kind = "bad_model"


class PluginError(WbError):
    """Something that another package adds to `wb` cannot be used."""

    kind = "bad_plugin"


class PromptTooLong(ModelError):
    """The prompt and the new tokens do not fit the model's context."""

    kind = "prompt_too_long"


class EngineError(WbError):
    """The engine cannot be reached, has died or refused the request."""

    kind = "engine"


class Cancelled(WbError):
    """The user cancelled it; not a failure, but work stops here."""

    kind = "cancelled"

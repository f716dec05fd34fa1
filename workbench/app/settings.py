"""The settings as the bench reads them: a bad value is told, and the bench opens all the same."""

from __future__ import annotations

from workbench.config import Settings, load_settings

__all__ = ["Settings", "read_settings"]


def read_settings() -> Settings:
    """Read the settings and hand on what low rooms read in the environment.

    What is wrong stands in `.problems`, the default in its place: a typing error in a file must
    not keep the bench shut.
    """
    settings = load_settings(strict=False)
    settings.export()
    return settings

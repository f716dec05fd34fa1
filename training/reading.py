"""Samples as a training reads them: one that cannot be had now is never taken for a bad one.

A sample that is left out changes what is learned and every step after it. That is right of a sample
that is broken, and stays so; a hub that is silent for a minute must end the training, which then
goes on from its last checkpoint as if nothing had been.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import DataError

if TYPE_CHECKING:
    from workbench.data.source import Source
    from workbench.sample import Sample


class Unreached(DataError):
    """A sample could not be had, which says nothing of the sample."""

    kind = "unreached"


def refuse_unreached(sample: Sample) -> None:
    """Raise `Unreached` where a sample is out of reach."""
    if sample.unreached:
        raise Unreached(
            f"{sample.uid} cannot be had now: {sample.error}",
            hint="nothing is left out for it: train, or go on with --resume, when it can be had",
        )


def read_sample(source: Source, ordinal: int) -> Sample:
    """A whole sample.

    Raises:
        Unreached: It cannot be had now.
        DataError: It is broken.
    """
    sample = source.at(ordinal)
    refuse_unreached(sample)
    if sample.error:
        raise DataError(sample.error, kind="bad_sample")
    return sample

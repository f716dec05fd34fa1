"""One thing that can be chosen in a picker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.models.offers import Offer
    from workbench.models.spec import ModelSpec


@dataclass(frozen=True)
class Choice:
    """One thing that can be chosen.

    Attributes:
        title: Its name.
        about: A sentence, or a preview.
        value: What the modal returns for it.
        problem: Why it would fail; it is marked and can be taken all the same.
        under: What belongs to it and is folded below it.
    """

    title: str
    about: str
    value: Any
    problem: str = ""
    under: tuple[Choice, ...] = ()


def offered(offer: Offer, value: Callable[[ModelSpec], Any], *, adapter: bool = False) -> Choice:
    """A model or an adapter as a choice.

    Args:
        offer: Of the core.
        value: What the picker returns for it.
        adapter: Name the adapter alone.
    """
    from workbench.models.names import adapter_name, spec_name

    spec = offer.spec
    title = adapter_name(spec.adapter or "") if adapter else spec_name(spec)
    under = tuple(offered(one, value, adapter=adapter) for one in offer.under)
    return Choice(title, offer.about, value(spec), offer.problem, under)

"""A key that does not apply now says why, in a line, wherever it is bound.

What has such keys has `why_not(action) -> str`, which is empty where the key applies; its
`check_action` keeps them out of the footer. A key, a click and the palette all come through here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from textual.dom import DOMNode

if TYPE_CHECKING:
    from workbench.app.services import Services


def say_why_not(
    app: Services, action: Any, node: DOMNode | None, namespaces: Mapping[str, DOMNode] | None
) -> bool:
    """Whether an action does not apply; it is said then, once while the line stands."""
    target, name, _ = app._parse_action(action, node or app, namespaces)
    ask = getattr(target, "why_not", None)
    why = ask(name) if ask is not None else ""
    if not why or another_applies(target, name):
        return False
    standing = app.status_line.standing
    if standing is None or standing.words != why:
        app.notify(why, severity="warning", timeout=4, markup=False)
    return True


def another_applies(node: DOMNode, name: str) -> bool:
    """Whether another action of a node has the same id and applies now: pause, and go on."""
    all_of_them = [binding for _, binding in node._bindings]
    ids = {one.id for one in all_of_them if one.action == name and one.id}
    others = (one for one in all_of_them if one.id in ids and one.action != name)
    return any(node.check_action(one.action, ()) for one in others)

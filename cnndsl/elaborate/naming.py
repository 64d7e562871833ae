"""Names of what stands in a net: items in scopes, the running indices they get, and the copies that are one."""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING

from cnndsl.graph import MODULE_NAMES

if TYPE_CHECKING:
    from cnndsl.elaborate.trace import Draft


class Item:
    """Something named in a scope: a layer (with its draft) or a scope of its own (with items)."""

    __slots__ = ("alias", "base", "block", "draft", "items", "name", "parent")

    def __init__(self, base: str, parent: Item | None, block: str | None = None) -> None:
        self.base, self.parent, self.block = base, parent, block
        self.items: list[Item] = []
        self.draft: Draft | None = None
        self.alias: Item | None = None
        self.name = base

    def path(self) -> str:
        """The dotted path from the root, which has no name itself."""
        item: Item = self
        parts: list[str] = []
        while True:
            while item.alias is not None:
                item = item.alias
            if item.parent is None:
                return ".".join(reversed(parts))
            parts.append(item.name)
            item = item.parent


def bump(name: str) -> str:
    digits = len(name) - len(name.rstrip("0123456789"))
    return f"{name[: len(name) - digits]}{int(name[len(name) - digits :]) + 1}" if digits else f"{name}2"


def origin(item: Item) -> Item:
    while item.alias is not None:
        item = item.alias
    return item


def same(one: Item, other: Item) -> bool:
    """Whether two items are equal in everything but the inputs."""
    if one.base != other.base or one.block != other.block or len(one.items) != len(other.items):
        return False
    if one.draft is not None and other.draft is not None:
        return one.draft.op == other.draft.op
    pairs = zip(one.items, other.items, strict=True)
    return one.draft is other.draft and all(same(a, b) for a, b in pairs)


def alias(one: Item, other: Item) -> None:
    other.alias = one
    for a, b in zip(one.items, other.items, strict=True):
        alias(a, b)


def settle_names(root: Item) -> None:
    """Numbers the items of every scope that holds several of one name, from 1 in order."""
    pending = [root]
    while pending:
        scope = pending.pop()
        items = [item for item in scope.items if item.alias is None]
        totals: dict[str, int] = {}
        for item in items:
            totals[item.base] = totals.get(item.base, 0) + 1
        alone = {base for base, total in totals.items() if total == 1 and not _needs_index(base)}
        taken = set(alone)
        counts: dict[str, int] = {}
        for item in items:
            if item.base in alone:
                item.name = item.base
                continue
            number = counts.get(item.base, 0) + 1
            while f"{item.base}{number}" in taken:
                number += 1
            counts[item.base] = number
            item.name = f"{item.base}{number}"
            taken.add(item.name)
        pending.extend(item for item in items if item.items)


def _needs_index(name: str) -> bool:
    return name in MODULE_NAMES or keyword.iskeyword(name) or name.startswith("_")

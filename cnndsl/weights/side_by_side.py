"""The diagnostic of a checkpoint that does not fit: both sides, layer by layer, from the first difference on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from difflib import SequenceMatcher

from cnndsl.diagnostic import Diagnostic, Help, Label
from cnndsl.graph import Graph
from cnndsl.weights.checkpoint import Checkpoint
from cnndsl.weights.order import natural
from cnndsl.weights.unit import Side, Unit

MOST_ROWS = 24
Row = tuple[str, Unit | None, Unit | None]


def misfit(graph: Graph, net: Side, checkpoint: Checkpoint) -> Diagnostic:
    """E0603, with the layers of both sides beside each other; it points at the first layer of the spec that has no partner."""
    rows = list(_rows(net, checkpoint))
    unlike = [place for place, (mark, _, _) in enumerate(rows) if mark != " "]
    left = [mine for mark, mine, _ in rows if mark != " " and mine is not None]
    over = [theirs for mark, _, theirs in rows if mark != " " and theirs is not None]
    turned = sorted(unit.signature for unit in left) == sorted(unit.signature for unit in over)
    labels = [Label(unit.node.span, "no weights fit this layer") for unit in left[:1] if unit.node and unit.node.span]
    if not turned:
        message = f"{checkpoint.origin} does not fit {graph.name}: {_count(left)} of the net without weights, {_count(over)} of the checkpoint left over"
    else:
        message = f"{checkpoint.origin} does not fit {graph.name}: the same layers, in an order that the net's flow does not allow"
    return Diagnostic(
        "E0603",
        message,
        labels=tuple(labels),
        table=tuple(_table(graph, rows, unlike)),
        helps=tuple(_helps(left, over)),
    )


def _count(units: list[Unit]) -> str:
    return f"{len(units)} layer{'s' * (len(units) != 1)}"


def _rows(net: Side, checkpoint: Checkpoint) -> Iterator[Row]:
    """The layers of the net beside those of the checkpoint; a mark says which have no partner.

    By name where the names agree; else the first of a signature beside the first of that signature, and what is left beside what is most
    alike. Where nothing is left it is the order that differs: then both sides stand in theirs.
    """
    ours, theirs = list(net.units), list(checkpoint.units)
    if not checkpoint.ordered:
        theirs.sort(key=lambda unit: natural(unit.name))
    named = {unit.name for unit in ours} & {unit.name for unit in theirs}
    by_name = len(named) * 2 > len(theirs)
    waiting: dict[object, deque[Unit]] = {}
    for unit in theirs:
        waiting.setdefault((unit.name in named and by_name and unit.name, unit.signature), deque()).append(unit)
    partners = []
    for unit in ours:
        queue = waiting.get((unit.name in named and by_name and unit.name, unit.signature))
        partners.append(queue.popleft() if queue else None)
    left = [unit for queue in waiting.values() for unit in queue]
    if None not in partners and not left:
        yield from _in_order(ours, theirs)
        return
    for unit, partner in zip(ours, partners, strict=True):
        other = partner if partner is not None else next((k for k in left if _alike(unit, k)), None)
        if partner is None and other is not None:
            left.remove(other)
        yield "!" if partner is None else " ", unit, other
    yield from (("!", None, unit) for unit in theirs if unit in left)


def _alike(mine: Unit, theirs: Unit) -> bool:
    """Whether two units that do not fit are of one kind, or bear one name."""
    return mine.name == theirs.name or [role for role, _ in mine.signature] == [role for role, _ in theirs.signature]


def _in_order(ours: list[Unit], theirs: list[Unit]) -> Iterator[Row]:
    blocks = SequenceMatcher(None, [u.signature for u in ours], [u.signature for u in theirs], autojunk=False)
    for tag, a, b, c, d in blocks.get_opcodes():
        mark = " " if tag == "equal" else "!"
        for k in range(max(b - a, d - c)):
            yield mark, ours[a + k] if a + k < b else None, theirs[c + k] if c + k < d else None


def _table(graph: Graph, rows: list[Row], unlike: list[int]) -> Iterator[str]:
    """The rows around the first differences, as text in two columns."""
    first = unlike[0] if unlike else 0
    shown = rows[max(0, first - 2) :][:MOST_ROWS]
    cells = [(mark, _cell(mine), _cell(theirs)) for mark, mine, theirs in shown]
    width = max([len(graph.name), *(len(mine) for _, mine, _ in cells)])
    yield f"  {graph.name:<{width}} | the checkpoint"
    if first > 2:
        yield f"  {f'... {first - 2} that agree':<{width}} |"
    for mark, mine, theirs in cells:
        yield f"{mark} {mine:<{width}} | {theirs}".rstrip()
    rest = len(rows) - max(0, first - 2) - len(shown)
    if rest > 0:
        yield f"  {f'... {rest} more rows':<{width}} |"


def _cell(unit: Unit | None) -> str:
    text = "-" if unit is None else str(unit)
    return text if len(text) <= 76 else f"{text[:73]}..."


def _helps(left: list[Unit], over: list[Unit]) -> Iterator[Help]:
    """Advice where the difference has a well-known cause."""
    if len(left) == 1 and len(over) == 1 and left[0].wild == over[0].wild:
        classes = over[0].signature[0][1][0]
        yield Help(
            f"the checkpoint has {classes} classes: `classes={classes}` takes them, another `classes=` leaves the last layer fresh"
        )
    if not over and left and all(unit.node is not None and not unit.node.aux for unit in left):
        yield Help(
            "the file may be cut off, or hold only the layers before the classifier: `classes=N` leaves that one fresh"
        )

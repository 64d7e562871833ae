"""How numbers are shown: tables as data, a function per kind of table, and `show`, which prints one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from cnndsl.dims import at_hand
from cnndsl.op import Shape, show_shape
from cnndsl.report import FLOAT_BYTES, Numbers, Report, Row

MACS = "MACs (FLOPs = 2 x MACs)"
FIELDS = ("receptive field", "stride", "offset")


@dataclass(frozen=True, slots=True)
class Column:
    """A column's head, and whether it holds numbers."""

    head: str
    number: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A row of cells. `style` is rich's: `bold`, `dim`."""

    cells: tuple[str, ...]
    style: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """What a table says. `totals` stand under a rule, `notes` under the table."""

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    title: str = ""
    totals: tuple[Line, ...] = ()
    notes: tuple[str, ...] = field(default=())


def show(table: Table, stream: IO[str], color: bool) -> None:
    """Prints a table: on a terminal with rich, which keeps to its width; elsewhere plain and whole, which is quicker."""
    if stream.isatty():
        _show_rich(table, stream, color)
    else:
        stream.writelines(f"{line}\n" for line in plain(table))


def plain(table: Table) -> Iterator[str]:
    """The lines of a table as wide as its widest cells."""
    heads = tuple(column.head for column in table.columns)
    grid = (heads, *(line.cells for line in (*table.lines, *table.totals)))
    widths = [max(len(cells[i]) for cells in grid) for i in range(len(heads))]

    def text(cells: tuple[str, ...]) -> str:
        parts = zip(table.columns, cells, widths, strict=True)
        return "  ".join(f"{cell:>{n}}" if column.number else f"{cell:<{n}}" for column, cell, n in parts).rstrip()

    rule = "  ".join("-" * width for width in widths)
    yield from (table.title, "") if table.title else ()
    yield from (text(heads), rule)
    yield from (text(line.cells) for line in table.lines)
    yield from (rule, *(text(line.cells) for line in table.totals)) if table.totals else ()
    yield from table.notes


def _show_rich(table: Table, stream: IO[str], color: bool) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    console = Console(
        file=stream,
        no_color=not color,
        highlight=False,
        color_system="standard" if color else None,
        force_terminal=color,
    )
    grid = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in table.columns:
        grid.add_column(Text(column.head), justify="right" if column.number else "left", overflow="fold")
    for number, line in enumerate((*table.lines, *table.totals), start=1):
        grid.add_row(*(Text(cell) for cell in line.cells), style=line.style, end_section=number == len(table.lines))
    if table.title:
        console.print(Text(table.title, style="bold"))
    console.print(grid)
    for note in table.notes:
        console.print(Text(note, style="dim"))


# --- the tables --------------------------------------------------------------------------------------------------


def summary_table(report: Report, depth: int | None = None) -> Table:
    """A line per layer under the blocks it stands in; with `depth`, deeper blocks are one line each.

    Receptive fields, where the report has them, come in three more columns, a checkpoint's layers in one.
    """
    fields = [Column(head, True) for head in FIELDS] if any(row.field for row in report.rows) else []
    sources = [Column("weights from")] if any(row.weights for row in report.rows) else []
    columns = (
        Column("path"),
        Column("op"),
        Column("output"),
        Column("params", True),
        Column(MACS, True),
        Column("activations", True),
        Column("memory (fp32)", True),
        *fields,
        *sources,
    )
    rows = report.folded(depth)
    folded = {id(row) for row in rows}
    at = report.at
    lines = tuple(_summary_line(row, id(row) not in folded, at, bool(sources)) for row in report.heads(rows))
    blank, aux = ("",) * len(fields + sources), report.inference.here() != report.total.here()
    totals = [_total_line("total" + " in training" * aux + at, report.total.here(), blank)]
    if aux:
        totals.append(_total_line("total at inference" + at, report.inference.here(), blank))
    notes = [f"weights {show_bytes((report.total.params + report.untrained) * FLOAT_BYTES)}"]
    if report.untrained:
        notes[0] += f" with {report.untrained:,} numbers that do not train (running statistics, fixed weights)"
    stored = at_hand(report.stored_activations)
    in_place = f"{stored:,} ({show_bytes(stored * FLOAT_BYTES)}){at}"
    notes.append(f"activations of one image; {in_place} at inference if activation functions and dropout work in place")
    if at:
        notes.append(f"MACs = {report.total.macs}")
        notes.append(f"activations = {report.total.activations}, of 4 bytes each")
        notes.extend(f"accepts {box}" for box in report.accepted)
    if len(report.flows) > 1:
        notes.append(f"formulas are for {report.flows[0][1][0]}")
    if fields:
        notes.append(
            f"receptive fields{at} in positions of the input, not cut off at its borders; `all`: the whole input"
        )
    return Table(columns, lines, f"{report.net}  {_flows(report)}", tuple(totals), tuple(notes))


def _summary_line(row: Row, opens: bool, at: str, sources: bool) -> Line:
    """A layer or a folded block with its numbers; a block that opens has none, its layers do. `at`: the reference of open sizes."""
    path = "  " * row.depth + row.path
    op = f"{row.op}  ({row.note})" if row.note else row.op
    field = (*(row.field.cells() if row.field else ()), *([row.weights] if sources else []))
    if opens:
        return Line((path, op, show_shape(row.shape), "", "", "", "", *field), "bold")
    return Line((path, op, show_shape(row.shape), *_numbers(row.numbers, at), *field), "dim" if row.aux else "")


def _total_line(head: str, numbers: Numbers, blank: tuple[str, ...]) -> Line:
    return Line((head, "", "", *_numbers(numbers), *blank), "bold")


WIDEST = 44
"""A formula longer than this is left to the notes: its cell has the number at the reference size."""


def _numbers(numbers: Numbers, at: str = "") -> tuple[str, str, str, str]:
    plain = numbers.here()
    pairs = ((count, "params"), (count, "macs"), (count, "activations"), (show_bytes, "memory"))
    cells = [(show(getattr(numbers, name)), show(getattr(plain, name))) for show, name in pairs]
    params, macs, activations, memory = (text if len(text) <= WIDEST else short + at for text, short in cells)
    return params, macs, activations, memory


def nets_table(nets: Sequence[Mapping[str, Any]]) -> Table:
    """A line per net: name, title, year, input, params, MACs, from the entries of `cnndsl list --json`."""
    columns = (
        Column("net"),
        Column("title"),
        Column("year", True),
        Column("input"),
        Column("params", True),
        Column(MACS, True),
    )
    lines = tuple(
        Line(
            (
                net["net"],
                str(net["title"] or ""),
                str(net["year"] or ""),
                ", ".join(map(show_volume, net["inputs"].values())),
                count(net["params"]),
                count(net["macs"]),
            )
        )
        for net in nets
    )
    notes = tuple(
        f"{net['net']} without auxiliary outputs: {net['inference_params']:,} params, {net['inference_macs']:,} MACs"
        for net in nets
        if net["inference_params"] != net["params"]
    )
    return Table(columns, lines, notes=notes)


def codes_table(titles: Mapping[str, str]) -> Table:
    """A line per code of a diagnostic."""
    return Table((Column("code"), Column("what is wrong")), tuple(Line(pair) for pair in titles.items()))


def brief(report: Report) -> tuple[tuple[str, str], ...]:
    """A net's shapes and numbers in a few named lines."""
    aux, at = report.inference != report.total, report.at
    lines = [("input", _named_shapes(report.inputs)), ("output", _named_shapes(report.outputs))]
    lines.extend(("accepts" if place == 0 else "", box) for place, box in enumerate(report.accepted))
    if report.aux_outputs:
        lines.append(("in training", _named_shapes(report.aux_outputs)))
    total, inference = report.total.here(), report.inference.here()
    params, macs = f"{total.params:,}", f"{total.macs:,}{at}"
    lines.append(("params", params + f" ({inference.params:,} without auxiliary outputs)" * aux))
    lines.append(("MACs", macs + f" ({inference.macs:,} without auxiliary outputs)" * aux))
    if at:
        lines.append(("", f"= {report.total.macs}"))
    lines.append(("FLOPs", f"{total.flops:,}{at} (2 x MACs)"))
    lines.append(("activations", f"{inference.activations:,}{at} ({show_bytes(inference.memory)} in fp32)"))
    if at:
        lines.append(("", f"= {report.inference.activations}"))
    return tuple(lines)


def one_line(report: Report) -> str:
    """`resnet50  [3, 224, 224] -> [1000]  25,557,032 params  4,089,184,256 MACs (8,178,368,512 FLOPs)`.

    With open sizes more lines: what is accepted, the last maps before a classifier, MACs as a formula.
    """
    numbers, at = report.total.here(), report.at
    sums = f"{numbers.params:,} params  {numbers.macs:,} MACs ({numbers.flops:,} FLOPs){at}"
    head = f"{report.net}  {_flows(report)}  {sums}"
    if not at:
        return head
    boxes = [f"    {'or     ' if place else 'accepts'} {box}" for place, box in enumerate(report.accepted)]
    flows = (
        [f"    gives   {text} for {' or '.join(boxes)}" for text, boxes in report.flows]
        if len(report.flows) > 1
        else []
    )
    features = [f"    maps    {show_shape(report.features.shape)} at {report.features.path}"] if report.features else []
    return "\n".join([head, *boxes, *flows, *features, f"    MACs    {report.total.macs}"])


# --- how values are spelled --------------------------------------------------------------------------------------


def count(number: int) -> str:
    """With thousands separators; nothing for 0."""
    return f"{number:,}" if number else ""


def show_bytes(number: int) -> str:
    """`12.3 MB`: powers of 1000, as the unit says."""
    if type(number) is not int:  # a formula in the sizes that are left open
        return f"{number} B"
    size = float(number)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000:
            return f"{number} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} PB"


def show_volume(shape: Sequence[int]) -> str:
    """`3x224x224`, as a spec's `input` writes it."""
    return "x".join(map(str, shape))


def _named_shapes(shapes: Iterable[tuple[str, Shape]]) -> str:
    return ", ".join(f"{name} {show_shape(shape)}" for name, shape in shapes)


def _flows(report: Report) -> str:
    inputs, outputs = (", ".join(show_shape(shape) for _, shape in ends) for ends in (report.inputs, report.outputs))
    return f"{inputs} -> {outputs}"

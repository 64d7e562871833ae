"""Arguments and options of the command line: specs and their completion, `--set`, `--input`, `--json`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import Any

import click
from click.shell_completion import CompletionItem

INPUT = re.compile(r"([A-Za-z_]\w*=)?([1-9]\d*|[1-9]\d*x([1-9]\d*|[A-Za-z])x([1-9]\d*|[A-Za-z]))")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean ...?`, or nothing where no known name is near."""
    near = get_close_matches(name.lower(), list(known), n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(f'`{other}`' for other in near)}?" if near else ""


def print_version(ctx: click.Context, param: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from cnndsl import __version__

        click.echo(f"cnndsl {__version__}")
        ctx.exit()


def complete_spec(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Shipped nets, and files."""
    from cnndsl.shipped import shipped_nets

    nets = [CompletionItem(name) for name in shipped_nets() if name.startswith(incomplete)]
    return [*nets, CompletionItem(incomplete, type="file")]


def complete_op(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ops that a spec can call."""
    return [CompletionItem(op.name) for op in written_ops() if op.name.startswith(incomplete)]


def read_settings(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, Any]:
    """`--set name=value ...` as parameters of the net."""
    settings: dict[str, Any] = {}
    for value in values:
        name, equals, text = (part.strip() for part in value.partition("="))
        if not equals or not name.isidentifier() or not text:
            raise click.BadParameter(f"{value!r} is no setting; write name=value, as in classes=10", ctx, param)
        settings[name] = read_value(text)
    return settings


def read_inputs(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    """`--input 3x224x224 ...`, checked for their form."""
    for value in values:
        if not INPUT.fullmatch(value.strip()):
            message = (
                f"{value!r} is no input; write channels x height x width, as in 3x224x224, or 3xHxW to leave sizes open"
            )
            raise click.BadParameter(message, ctx, param)
    return tuple(value.strip() for value in values)


def read_at(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...]:
    """`--at 224` or `--at 224x320`: sizes in the order of the letters."""
    if value is None:
        return ()
    parts = value.strip().split("x")
    if not all(part.isascii() and part.isdigit() and 0 < int(part) < 2**31 for part in parts):
        raise click.BadParameter(f"{value!r} is no size; write 224, or height x width as in 224x320", ctx, param)
    return tuple(map(int, parts))


def read_value(text: str) -> int | float | bool | str:
    """A parameter's value: a number, true or false, else the text as it is (a window, a block's name)."""
    if text in ("true", "false"):
        return text == "true"
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


spec_argument = click.argument("spec", shell_complete=complete_spec)
specs_argument = click.argument("specs", nargs=-1, required=True, metavar="SPEC...", shell_complete=complete_spec)
op_argument = click.argument("name", required=False, metavar="[NAME]", shell_complete=complete_op)
at_option = click.option(
    "--at", metavar="SIZE", callback=read_at, help="Evaluate the formulas of open sizes, as in 224 or 224x320."
)
weights_option = click.option(
    "--weights",
    metavar="FILE",
    help="A checkpoint that has to fit: torch's, safetensors, .keras, .weights.h5. With --set the last layer may stay fresh.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")


def spec_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--set` and `--input`, which every verb that builds a net takes."""
    setting = click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="NAME=VALUE",
        callback=read_settings,
        help="A parameter of the net, as in classes=10. Repeatable.",
    )
    shape = click.option(
        "--input",
        "inputs",
        multiple=True,
        metavar="CxHxW",
        callback=read_inputs,
        help="Another input size; letters leave it open, as in 3xHxW; name=CxHxW, repeated, for several inputs.",
    )
    return setting(shape(command))


def written_ops() -> list[Any]:
    """The ops a spec can call, sorted by family and name."""
    import cnndsl.ops  # noqa: F401 - fills OPS
    from cnndsl.op import OPS

    return sorted((op for op in OPS.values() if op.written), key=lambda op: (op.family, op.name))

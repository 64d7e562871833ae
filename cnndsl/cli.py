"""The command line: a verb calls one phase and prints what it gave.

Exit codes: 0, 1 for a spec's errors or a failure outside of it, 2 for wrong usage, 130 for Ctrl-C. Phases are imported inside
the verbs: start-up is part of what a user waits for. Longer than 300 lines because all verbs stand here, help texts and all.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from cnndsl.arguments import (
    at_option,
    did_you_mean,
    json_option,
    op_argument,
    print_version,
    spec_argument,
    spec_options,
    specs_argument,
    weights_option,
    written_ops,
)
from cnndsl.diagnostic import SpecError
from cnndsl.request import build, checked, entry, failure, fitted, limits, write_weights
from cnndsl.terminal import (
    Failure,
    complain,
    print_diagnostics,
    print_json,
    print_pairs,
    print_table,
    wants_color,
    write,
)

FILES = (".svg", ".png", ".pdf", ".dot")
INTERRUPTED = 130
BUG = 70


class Verbs(click.Group):
    """Commands in the order of this file; a misspelt one gets the nearest known."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise click.UsageError(f"there is no command `{args[0]}`{did_you_mean(args[0], self.commands)}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="""\b
Examples:
  cnndsl compile googlenet                     PyTorch source in googlenet.py
  cnndsl check my.cnn                          every net of a file
  cnndsl summary resnet50 --depth 1            a line per stage
  cnndsl draw specs/unet.cnn -o unet.svg
  cnndsl compile specs/resnet.cnn:resnet18 --set classes=10 --input 3x64x64
\b
A SPEC is a path, file.cnn:net, the name of a net that comes with cnndsl (`cnndsl list`), or - for standard input.
Completion in bash: eval "$(_CNNDSL_COMPLETE=bash_source cnndsl)"; zsh and fish alike with zsh_source, fish_source.""",
)
@click.option(
    "-V", "--version", is_flag=True, is_eager=True, expose_value=False, callback=print_version, help="Show the version."
)
def cli() -> None:
    """Compiles convolutional networks, written as in the paper, to PyTorch."""


@cli.command(
    "compile",
    epilog="\b\nExamples:\n  cnndsl compile googlenet\n  cnndsl compile net.cnn:small -o small.py --set classes=10\n"
    "  cnndsl compile resnet50 --weights resnet50.pth     resnet50.py, and resnet50.safetensors for its load_state_dict",
)
@spec_argument
@click.option("-o", "--output", help="The file to write, - for standard output.  [default: NAME.py]")
@weights_option
@spec_options
@json_option
def compile_(spec: str, output: str | None, weights: str | None, settings: Any, inputs: Any, as_json: bool) -> None:
    """Check a spec and write it as stand-alone PyTorch source; with --weights also its weights, as safetensors."""
    from cnndsl.emit import emit
    from cnndsl.report import report
    from cnndsl.table import brief

    graph = build(spec, settings, inputs)
    source = emit(graph)
    target = output or f"{graph.name}.py"
    if weights and target == "-":
        raise click.UsageError("--weights writes a file beside the source: give -o a name")
    found, arrays = fitted(graph, weights, settings), Path(target).with_suffix(".safetensors")
    if found is not None:
        write_weights(graph, found, arrays)
    if target == "-":
        click.echo(source, nl=False)
    else:
        write(Path(target), source.encode())
    stream = sys.stderr if target == "-" else sys.stdout
    if as_json:
        print_json({**entry(graph, found), "source": target}, stream)
        return
    click.echo(f"{graph.name}  {graph.file}".rstrip(), file=stream)
    written = [("source", f"{target} ({len(source.splitlines())} lines)")]
    written += [("weights", f"{arrays} ({found})")] if found else []
    print_pairs((*brief(report(graph)), *written), stream)


@cli.command(
    epilog="\b\nExamples:\n  cnndsl check specs/*.cnn\n  cnndsl check specs/unet.cnn --input 3x64x64\n  cnndsl check vgg16 --json\n"
    "  cnndsl check resnet50 --input 3xHxW          the sizes it accepts; --why says what keeps out the others\n"
    "  cnndsl check resnet50 --weights resnet50.pth whether a checkpoint fits"
)
@specs_argument
@click.option("--why", is_flag=True, help="With sizes left open: what keeps sizes out, place by place.")
@weights_option
@spec_options
@json_option
def check(specs: tuple[str, ...], why: bool, weights: str | None, settings: Any, inputs: Any, as_json: bool) -> None:
    """Check nets, a line for each; a file means all its nets. With sizes left open, also which sizes they accept."""
    from cnndsl.report import report
    from cnndsl.table import one_line

    entries: list[dict[str, Any]] = []
    failed = False
    for spec in specs:
        text = sys.stdin.read() if spec == "-" else spec
        graphs, error = checked(text, settings, inputs)
        errors = [error] if error is not None else []
        for graph in graphs:
            told = limits(text, graph, settings, inputs) if why else ()
            try:
                fit = fitted(graph, weights, settings)
            except SpecError as misfit:
                errors.append(misfit)
                continue
            entries.append(entry(graph, fit) | ({"limits": [found.to_json() for found in told]} if why else {}))
            if not as_json:
                click.echo(one_line(report(graph)) + (f"\n    weights {fit}" if fit else ""))
                for found in told:
                    click.echo(f"\n{found.render(wants_color(sys.stdout))}")
        for error in errors:
            failed = True
            entries.append(failure(spec, error))
            if not as_json:
                print_diagnostics(error)
    if as_json:
        print_json(entries)
    if failed:
        raise click.exceptions.Exit(1)


@cli.command(
    epilog="\b\nExamples:\n  cnndsl summary vgg16\n  cnndsl summary googlenet --depth 1 --receptive\n  cnndsl summary resnet50 --json"
)
@spec_argument
@click.option("--depth", type=click.IntRange(min=1), help="Fold blocks below this many levels into a line each.")
@click.option("--receptive", is_flag=True, help="Add receptive field, effective stride and padding offset.")
@at_option
@weights_option
@spec_options
@json_option
def summary(
    spec: str,
    depth: int | None,
    receptive: bool,
    at: Any,
    weights: str | None,
    settings: Any,
    inputs: Any,
    as_json: bool,
) -> None:
    """Print a row per layer: shape, params, MACs, activations, memory; as formulas where sizes are left open.

    With --weights also the checkpoint's layer that fits.
    """
    from cnndsl.receptive import receptive as fields_of
    from cnndsl.report import report
    from cnndsl.table import summary_table

    graph = build(spec, settings, inputs, at)
    fit = fitted(graph, weights, settings)
    numbers = report(graph, fields_of(graph) if receptive or as_json else (), fit.layers if fit else {})
    if as_json:
        print_json(numbers.to_json(depth))
    else:
        print_table(summary_table(numbers, depth))
        if fit:
            click.echo(f"weights: {fit}")


@cli.command(
    epilog="\b\nExamples:\n  cnndsl draw googlenet\n  cnndsl draw resnet50 -o resnet50.png --across\n  cnndsl draw net.cnn -o -"
)
@spec_argument
@click.option(
    "-o", "--output", help="A .svg, .png, .pdf or .dot file, - for DOT on standard output.  [default: NAME.svg]"
)
@click.option("--every-copy", is_flag=True, help="Draw each copy of a repeated block, not one of them.")
@click.option("--across", is_flag=True, help="From left to right instead of from top to bottom.")
@at_option
@spec_options
def draw(spec: str, output: str | None, every_copy: bool, across: bool, at: Any, settings: Any, inputs: Any) -> None:
    """Draw a net: blocks as clusters, shapes on the arrows."""
    from cnndsl.draw import draw as drawing
    from cnndsl.render import RenderError, render

    suffix = ".dot" if output == "-" else Path(output or ".svg").suffix.lower() if output else ".svg"
    if suffix not in FILES:
        raise click.BadParameter(f"{output!r} does not end in {', '.join(FILES[:-1])} or {FILES[-1]}", param_hint="-o")
    graph = build(spec, settings, inputs, at)
    dot = drawing(graph, fold=not every_copy, across=across)
    if output == "-":
        click.echo(dot, nl=False)
        return
    try:
        picture = render(dot, suffix[1:])
    except RenderError as error:
        raise Failure(str(error)) from None
    path = Path(output or f"{graph.name}.svg")
    write(path, picture)
    click.echo(f"{graph.name} drawn in {path}")


@cli.command("list", epilog="\b\nExamples:\n  cnndsl list\n  cnndsl list --json")
@json_option
def list_(as_json: bool) -> None:
    """List the nets that come with cnndsl."""
    from cnndsl.shipped import shipped_nets
    from cnndsl.table import nets_table

    nets = []
    for name in shipped_nets():
        graph = build(name)
        about = dict(graph.about)
        facts = {key: about.get(key) for key in ("title", "year", "paper")}
        inference = {"inference_params": graph.inference_params, "inference_macs": graph.inference_macs}
        nets.append({**entry(graph), **inference, **facts})
    if as_json:
        print_json(nets)
    else:
        print_table(nets_table(nets))


@cli.command(epilog="\b\nExamples:\n  cnndsl ops\n  cnndsl ops conv\n  cnndsl ops conv --json")
@op_argument
@json_option
def ops(name: str | None, as_json: bool) -> None:
    """Print the reference of the ops, or of one."""
    from cnndsl import reference

    known = {op.name: op for op in written_ops()}
    if name is not None and name not in known:
        raise click.UsageError(f"there is no op `{name}`{did_you_mean(name, known)}")
    if as_json:
        print_json([reference.op_json(op) for op in known.values()] if name is None else reference.op_json(known[name]))
    elif name is None:
        print_table(reference.ops_table(list(known.values())))
    else:
        click.echo(reference.doc(known[name]) + "\n")
        for table in (reference.attributes_table(known[name]), reference.examples_table(known[name])):
            if table.lines:
                print_table(table)
                click.echo()


@cli.command(epilog="\b\nExamples:\n  cnndsl explain E0302\n  cnndsl explain")
@click.argument("code", required=False, metavar="[CODE]")
@json_option
def explain(code: str | None, as_json: bool) -> None:
    """Explain the code of a diagnostic, or list all of them."""
    from cnndsl.codes import CODES
    from cnndsl.table import codes_table

    if code is not None and code.upper() not in CODES:
        raise click.UsageError(
            f"there is no code `{code}`{did_you_mean(code.upper(), CODES)}; `cnndsl explain` lists all"
        )
    chosen = CODES if code is None else {code.upper(): CODES[code.upper()]}
    if as_json:
        print_json(
            [{"code": key, "title": value.title, "explanation": value.explanation} for key, value in chosen.items()]
        )
    elif code is None:
        print_table(codes_table({key: value.title for key, value in chosen.items()}))
    else:
        for key, value in chosen.items():
            click.echo(f"{key}: {value.title}\n\n{value.explanation}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line and returns its exit code; nothing a user does ends in a traceback."""
    args = list(sys.argv[1:] if arguments is None else arguments)
    try:
        result = cli.main(args, prog_name="cnndsl", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except SpecError as error:
        if "--json" in args:
            print_json(failure(next((a for a in args[1:] if a == "-" or not a.startswith("-")), ""), error))
        else:
            print_diagnostics(error)
        return 1
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor may the flush at exit fail
        return 1
    except ModuleNotFoundError as error:
        complain(f"the package `{error.name}` is missing: install it with `pip install {error.name}`")
        return 1
    except Exception as error:
        if os.environ.get("CNNDSL_TRACEBACK"):
            raise
        complain(f"a bug of cnndsl: {type(error).__name__}: {error} (CNNDSL_TRACEBACK=1 shows where)")
        return BUG


def run() -> None:
    """The console script."""
    sys.exit(main())

"""Files and the names in them: reads specs, follows imports, and says which blocks and nets a file holds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cnndsl import syntax
from cnndsl.diagnostic import Diagnostic, Edit, Help, Label, SpecError
from cnndsl.names import COMBINATORS, SHORTCUTS, did_you_mean, flags, layer_names, unknown_layers
from cnndsl.op import OPS
from cnndsl.parse import parse
from cnndsl.source import MAX_BYTES, Source, Span, shipped
from cnndsl.synonyms import LAYERS, nearest
from cnndsl.values import BlockValue

DEEPEST = 50
"""A file imports another, which imports another, so many times."""


@dataclass
class Module:
    """A parsed file with its names resolved."""

    file: syntax.File
    blocks: dict[str, BlockValue] = field(default_factory=dict)
    nets: dict[str, syntax.Net] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)


def read(path: Path) -> Source:
    """The text of a spec. Raises SpecError for a file that is absent, too large, or not UTF-8 text."""
    name = _shown(path)
    try:
        if not path.is_file():
            raise SpecError(
                [Diagnostic("E0503", f"no such file: {name}" if not path.exists() else f"{name} is no file")]
            )
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise SpecError([Diagnostic("E0504", f"{name} has {size:,} bytes; a spec may have {MAX_BYTES:,}")])
        data = path.read_bytes()
    except OSError as error:
        raise SpecError([Diagnostic("E0503", f"cannot read {name}: {error.strerror}")]) from None
    try:
        return Source(name, data.decode("utf-8-sig"), path)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        message = f"{name} is not UTF-8 text: byte 0x{data[error.start]:02x} on line {line}"
        raise SpecError([Diagnostic("E0505", message)]) from None


def _shown(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError, RuntimeError):  # a name that no file can have, a link to itself
        return str(path)


class Workspace:
    """The files of one run. `overrides` are texts that stand in for what is on disk, by resolved path.

    `unknown` are complaints about names of layers that mean nothing wherever they are reached; elaboration says more about
    those that it comes to.
    """

    def __init__(self, overrides: dict[Path, str] | None = None) -> None:
        self.overrides = overrides or {}
        self.modules: dict[Path, Module] = {}
        self.opening: list[Path] = []
        self.diagnostics: list[Diagnostic] = []
        self.unknown: list[Diagnostic] = []

    def module(self, source: Source) -> Module:
        """A source parsed, its imports followed. Complaints go to `diagnostics`."""
        file = parse(source)
        self.diagnostics.extend(file.diagnostics)
        module = Module(file)
        for item in file.imports:
            self.bring(item, module)
        for block in file.blocks:
            self.define(block, module)
        for net in file.nets:
            if net.name in module.nets:
                first = module.nets[net.name].name_span
                self.complain(
                    "E0209", f"two nets are called `{net.name}`", net.name_span, "again here", (first, "first here")
                )
                continue
            module.nets[net.name] = net
            self.check_parameters(net.parameters, net.defaults)
        self.unknown.extend(unknown_layers(file, {*module.blocks, *module.broken}))
        return module

    def complain(
        self,
        code: str,
        message: str,
        span: Span,
        text: str,
        other: tuple[Span, str] | None = None,
        tries: tuple[Help, ...] = (),
    ) -> None:
        labels = (Label(span, text),) + ((Label(*other),) if other else ())
        self.diagnostics.append(Diagnostic(code, message, labels, tries=tries))

    # --- definitions

    def define(self, block: syntax.Block, module: Module) -> None:
        name = block.name
        if name in OPS or name in COMBINATORS or name in SHORTCUTS:
            kind = "layer" if name in OPS and OPS[name].family != "merge" else "combinator"
            like = (
                f"the word `{name}` of `residual`" if name in SHORTCUTS and name not in OPS else f"the {kind} `{name}`"
            )
            self.complain("E0211", f"a block may not be called like {like}", block.name_span, f"`{name}` is taken")
            module.broken.add(name)
            return
        if name in module.blocks:
            imported = [i.span for item in module.file.imports for i in item.names if i.alias == name]
            first = imported[0] if imported else module.blocks[name].block.name_span
            self.complain(
                "E0209", f"two blocks are called `{name}`", block.name_span, "again here", (first, "first here")
            )
            return
        if block.chain is None:  # it does not parse, which was reported
            module.broken.add(name)
            return
        module.blocks[name] = BlockValue(block, module)
        self.check_parameters(block.parameters, (), block.streams)

    def check_parameters(
        self,
        parameters: tuple[syntax.Parameter, ...],
        defaults: tuple[syntax.Default, ...],
        streams: tuple[syntax.Name, ...] = (),
    ) -> None:
        seen: dict[str, Span] = {}
        named: list[syntax.Parameter | syntax.Name] = [*parameters, *streams]
        for item in named:
            span = Span(item.span.source, item.span.start, item.span.start + len(item.name))
            if item.name in flags():
                self.complain(
                    "E0212",
                    f"a parameter may not be called like the flag `{item.name}`",
                    span,
                    "it means something when it stands alone among arguments",
                )
            if item.name in seen:
                first = seen[item.name]
                self.complain(
                    "E0209", f"two parameters are called `{item.name}`", span, "again here", (first, "first here")
                )
            seen.setdefault(item.name, span)
        for default in defaults:
            layer = default.layer
            if layer.name not in OPS or not OPS[layer.name].written:
                tries = did_you_mean(layer.span, layer.name, layer_names(), elsewhere=LAYERS)
                self.complain("E0201", f"there is no layer `{layer.name}`", layer.span, "unknown layer", tries=tries)

    # --- imports

    def bring(self, item: syntax.Import, module: Module) -> None:
        """Adds the names of an import to a module."""
        other = self.open(item, module.file.source)
        for imported in item.names:
            if imported.alias in module.blocks:
                first = next(i.span for it in module.file.imports for i in it.names if i.alias == imported.alias)
                self.complain(
                    "E0209",
                    f"two blocks are called `{imported.alias}`",
                    imported.span,
                    "again here",
                    (first, "first here"),
                )
            elif other is None or imported.name in other.broken:
                module.broken.add(imported.alias)
            elif imported.name in other.blocks:
                module.blocks[imported.alias] = other.blocks[imported.name]
            else:
                module.broken.add(imported.alias)
                if imported.alias == imported.name:  # whoever mistypes a name here may have it right further down
                    module.broken.update(nearest(imported.name, other.blocks))
                name_span = Span(imported.span.source, imported.span.start, imported.span.start + len(imported.name))
                message = f"there is no block `{imported.name}` in {item.path}"
                if imported.name in other.nets:
                    message = f"`{imported.name}` in {item.path} is a net, and only blocks can be imported"
                self.complain(
                    "E0207",
                    message,
                    name_span,
                    "not a block of that file",
                    tries=did_you_mean(name_span, imported.name, other.blocks),
                )

    def open(self, item: syntax.Import, source: Source) -> Module | None:
        """The module an import names: beside its file, then among the shipped specs."""
        folders = ([source.path.parent] if source.path else []) + [shipped("specs")]
        wanted = Path(item.path)
        if wanted.is_absolute() or "\\" in item.path or "\0" in item.path or ".." in wanted.parts:
            self.outside(item)
            return None
        names = [item.path] if item.path.endswith(".cnn") else [item.path, item.path + ".cnn"]
        for folder in folders:
            for name in names:
                try:
                    path = (folder / name).resolve()
                    if not path.is_file():
                        continue
                except (OSError, RuntimeError):
                    continue
                if not path.is_relative_to(folder.resolve()):
                    self.outside(item)
                    return None
                return self.enter(item, path, source)
        beside = [(folder / wanted).parent for folder in folders]
        known = {str(wanted.parent / path.name) for folder in beside for path in folder.glob("*.cnn")}
        near = nearest(item.path, known)
        tries = tuple(Help(f'did you mean "{close}"?', (Edit(item.path_span, f'"{close}"'),)) for close in near)
        where = "not beside this file, nor among the shipped specs"
        self.complain("E0208", f'there is no file "{item.path}"', item.path_span, where, tries=tries)
        return None

    def outside(self, item: syntax.Import) -> None:
        self.complain(
            "E0216",
            "an import may not leave the folder of its file",
            item.path_span,
            "only files beside this one, or shipped specs",
        )

    def enter(self, item: syntax.Import, path: Path, source: Source) -> Module | None:
        circle = [*self.opening, source.path.resolve()] if source.path else list(self.opening)
        if path in circle:
            names = [p.name for p in circle[circle.index(path) :]] + [path.name]
            self.complain(
                "E0215", f"imports go in a circle: {' -> '.join(names)}", item.path_span, "comes back to where it began"
            )
            return None
        if len(circle) > DEEPEST:
            self.complain("E0215", f"imports lead more than {DEEPEST} files deep", item.path_span, "one file too many")
            return None
        if path not in self.modules:
            self.opening = circle
            try:
                text = self.overrides.get(path)
                self.modules[path] = self.module(read(path) if text is None else Source(_shown(path), text, path))
            except SpecError as error:
                self.diagnostics.extend(error.diagnostics)
                return None
            finally:
                self.opening = circle[:-1]
        return self.modules[path]


def select(module: Module, wanted: str | None) -> syntax.Net:
    """The net of a file: the one that is wanted, else the one with the file's name, else the only one. Raises SpecError."""
    source, nets = module.file.source, module.nets
    if wanted is not None:
        if wanted in nets:
            return nets[wanted]
        close = nearest(wanted, nets)
        helps = (Help(f"did you mean `{source.name}:{close[0]}`?"),) if close else ()
        raise SpecError(
            [Diagnostic("E0206", f"there is no net `{wanted}` in {source.name}", notes=(_listing(nets),), helps=helps)]
        )
    stem = re.sub(r"\W", "_", Path(source.name).stem)
    if stem in nets:
        return nets[stem]
    if len(nets) == 1:
        return next(iter(nets.values()))
    if not nets:
        raise SpecError(
            [
                Diagnostic(
                    "E0219",
                    f"{source.name} holds no net",
                    helps=(Help("write `net name { input 3x224x224 ... }`, or a bare `input 3x224x224 ...`"),),
                )
            ]
        )
    example = f"{source.name}:{next(iter(nets))}"
    raise SpecError(
        [
            Diagnostic(
                "E0206",
                f"{source.name} holds several nets",
                notes=(_listing(nets),),
                helps=(Help(f"name one, as in `{example}`"),),
            )
        ]
    )


def _listing(nets: Iterable[str]) -> str:
    names = ", ".join(f"`{name}`" for name in nets)
    return f"it holds {names}" if names else "it holds no net"

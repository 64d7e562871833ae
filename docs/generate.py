"""Writes the generated pages: `python docs/generate.py`.

`docs/errors.md` is made of `cnndsl/codes.py` and `tests/errors`, `docs/ops.md` of the ops themselves, `docs/gallery.md` (in
`gallery.py`) of the shipped specs, `ideas.toml` and what is published about them, `docs/keras_table.md` of `tests/keras_table.py`. It writes `docs/drawings` too (in `drawings.py`).

`tests/test_docs.py` fails where a page differs from what this file gives.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS.parent), str(DOCS.parent / "tests")]

import drawings  # noqa: E402
from catalogue import cases  # noqa: E402
from gallery import gallery  # noqa: E402
from keras_table import page as keras_table  # noqa: E402

import cnndsl.ops  # noqa: E402, F401 - fills OPS
from cnndsl.arguments import written_ops  # noqa: E402
from cnndsl.codes import CODES  # noqa: E402
from cnndsl.op import Op, show_shape  # noqa: E402
from cnndsl.reference import call_syntax, default_text, first_sentence, given  # noqa: E402

WRITTEN = "Written by `python docs/generate.py`; not to be edited."
GROUPS = {
    "1": "Text",
    "2": "Names",
    "3": "Shapes",
    "4": "Arguments and values",
    "5": "Limits and files",
    "6": "Weights",
}
FAMILIES = {
    "conv": "Convolutions",
    "linear": "Fully connected",
    "norm": "Normalisation and scale",
    "pool": "Pools",
    "activation": "Activations",
    "regularize": "Regularisation",
    "reshape": "Shapes, borders, order",
    "merge": "Merges",
}


def errors_page() -> str:
    """Every code: what it means, and a spec with the whole message it gets."""
    lines = ["# Errors", "", WRITTEN, "", *_wrapped(INTRODUCTION), ""]
    for group, codes in groupby(CODES, key=lambda code: code[2]):
        lines += [f"## {GROUPS[group]}", ""]
        for code in codes:
            lines += [f"### {code}: {CODES[code].title}", "", *_explanation(CODES[code].explanation), *_example(code)]
    return "\n".join(lines).rstrip() + "\n"


INTRODUCTION = (
    "A code stands for a kind of mistake: `cnndsl explain E0302` prints what is here. Below each is an example from "
    "`tests/errors`, with all that is said about it. A `help` with a change was made and checked before it is offered."
)


def _explanation(text: str) -> Iterator[str]:
    """The explanation, its wrong and right specs as code."""
    for part in text.split("\n\n"):
        head, _, code = part.partition("\n    ")
        yield from ([head, "", "```", code, "```", ""] if code else [head, ""])


def _example(code: str) -> list[str]:
    """The shortest example of a code in the catalogue."""
    mine = [path for path in cases() if path.name.startswith(code)]
    if not mine:
        return []
    path = min(mine, key=lambda path: (len(path.with_suffix(".txt").read_bytes()), path.name))
    spec = path.read_bytes().decode("utf-8", "replace").rstrip()
    message = path.with_suffix(".txt").read_text(encoding="utf-8").rstrip()
    return [f"`{path.name}`:", "", "```", spec, "```", "", "```text", message, "```", ""]


def _wrapped(text: str, width: int = 140) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return lines


def ops_page() -> str:
    """Every layer: call, docstring, attributes, examples."""
    lines = ["# Layers", "", WRITTEN, "", "`[c, h, w]` are maps, `[n]` is a vector; the batch is left out.", ""]
    ops = written_ops()
    for family, title in FAMILIES.items():
        lines += [f"- {title}: " + ", ".join(f"[`{op.name}`](#{op.name})" for op in ops if op.family == family)]
    for family, title in FAMILIES.items():
        lines += ["", f"## {title}", ""]
        for op in ops:
            if op.family == family:
                lines += _op(op)
    missing = {op.family for op in ops} - set(FAMILIES)
    assert not missing, f"families without a title: {missing}"
    return "\n".join(lines).rstrip() + "\n"


def _op(op: type[Op]) -> Iterator[str]:
    doc = inspect.getdoc(op) or ""
    rest = doc.partition("\n\n")[2]
    yield from (f"### {op.name}", "", first_sentence(op), "", "```", call_syntax(op), "```", "", *rest.split("\n"), "")
    if op.attributes:
        yield from ("| attribute | takes | default | given |", "|---|---|---|---|")
        for name, attribute in op.attributes.items():
            takes = attribute.kind.expected.replace("|", "\\|")
            yield f"| `{name}` | {takes} | {default_text(attribute)} | {given(op, name, attribute)} |"
        yield ""
    if op.examples:
        yield from ("| example | flows in | flows out |", "|---|---|---|")
        for example in op.examples:
            result = f"error: {example.result}" if isinstance(example.result, str) else show_shape(example.result)
            yield f"| `{example.call}` | {', '.join(map(show_shape, example.inputs))} | {result} |"
        yield ""


def gallery_page() -> str:
    """Every shipped net, family by family."""
    return "\n".join(["# Gallery", "", WRITTEN, "", *gallery()]).rstrip() + "\n"


def keras_page() -> str:
    """Keras' applications, counted."""
    return "\n".join(["# The table of Keras' applications", "", WRITTEN, "", *keras_table()]).rstrip() + "\n"


PAGES = {"errors.md": errors_page, "ops.md": ops_page, "gallery.md": gallery_page, "keras_table.md": keras_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8", newline="\n")
        print(f"docs/{name}")
    for path in drawings.refresh():
        print(path.relative_to(DOCS.parent))

"""How a diagnostic is shown: excerpts, several labels, several files, colours, JSON."""

from __future__ import annotations

from cnndsl.diagnostic import Diagnostic, Edit, Help, Label, SpecError
from cnndsl.source import Source, Span

TEXT = "net a {\n  input 3x8x8\n  conv 3 9x9 -> relu\n}\n"


def place(text: str, source: Source) -> Span:
    start = source.text.index(text)
    return Span(source, start, start + len(text))


def test_two_lines_of_one_file() -> None:
    source = Source("a.cnn", TEXT)
    shown = Diagnostic(
        "E0301",
        "a 9x9 window does not fit into 8x8",
        (Label(place("9x9", source), "[3, 8, 8] flows in"), Label(place("3x8x8", source), "from here")),
        trail=(Label(place("conv 3 9x9", source), "`b 1`"),),
        notes=("a note",),
        helps=(Help("write `conv 3 8x8`", (Edit(place("9x9", source), "8x8"),)),),
    ).render()
    assert shown == (
        "error[E0301]: a 9x9 window does not fit into 8x8\n"
        " --> a.cnn:3:10\n"
        "  |\n"
        "2 |   input 3x8x8\n"
        "  |         ----- from here\n"
        "3 |   conv 3 9x9 -> relu\n"
        "  |          ^^^ [3, 8, 8] flows in\n"
        "  = in `b 1`, called at a.cnn:3:3\n"
        "  = note: a note\n"
        "help: write `conv 3 8x8`"
    )


def test_labels_of_one_line_stand_below_one_another() -> None:
    source = Source("a.cnn", "add { conv 3 1x1 | id }")
    labels = (
        Label(place("id", source), "second"),
        Label(place("conv 3 1x1", source), "first"),
        Label(place("add", source), "here"),
    )
    assert Diagnostic("E0302", "no", labels).render().splitlines()[3:] == [
        "1 | add { conv 3 1x1 | id }",
        "  | ---   ----------   ^^ second",
        "  |       first",
        "  | here",
    ]


def test_labels_in_two_files_are_two_excerpts() -> None:
    one, two = Source("a.cnn", "x"), Source("b.cnn", "y")
    shown = Diagnostic("E0209", "twice", (Label(Span(one, 0, 1), "here"), Label(Span(two, 0, 1), "there"))).render()
    assert "--> a.cnn:1:1" in shown and "::: b.cnn:1:1" in shown


def test_a_diagnostic_without_a_place() -> None:
    assert Diagnostic("E0503", "no such file: x").render() == "error[E0503]: no such file: x"


def test_colour_wraps_and_changes_no_text() -> None:
    source = Source("a.cnn", TEXT)
    diagnostic = Diagnostic("E0301", "no", (Label(place("9x9", source), "here"),))
    colored = diagnostic.render(color=True)
    assert "\033[" in colored
    plain = colored
    for code in ("\033[1;31m", "\033[1;34m", "\033[1;32m", "\033[1m", "\033[0m"):
        plain = plain.replace(code, "")
    assert plain == diagnostic.render()


def test_json_places_count_from_one() -> None:
    source = Source("a.cnn", TEXT)
    edit = Edit(place("9x9", source), "3x3")
    data = Diagnostic("E0301", "no", (Label(place("9x9", source), "here"),), helps=(Help("try", (edit,)),)).to_json()
    where = {"file": "a.cnn", "line": 3, "column": 10, "end_line": 3, "end_column": 13}
    assert data["labels"] == [{**where, "text": "here"}]
    assert data["help"] == [{"text": "try", "edits": [{**where, "replacement": "3x3"}]}]


def test_an_error_shows_all_its_diagnostics() -> None:
    error = SpecError([Diagnostic("E0503", "one"), Diagnostic("E0504", "two")])
    assert str(error) == "error[E0503]: one\n\nerror[E0504]: two"

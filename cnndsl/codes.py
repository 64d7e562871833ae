"""Every diagnostic code with what it means and how it is mended: what `cnndsl explain CODE` shows."""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """A code's one-line title, and its explanation with a wrong and a right spec."""

    title: str
    explanation: str


def _code(title: str, explanation: str, wrong: str = "", right: str = "") -> Code:
    text = explanation
    text += f"\n\nWrong:\n    {wrong}" if wrong else ""
    text += f"\n\nRight:\n    {right}" if right else ""
    return Code(title, text)


CODES: dict[str, Code] = {
    # text
    "E0101": _code("a character without meaning", "A spec knows letters, digits and `-> | { } ( ) ; , = @ . + - * / % < > !=` and \"strings\".",
                   "conv 64 [3x3]", "conv 64 3x3"),
    "E0102": _code("a string that is not closed", 'A string begins and ends with `"` on one line.', 'title = "LeNet;', 'title = "LeNet";'),
    "E0103": _code("a number runs into a letter", "A number ends at a space or a sign. Products are written with `*`, and windows whose parts are "
                   "computed take them by name.", "conv 2n 3x3 -> dwconv kxk", "conv (2 * n) 3x3 -> dwconv kernel=k"),
    "E0104": _code("a brace or parenthesis is never closed", "Every `{` needs its `}` and every `(` its `)` before the next `def` or `net`.",
                   "concat { conv 8 1x1 | id", "concat { conv 8 1x1 | id }"),
    "E0105": _code("something else is expected here", "The text does not follow the grammar at this place: docs/language.md has it in full."),
    "E0106": _code("a number is too long", "A number of more than 30 characters is no size of a network."),
    "E0107": _code("nested too deep", "Braces and parentheses nest at most 100 deep. A block (`def`) takes a part out and gives it a name."),
    "E0108": _code("an element is missing", "Between two arrows, and in every path, stands an element. `id` is the one that does nothing.",
                   "conv 8 3x3 -> -> relu", "conv 8 3x3 -> relu"),
    "E0109": _code("text outside of any net", "A file holds imports, blocks, nets, and at its end at most one net without a name."),
    "E0110": _code("arithmetic without parentheses", "Arguments are separated by spaces, so arithmetic in an argument stands in parentheses.",
                   "conv 2*n 3x3", "conv (2 * n) 3x3"),
    "E0111": _code("a reserved word as a name", "The words of the grammar (`if`, `for`, `each`, `in`, `as`, `input` ...) cannot name a block, "
                   "a parameter or a stream."),
    "E0112": _code("a line that stands too late", "In a net, `about`, `default`, `input` and `let` lines come before the chain of layers; in a block, `let` lines do.",
                   "net a { input 3x8x8  relu  let y = relu; }", "net a { input 3x8x8  let y = relu;  @y -> relu }"),
    "E0113": _code("an arrow is missing", "Elements are joined by `->`.", "(conv 8 3x3) relu", "(conv 8 3x3) -> relu"),
    "E0114": _code("a semicolon is missing", "`let` and `default` lines, and the facts of `about`, end with `;`."),
    "E0115": _code("repetition of a call with arguments", "`conv 64 3x3 * 2` could mean two convolutions or a window times 2: a call with arguments "
                   "is repeated in parentheses.", "conv 64 3x3+1 * 2", "(conv 64 3x3+1) * 2"),
    # names
    "E0201": _code("no such layer or block", "What is called is a layer (`cnndsl ops` lists them), a combinator, a block of this file or one that "
                   "is imported, or a parameter that holds one.", "conv 8 3x3 -> rellu", "conv 8 3x3 -> relu"),
    "E0202": _code("no such attribute", "`cnndsl ops NAME` shows the attributes of a layer. They carry torch's names, without `_size`.",
                   "conv 8 3x3 group=2", "conv 8 3x3 groups=2"),
    "E0203": _code("no such stream", "`@x` reads a stream that was named before, by `as x`, `let x = ...;`, `input ... as x`, `on x` or a parameter. "
                   "A name is seen to the end of the braces it stands in, or of the copy of a repetition."),
    "E0204": _code("a name without meaning", "A name where a value stands is a parameter, a loop variable, a flag of the layer, a block, a layer, or `channels`."),
    "E0205": _code("no such function", "Expressions know min, max, ceil, floor, round and divisible."),
    "E0206": _code("which net?", "`file.cnn:net` names a net of a file. Without `:net` it is the one that bears the file's name, else the only one. "
                   "`cnndsl list` shows the nets that ship."),
    "E0207": _code("the imported file has no such block", "Blocks can be imported, nets cannot."),
    "E0208": _code("the imported file is not there", "An import is looked for beside the file that has it, then among the shipped specs, and nowhere else."),
    "E0209": _code("defined twice", "Two blocks, two nets, or two parameters of one block have one name. A net and a block may share theirs."),
    "E0210": _code("a name taken in these braces", "`as` and `let` name a stream to the end of the braces; a second stream there needs another name."),
    "E0211": _code("a block called like a layer", "A block cannot hide a layer or a combinator: a reader would take the one for the other."),
    "E0212": _code("a parameter called like a flag", "`ceil`, `same`, `fixed`, `project` ... mean something when they stand alone among arguments, so they name no parameter."),
    "E0213": _code("no such parameter or input", "The block or net has no parameter of that name.", 'load("resnet50", clases=10)', 'load("resnet50", classes=10)'),
    "E0214": _code("no such size", "A stream has `@x.channels`, `@x.height` and `@x.width`."),
    "E0215": _code("imports in a circle", "A file imports itself, directly or through others. Put what they share into a file of its own."),
    "E0216": _code("an import that leaves its folder", "An import names a file beside the one it stands in, or below it: no `..`, no absolute path, no link out."),
    "E0218": _code("a choice depends on a size that is left open", "`input 3xHxW` leaves the height and width open: one network for all sizes it fits. So its "
                   "layers, their attributes, the shapes of their weights and what its conditions say must be the same for every size. "
                   "With a size in the `input`, `--input 3xHxW` lists the sizes that fit the network of that size.",
                   "input 3xHxW  conv 16 3x3 -> fc 10", "input 3xHxW  conv 16 3x3 -> globalavgpool -> fc 10"),
    "E0219": _code("no net, no input, or no layers", "A net says what flows in (`input 3x224x224`) and what is done with it."),
    "E0220": _code("open sizes that cannot be followed", "Which sizes fit is said for each open letter by itself. Two sizes that are compared have one letter, "
                   "`input 3xHxH`, or two inputs with the same letters. And sizes that fall into thousands of cases are not followed: say one "
                   "of them as a number.", "input 3xHxW as a  input 3xAxB as b  add { @a | @b }", "input 3xHxW as a  input 3xHxW as b  add { @a | @b }"),
    # shapes
    "E0301": _code("a layer cannot take this shape", "The shape that flows in violates the layer's rule: the message says what it expects and where the shape came from.",
                   "input 3x4x4 conv 8 5x5", "input 3x4x4 conv 8 5x5+2"),
    "E0302": _code("streams that meet have different shapes", "`concat` joins maps of one height and width; `add`, `sub`, `mul`, `mean` and `max` take equal shapes, or "
                   "[c], [c, 1, 1], [1, h, w] beside [c, h, w]. The two marked places gave the sizes that disagree.",
                   "concat { conv 8 3x3 | id }", "concat { conv 8 3x3+1 | id }"),
    "E0303": _code("body and shortcut of a residual have different shapes", "Without a word, the shortcut is what flows in. `project` puts a 1x1 convolution and a `bn` there "
                   "where shapes differ, `pad` zeros, `optional` leaves it out. Sizes may differ only by a stride s, with ceil(in / s) = out.",
                   "input 3x8x8 residual { conv 8 3x3+1 }", "input 3x8x8 residual project { conv 8 3x3+1 -> bn }"),
    "E0304": _code("a bundle where one stream is read", "A layer reads one stream. Merge the bundle (`-> concat`, `-> add`), run the layer on each (`each { ... }`), or take the "
                   "bundle apart (`let a, b = ...;`)."),
    "E0305": _code("too few streams to merge", "A merge without paths merges the bundle that flows in: at least two streams."),
    "E0306": _code("a block or layer used in another way than it is made", "`def f on a, b` takes a bundle of exactly two streams; blocks and layers take no braces."),
    "E0307": _code("paths are missing", "A combinator has two paths or more; one alone is allowed if it gives a bundle. `residual` has a body and at most a shortcut, `aux` one path."),
    "E0308": _code("`let` takes a bundle apart into another number", "`let a, b = chain;` needs a chain that gives exactly two streams."),
    "E0309": _code("nothing reads a stream", "What is computed is read by a layer, or flows out of the net. Remove it, or read it with `@name`."),
    "E0310": _code("`@x` after an arrow", "`@x` begins a chain. Behind an arrow it would throw away what flows in.", "conv 8 3x3 -> @x -> relu", "@x -> relu"),
    "E0311": _code("copies that cannot share weights", "`each shared` runs every copy with one set of weights, so each copy has the same layers with weights of the same shapes."),
    "E0312": _code("`unpool` of something else than a maxpool", "`unpool @pool` undoes the maxpool that is labelled `as pool`.",
                   "maxpool 2x2 -> relu as pool -> unpool @pool", "maxpool 2x2 as pool -> relu -> unpool @pool"),
    # arguments and values
    "E0401": _code("an argument is missing", "The layer or block needs a value that has no default."),
    "E0402": _code("one argument too many", "Positional arguments come in the order of the definition, then those by name."),
    "E0403": _code("given twice", "An argument is given once: by position or by name, in the window or beside it. `same` sets the padding itself."),
    "E0404": _code("a value of another kind", "The attribute takes another kind of value: the message says which."),
    "E0405": _code("not a condition", "`if`, `and`, `or` and `not` take true or false. Numbers are compared first: `if n > 0`."),
    "E0406": _code("not a number", "Arithmetic and comparisons of size are done on numbers."),
    "E0407": _code("division by zero", "The divisor of `/`, `//` or `%` is 0 here."),
    "E0408": _code("a number is too large", "No size of a network goes beyond 10 to the 18th."),
    "E0409": _code("a row does not fit its names", "`for (a, b) in (1, 2) (3, 4)`: every row has a value for each name. A range gives single numbers."),
    "E0410": _code("not a number of copies", "`element * n` takes a whole number, 0 or more; 0 copies are `id`."),
    "E0411": _code("a net's parameter has no value", "Give it a default in the spec, or a value: `--set name=value`, `load(spec, name=value)`."),
    # limits
    "E0501": _code("blocks call one another without an end", "A block that calls itself needs an `if` that stops it; calls nest at most 100 deep."),
    "E0502": _code("too many nodes", "A net may have 200,000 nodes."),
    "E0503": _code("the file cannot be read", "It is not there, is no file, or may not be read."),
    "E0504": _code("the file is too large", "A spec may have 4,000,000 bytes."),
    "E0505": _code("the file is not UTF-8 text", "Save the spec as UTF-8."),
    # weights
    "E0601": _code("weights that cannot be read", "A torch checkpoint, a safetensors file, a Keras file (`.keras`, `.weights.h5`, `.h5`), a state dict, a module or a Keras "
                   "model hold weights. The file is none of these, or only a part of one."),
    "E0602": _code("weights that would run code", "The file holds pickled objects besides arrays, and reading them runs whatever code they name. Only arrays are read. Where you trust "
                   "the file, load it with torch yourself and save its arrays.", "torch.save(model, path)", "torch.save(model.state_dict(), path)"),
    "E0603": _code("weights that do not fit", "Every layer of the net takes its weights from one layer of the checkpoint, and none is left over on either side. Layers match by name where the "
                   "names agree, else by the roles and shapes of their arrays and by their order. Both sides are shown beside each other, with a `!` where they differ.",
                   'load("resnet50", weights="resnet101.pth")', 'load("resnet101", weights="resnet101.pth")'),
}  # fmt: skip

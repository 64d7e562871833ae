"""The function of an emitted file that holds an input against the net's contract, where sizes are left open."""

from __future__ import annotations

from collections.abc import Sequence

from cnndsl.contract import Contract
from cnndsl.dims import Sizes, pieces


def check_name(labels: Sequence[str]) -> str:
    """The name of that function, which no input bears."""
    name = "check_sizes"
    while name in labels:
        name += "_"
    return name


def size_check(name: str, contract: Contract, labels: Sequence[str]) -> str:
    """The function that raises ValueError for inputs, called `labels` in the forward pass, that the net does not accept."""
    # names of its own: an input may be called like a letter
    images = ["image"] if len(labels) == 1 else [f"image{place}" for place in range(1, len(labels) + 1)]
    shapes = dict(zip(images, contract.inputs.values(), strict=True))
    lines = [
        f"def {check_name(labels)}({', '.join(f'{image}: Tensor' for image in images)}) -> None:",
        '    """Raises ValueError for an input that the net does not accept."""',
    ]
    for letter in contract.letters:
        label, axis = next((label, shape.index(letter) + 1) for label, shape in shapes.items() if letter in shape)
        lines.append(f"    {letter} = {label}.shape[{axis}] if {label}.dim() == 4 else 0")
    boxes = [" and ".join(condition(box[letter], letter) for letter in contract.letters) for box in contract.boxes]
    if len(boxes) == 1:
        lines.append(f"    accepted = {boxes[0]}")
    else:
        lines += ["    accepted = (", f"        ({boxes[0]})", *(f"        or ({box})" for box in boxes[1:]), "    )"]
    for label, shape in shapes.items():
        lines.append(f"    accepted = accepted and list({label}.shape[1:]) == [{', '.join(map(str, shape))}]")
    takes = " and ".join(f"[batch, {', '.join(map(str, shape))}]" for shape in shapes.values())
    got = " and ".join(f"{{list({image}.shape)}}" for image in images)
    lines += [
        "    if not accepted:",
        "        raise ValueError(",
        f'            "{name} takes {takes}"',
        *(f'            "{word} {text}"' for word, text in zip(_words(contract), contract.listed, strict=True)),
        f'            f"; got {got}"',
        "        )",
    ]
    return "\n".join(lines)


def _words(contract: Contract) -> list[str]:
    return [" with", *(" or" for _ in contract.listed[1:])]


def condition(sizes: Sizes, letter: str) -> str:
    """A set of sizes as a condition in Python: `H >= 16 and H % 16 == 0`."""
    texts = []
    for low, high, modulus, residues in pieces(sizes):
        if low == high:
            texts.append(f"{letter} == {low}")
            continue
        text = f"{letter} >= {low}" if high is None else f"{low} <= {letter} <= {high}"
        if modulus > 1:
            text += f" and {letter} % {modulus} " + (f"in {residues}" if len(residues) > 1 else f"== {residues[0]}")
        texts.append(text)
    return texts[0] if len(texts) == 1 else "(" + " or ".join(texts) + ")"

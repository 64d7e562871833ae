"""How a diagnostic shows the block calls that led to it."""

from __future__ import annotations

import re

from cnndsl import syntax
from cnndsl.diagnostic import Label
from cnndsl.op import show_shape
from cnndsl.values import Flow


def entered(call: syntax.Call, flow: Flow) -> Label:
    """A block call as the trail of a diagnostic shows it, with the shapes that flowed in."""
    shapes = " and ".join(show_shape(ref.shape) for ref in flow if ref.shape is not None)
    return Label(call.span, f"`{one_line(call)}`" + (f" with {shapes} flowing in" if shapes else ""))


def one_line(call: syntax.Call) -> str:
    """A call as written, without its paths, on one line."""
    end = call.arguments[-1].span.end if call.arguments else call.name_span.end
    text = re.sub(r"\s+", " ", call.span.source.text[call.span.start : end])
    return text if len(text) <= 60 else text[:57] + "..."

"""How the parser goes on behind a mistake: links that do not parse are put aside."""

from __future__ import annotations

from typing import Any

from cnndsl.mistakes import CLOSES, LINK_ENDS, OPENS, link_start, renamed


def follows(tokens: list[Any], failed: int) -> bool:
    """Whether a token fits nowhere only because of something before it that is reported already."""
    if tokens[failed].type in ("BROKEN", "STRAY"):
        return True
    return any(token.type in ("BROKEN", "STRAY") for token in tokens[link_start(tokens, failed) : failed])


def mask(tokens: list[Any], failed: int) -> list[Any] | None:
    """The tokens with the link around the failed one replaced by BROKEN; None where it stands in no link."""
    if tokens[failed].type == "BROKEN":
        if not failed or tokens[failed - 1].type not in OPENS:
            return None
        failed -= 1
    start = link_start(tokens, failed)
    stop, depth = failed, 0
    while stop < len(tokens):
        kind = tokens[stop].type
        if depth == 0 and (kind in LINK_ENDS or kind in CLOSES):
            break
        depth += (kind in OPENS) - (kind in CLOSES)
        stop += 1
    closes = (start, stop) == (failed, failed) and tokens[failed].type in CLOSES
    if start == 0 or (closes and tokens[start - 1].type != "ARROW"):
        return None
    first, last = tokens[min(start, failed)], tokens[max(stop - 1, min(start, failed))]
    broken = renamed(first, "BROKEN", "")
    broken.end_pos = max(last.end_pos, first.end_pos)
    return [*tokens[:start], broken, *tokens[stop:]]

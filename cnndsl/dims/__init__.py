"""Sizes left open: formulas in H and W that behave as integers, and the sets of sizes at which a net can be built.

`steps.py` has functions of one letter, `sets.py` sets of sizes, `box.py` sets for several letters, `form.py` sums of products of
functions; `dim.py` the number that shape rules compute with, `part.py` its quotients, `space.py` what is asked of it; `formula.py`
how it is all written. docs/open-sizes.md says why the answers hold for every size.
"""

from cnndsl.dims.box import Box as Box
from cnndsl.dims.box import endless as endless
from cnndsl.dims.box import holds as holds
from cnndsl.dims.box import hull as hull
from cnndsl.dims.box import joined as joined
from cnndsl.dims.box import joint as joint
from cnndsl.dims.box import leftover as leftover
from cnndsl.dims.dim import Dim as Dim
from cnndsl.dims.dim import at_hand as at_hand
from cnndsl.dims.dim import evaluated as evaluated
from cnndsl.dims.dim import form_of as form_of
from cnndsl.dims.dim import is_open as is_open
from cnndsl.dims.dim import merged as merged
from cnndsl.dims.dim import opened as opened
from cnndsl.dims.form import Form as Form
from cnndsl.dims.form import Unfollowed as Unfollowed
from cnndsl.dims.form import plus as plus
from cnndsl.dims.form import within as within
from cnndsl.dims.form import zero_at as zero_at
from cnndsl.dims.formula import Piece as Piece
from cnndsl.dims.formula import described as described
from cnndsl.dims.formula import is_sum as is_sum
from cnndsl.dims.formula import pieces as pieces
from cnndsl.dims.formula import written as written
from cnndsl.dims.part import Part as Part
from cnndsl.dims.part import divided as divided
from cnndsl.dims.sets import ALL as ALL
from cnndsl.dims.sets import NONE as NONE
from cnndsl.dims.sets import Sizes as Sizes
from cnndsl.dims.space import Case as Case
from cnndsl.dims.space import Elsewhere as Elsewhere
from cnndsl.dims.space import Space as Space
from cnndsl.dims.space import TooMany as TooMany
from cnndsl.dims.space import nearest as nearest
from cnndsl.dims.steps import TooLong as TooLong

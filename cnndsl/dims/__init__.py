"""Sizes left open: formulas in H and W that behave as integers, and the sets of sizes at which a net can be built.

`steps.py` has functions of one letter, `sets.py` sets of sizes, `form.py` sums of products of them, `dim.py` the number that shape
rules compute with, `formula.py` how it is all written. docs/open-sizes.md says why the answers hold for every size.
"""

from cnndsl.dims.dim import Case as Case
from cnndsl.dims.dim import Dim as Dim
from cnndsl.dims.dim import Part as Part
from cnndsl.dims.dim import Space as Space
from cnndsl.dims.dim import TooMany as TooMany
from cnndsl.dims.dim import at_hand as at_hand
from cnndsl.dims.dim import evaluated as evaluated
from cnndsl.dims.dim import merged as merged
from cnndsl.dims.dim import nearest as nearest
from cnndsl.dims.form import Box as Box
from cnndsl.dims.form import Form as Form
from cnndsl.dims.form import Unfollowed as Unfollowed
from cnndsl.dims.form import endless as endless
from cnndsl.dims.form import holds as holds
from cnndsl.dims.form import hull as hull
from cnndsl.dims.form import joint as joint
from cnndsl.dims.form import leftover as leftover
from cnndsl.dims.form import zero_at as zero_at
from cnndsl.dims.formula import Piece as Piece
from cnndsl.dims.formula import described as described
from cnndsl.dims.formula import pieces as pieces
from cnndsl.dims.formula import written as written
from cnndsl.dims.sets import ALL as ALL
from cnndsl.dims.sets import Sizes as Sizes
from cnndsl.dims.steps import TooLong as TooLong

"""Whether a vocabulary can be used, and what is to be put right in it. Source: ours."""

from nast_core.progress import Tick
from nast_core.terms.frames import read_back
from nast_core.terms.overlaps import overlaps
from nast_core.terms.remark import KINDS, Remark
from nast_core.vocabulary.model import Vocabulary


def check(vocabulary: Vocabulary, progress: Tick | None = None, only: str | None = None) -> list[Remark]:
    """Every remark, the gravest first; with none that is grave, the vocabulary can be used. ``progress``: told of conditions.

    ``only``: the remarks on one condition, and on others that speak of it, which take a moment.
    """
    order = list(KINDS)
    remarks = [*overlaps(vocabulary), *read_back(vocabulary, progress, only)]
    if only is not None:
        remarks = [remark for remark in remarks if remark.condition == only or only in remark.said]
    return sorted(dict.fromkeys(remarks), key=lambda remark: order.index(remark.kind))

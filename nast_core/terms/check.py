"""Whether a vocabulary can be used, and what is to be put right in it. Source: ours."""

from collections.abc import Collection

from nast_core.progress import Tick
from nast_core.terms.frames import read_back
from nast_core.terms.overlaps import overlaps
from nast_core.terms.remark import KINDS, Remark
from nast_core.vocabulary.model import Vocabulary


def check(vocabulary: Vocabulary, progress: Tick | None = None, *, read: Collection[str] | None = None) -> list[Remark]:
    """Every remark, the gravest first; with none that is grave, the vocabulary can be used.

    ``progress``: told of conditions. ``read``: those whose phrases are read back, where only they have changed; one
    takes about 0.1 s.
    """
    order = list(KINDS)
    remarks = [*overlaps(vocabulary), *read_back(vocabulary, progress, read)]
    return sorted(dict.fromkeys(remarks), key=lambda remark: order.index(remark.kind))

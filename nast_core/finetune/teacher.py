"""The repair that a tower is taught by: a model's own, so that nothing but text is needed.

The repaired model is the teacher, its base the student: vectors of texts with a denial are the repair's, those of all
others the base's own.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from nast_core.errors import RepairError
from nast_core.models.specs import repaired
from nast_core.repair.spec import Repair, read_repair

if TYPE_CHECKING:
    from torch import Tensor

    from nast_core.models.encoder import DualEncoder
    from nast_core.vocabulary.model import Vocabulary

Teach = Callable[[Sequence[str]], "Tensor"]
_ANY = "model"  # stands for the model behind which a repair is written


def read_teacher(teacher: str) -> Repair:
    """From a repair as it is written behind a model. ValueError for none, or one that has no vector of a text."""
    try:
        written = repaired(f"{_ANY}+{teacher}")
        if written is None or written.base != _ANY:
            raise ValueError(f"{teacher[:60]!r} is no repair; give one as in: rewrite, or region(t=0.9)")
        repair = read_repair(written.method, written.arguments)
    except RepairError as error:
        raise ValueError(str(error)) from None
    if repair.method.cosines is not None:
        raise ValueError(
            f"{repair.name} changes scores and gives a text no vector of its own to learn; give rewrite or region"
        )
    return repair


def teach_by(teacher: str, student: "DualEncoder", vocabulary: "Vocabulary") -> Teach:
    """Unit vectors, on the student's device, of texts as the repaired student has them; asked for before it learns.

    ``vocabulary``: what texts are read by, where the repair names none of its own. Raises RepairError for a model that
    cannot be so repaired.
    """
    from torch.nn import functional as F

    from nast_core.repair.repaired import Repaired, repair_model

    model = repair_model(student, read_teacher(teacher))
    if "vocabulary=" not in teacher:
        model = Repaired(student, model.repair, vocabulary, model.fitted)

    def teach(texts: Sequence[str]) -> "Tensor":
        vectors = model.encode_texts(texts).clone()  # inference tensors take no part in autograd
        return F.normalize(vectors.float(), dim=-1).to(student.text.device)

    return teach

"""``steer``: the pooled state of a text with a denial is turned, at every layer, the way that denials lie.

Source: arXiv:2603.20554, formula of method.md section 8. Per layer a logistic probe without intercept tells negated
from affirmative texts by their pooled states; W is its direction, of length 1. Texts without a denial are not steered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nast_core.errors import RepairError
from nast_core.repair.method import Asked, Method, Parameter

if TYPE_CHECKING:
    from torch import Tensor

    from nast_core.models.encoder import DualEncoder
    from nast_core.models.tower import Block, Tokens
    from nast_core.vocabulary.model import Vocabulary

TEXTS = 1000  # of either polarity that the probes are fitted on
_AT_ONCE = 64


def turned(h: Tensor, w: Tensor, al: float) -> Tensor:
    """(1 - al) h + al |h| W of states [..., width]."""
    return (1 - al) * h + al * h.norm(dim=-1, keepdim=True) * w


def probes(base: DualEncoder, vocabulary: Vocabulary) -> dict[str, Tensor]:
    """``w`` [layer width]: from layer 1, the direction of negated texts, length 1."""
    import torch
    from torch.nn import functional as F

    from nast_core.repair.learning_texts import paired_texts

    pairs = paired_texts(base.text, vocabulary, TEXTS)
    if not pairs:
        raise RepairError(
            f"steer cannot repair {base.card.name}: its text tower reads {base.text.context_length} tokens, too "
            "few for any sentence that its probes would be fitted on; take another method"
        )
    states = pooled_states(base, [text for pair in pairs for text in pair])
    truth = torch.tensor([0, 1] * len(pairs))
    rows = [direction_of(layer, truth) for layer in states]
    return {"w": F.normalize(torch.stack(rows), dim=-1)}


def direction_of(states: Tensor, truth: Tensor) -> Tensor:
    """Coefficients [width] of a logistic probe without intercept."""
    import torch
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(fit_intercept=False, solver="newton-cholesky").fit(
        states.double().numpy(), truth.numpy()
    )
    return torch.from_numpy(fitted.coef_[0]).float()


def pooled_states(base: DualEncoder, texts: list[str]) -> Tensor:
    """Of layers 1 to L [layer text width], on the CPU."""
    import torch

    states: dict[str, Tensor] = {}
    with torch.inference_mode():
        for batch in base.text_batches(texts, _AT_ONCE):
            tokens = base.text.tokenize(batch)
            layers = base.text.states(tokens)[1:]
            pooled = layers[:, torch.arange(len(tokens)), tokens.pooled.to(layers.device)].cpu()
            states |= dict(zip(batch, pooled.unbind(1), strict=True))
    return torch.stack([states[text] for text in texts], 1)


def vectors(asked: Asked) -> Tensor:
    """Unit vectors [text dim]."""
    from nast_core.models.tower import Outer
    from nast_core.repair.states import encoded_through

    if not (al := asked.values["al"]):
        return asked.own
    directions = asked.fitted["w"].to(asked.base.text.device, asked.base.dtype)

    class Steered(Outer):
        def __init__(self, block: Block, layer: int, tokens: Tokens):
            super().__init__(block)
            self.w, self.pooled = directions[layer - 1], tokens.pooled

        def add_mlp(self, x: Any, mlp: Any) -> Any:
            import torch

            out = self.block.add_mlp(x, mlp).clone()
            rows = torch.arange(len(out), device=out.device)
            out[rows, self.pooled] = turned(out[rows, self.pooled], self.w.to(out.dtype), al)
            return out

    return encoded_through(asked.base, [one.text for one in asked.splits], Steered)


def _cannot(base: DualEncoder) -> str:
    from nast_core.repair.states import no_single_state

    return no_single_state(base)


STEER = Method(
    name="steer",
    said="at every layer the pooled state is turned the way that denials lie",
    source="arXiv:2603.20554",
    works="states",
    vectors=vectors,
    parameters={
        "al": Parameter(0.13, 0.0, 1.0, "share of the state that is turned; 0: the model itself", (0.025, 0.5))
    },
    limits={"cues that the parser does not know": "a text is steered only where the parser reads a denial"},
    cannot=_cannot,
    fit=probes,
    fits=("w",),
)

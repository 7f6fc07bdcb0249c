"""What the right option of an item says of each condition. No Streamlit."""

from nast_core.benchmark.items import Item
from nast_core.negation.phrases import HELD_OUT_CUES


def truth(item: Item) -> dict[str, int]:
    """Condition -> 1 present, 0 absent, as the right option has it."""
    return dict(zip(item.conditions, item.assignments[item.answer_index], strict=True))


def cues_said(item: Item) -> dict[str, str]:
    """Condition -> the cue that denies it, of those absent in the right option."""
    return {
        condition: cue
        for condition, cue, state in zip(item.conditions, item.cues, truth(item).values(), strict=True)
        if not state
    }


def starred(cue: str) -> str:
    """Cues held out of every training file carry a star."""
    return f"{cue} *" if cue in HELD_OUT_CUES else cue

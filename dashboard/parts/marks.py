"""A sentence with what is read in it, so that a reader sees at a glance where it is read wrongly, and puts it right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.parts import correcting, datasets, memo
from dashboard.parts.text import part, plain

if TYPE_CHECKING:
    from nast_core.vocabulary.model import Vocabulary

_COLOURS = {"present": "blue", "absent": "orange", "uncertain": "violet"}
HOW = (
    "Coloured: a finding as the parser reads it, with its state behind it. Tinted: the words that decide the state. A"
    " finding without colour is not known to the parser. Where it reads wrongly, say so under the sentence: your word"
    " counts then."
)


def marked(sentence: str, vocabulary: Vocabulary | None = None) -> str:
    """Markdown: the sentence as it is, its findings and cues marked; state in words too, not by colour alone.

    What a person corrected goes over the parser; findings that it does not see stand behind the sentence. Without
    ``vocabulary`` it is read by the chosen dataset's.
    """
    words = vocabulary or datasets.vocabulary()
    return _marked(sentence, tuple(correcting.kept().corrections.of(sentence, words).items()), words, words.fingerprint)


@memo.copied()
def _marked(sentence: str, said: tuple, _vocabulary: Vocabulary, fingerprint: str) -> str:
    from nast_core.negation import reading
    from nast_core.negation.corrections import NONE

    corrections = NONE.replaced(sentence, dict(said), _vocabulary) if said else NONE
    shown, end = "", 0
    for mark in reading.marked(sentence, corrections, _vocabulary):
        colour, words = _COLOURS[mark.state], part(sentence[mark.start : mark.end])
        shown += part(sentence[end : mark.start])
        if mark.kind == "cue":
            shown += f":{colour}-background[**{words}**]"
        else:
            shown += f":{colour}[{words}] :small[:gray[({mark.state})]]"
        end = mark.end
    return shown + part(sentence[end:]) + _unseen(reading.mentions_of(sentence, corrections, _vocabulary))


def _unseen(mentions: list) -> str:
    """Findings without words of their own, behind the sentence."""
    from nast_core.negation.reading import told

    return "".join(
        f" :{_COLOURS[told(mention)]}[{plain(mention.condition)}] :small[:gray[({told(mention)})]]"
        for mention in mentions
        if mention.start == mention.end
    )

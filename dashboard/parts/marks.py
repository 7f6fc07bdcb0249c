"""A sentence with what is read in it, so that a reader sees at a glance where it is read wrongly, and puts it right."""

from dashboard.parts import correcting, memo
from dashboard.parts.text import part, plain

_COLOURS = {"present": "blue", "absent": "orange", "uncertain": "violet"}
HOW = (
    "Coloured: a finding as the parser reads it, with its state behind it. Tinted: the words that decide the state. A"
    " finding without colour is not known to the parser. Where it reads wrongly, say so under the sentence: your word"
    " counts then."
)


def marked(sentence: str) -> str:
    """Markdown: the sentence as it is, its findings and cues marked; state in words too, not by colour alone.

    What a person corrected goes over the parser; findings that it does not see stand behind the sentence.
    """
    return _marked(sentence, tuple(correcting.kept().corrections.of(sentence).items()))


@memo.copied()
def _marked(sentence: str, said: tuple) -> str:
    from nast_core.negation import reading
    from nast_core.negation.corrections import NONE

    corrections = NONE.replaced(sentence, dict(said)) if said else NONE
    shown, end = "", 0
    for mark in reading.marked(sentence, corrections):
        colour, words = _COLOURS[mark.state], part(sentence[mark.start : mark.end])
        shown += part(sentence[end : mark.start])
        if mark.kind == "cue":
            shown += f":{colour}-background[**{words}**]"
        else:
            shown += f":{colour}[{words}] :small[:gray[({mark.state})]]"
        end = mark.end
    return shown + part(sentence[end:]) + _unseen(reading.mentions_of(sentence, corrections))


def _unseen(mentions: list) -> str:
    """Findings without words of their own, behind the sentence."""
    from nast_core.negation.reading import told

    return "".join(
        f" :{_COLOURS[told(mention)]}[{plain(mention.condition)}] :small[:gray[({told(mention)})]]"
        for mention in mentions
        if mention.start == mention.end
    )

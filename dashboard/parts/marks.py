"""A sentence with what the parser reads in it, so that a reader sees at a glance where it is read wrongly."""

from dashboard.parts import memo
from dashboard.parts.text import part

_COLOURS = {"present": "blue", "absent": "orange", "uncertain": "violet"}
HOW = (
    "Coloured: a finding as the parser reads it, with its state behind it. Tinted: the words that decide the state. "
    "A finding without colour is not known to the parser."
)


@memo.copied()
def marked(sentence: str) -> str:
    """Markdown: the sentence as it is, its findings and cues marked; state in words too, not by colour alone."""
    from nast_core.negation import reading

    shown, end = "", 0
    for mark in reading.marked(sentence):
        colour, words = _COLOURS[mark.state], part(sentence[mark.start : mark.end])
        shown += part(sentence[end : mark.start])
        if mark.kind == "cue":
            shown += f":{colour}-background[**{words}**]"
        else:
            shown += f":{colour}[{words}] :small[:gray[({mark.state})]]"
        end = mark.end
    return shown + part(sentence[end:])

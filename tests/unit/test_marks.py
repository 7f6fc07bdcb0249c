"""Sentences with what is read in them: Markdown that shows the sentence, its findings, their states and cues."""

import pytest

from dashboard.parts.marks import marked


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("There is no edema.", "There is :orange-background[**no**] :orange[edema] :small[:gray[(absent)]]."),
        ("Small pleural effusion.", "Small :blue[pleural effusion] :small[:gray[(present)]]."),
        ("The weather is fine.", "The weather is fine."),
    ],
)
def test_findings_have_their_state_in_words_and_cues_are_tinted(sentence, shown):
    assert marked(sentence) == shown


def test_what_is_no_words_of_ours_stays_text():
    assert marked("[no](x) edema $y$ :red[z]").count("\\[") == 2
    assert ":red[" not in marked("No edema :red[z]").replace("\\:", "")

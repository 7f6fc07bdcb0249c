"""Foreign text as Markdown that shows it as it is: read back by a Markdown parser, and by the patterns of Streamlit's
page."""

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from dashboard.parts.text import chart, code, document, plain

# What Streamlit's page and its plugins look for in the text after Markdown's escapes are gone
# (static/js/StreamlitMarkdown, remark-emoji,
# mdast-util-gfm-autolink-literal); the first is what ":material/" has become by then.
FOUND_LATER = (
    r":material_(\w+):",
    r":streamlit:",
    r":\+1:|:-1:|:[a-zA-Z_-][\w-]*:|:100:|:1234:",
    r"(?i)(https?://|www(?=\.))([-.\w]+)([^ \t\r\n]*)",
    r"([-.\w+]+)@([-\w]+(?:\.[-\w]+)+)",
    r"(^|\s)(<->|->|<-|--|>=|<=|~=)(\s|$)",
)
DIRECTIVE = (
    r"(?<![\\:]):(red|blue|gray|small|help|shimmer|red-badge|primary)(?![\w-])|(?<!\\):{1,3}[a-z][\w-]*(?<!\\)[\[{]"
)
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def seen(markdown: str) -> str:
    """What a reader sees of Markdown that holds nothing but text; fails on any element but a paragraph."""
    html = PARSER.render(markdown)
    assert re.findall(r"<(?!/?p>)[^>]*>", html) == [], html
    return unescape(re.sub(r"</?p>", "", html)).strip().replace("\u2060", "")


PIECES = st.lists(
    st.sampled_from(
        ["![i](http://h/x.png)", "[l](u)", ":red[r]", ":material/home:", ":material_home:", ":smile:", ":+1:", "$x$",
        "$$", "http://h", "www.h.de", "a@b.de",
         "<img src=x>", "<!--", "&amp;", "&lt;", "`", "```", "**", "*", "__", "_", "~~", "~", "#", "##", "-", "--",
         "->", "<-", ">=", "1.", "12)", "+", ">", "|", "\\",
         ":", "::", ":::", ":small", ":help", "[", "]", "(", ")", "{", "}", "=", "===", "a", "b", "no", "x_y", " ",
         "  ", "\n", "\t", "0", "run:x", "~=", "!"]
    ),
    max_size=12,
).map("".join)  # fmt: skip


@given(PIECES)
def test_any_mixture_of_signs_is_read_back_as_it_was_written(text):
    assert seen(plain(text)) == " ".join(text.split())


@given(PIECES)
def test_nothing_is_left_for_streamlits_own_patterns(text):
    markdown = plain(text)
    assert not re.search(DIRECTIVE, markdown)
    shown = unescape(re.sub(r"</?p>", "", PARSER.render(markdown.replace(":material/", ":material_"))))
    for pattern in FOUND_LATER:
        assert not re.search(pattern, shown), (pattern, markdown)


@given(st.text())
def test_any_text_at_all_can_be_shown_and_sent(text):
    plain(text).encode()
    chart(text).encode()


def test_ordinary_names_stay_untouched():
    for name in (
        "/no/such/folder",
        "preprocessor_config.json",
        "run:finetune-20261129-ab12",
        "There is no edema.",
        "12:30:45",
        "open_clip:ViT-B-32/laion2b",
    ):
        assert plain(name) == name


def test_what_turns_or_hides_text_is_written_out():
    assert plain("a\u202eb") == r"a\\u202eb"
    assert plain("a\0b") == r"a\\x00b"
    assert plain("\udc80") == r"\\udc80"
    assert chart("a\u202eb") == r"a\u202eb"


def test_inline_code_holds_what_it_can_and_the_rest_is_plain():
    assert code("models/a_b") == "`models/a_b`"
    assert code("<b> $x$ :red[r]") == "`<b> $x$ :red[r]`"
    for text in ("a`b", ":material/home:", "a|b", ""):
        assert code(text) == plain(text)


def test_a_charts_text_is_neither_html_nor_a_template():
    assert chart("<a href='x'>&lt;%{x}") == "&lt;a href='x'&gt;&amp;lt;%\u2060{x}"


def test_a_card_keeps_its_headings_lists_tables_bold_and_code_and_nothing_else():
    text = (
        "# T ![i](http://h/x)\n\n## H\n- a `c` **b** :red[x]\n\n| k | $v$ |\n| --- | ---: |\n| <b> | 1 |\n\nend "
        ":material/home:\n"
    )
    html = PARSER.render(document(text))
    assert set(re.findall(r"<(\w+)", html)) == {
        "h3",
        "h4",
        "ul",
        "li",
        "code",
        "strong",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "p",
    }
    assert "![i](http:\u2060//h/x)" in unescape(html)
    assert "&lt;b&gt;" in html


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_nothing_is_shown_as_nothing(text):
    assert plain(text) == ""

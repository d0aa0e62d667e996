"""HTML mail as text."""

import base64

import pytest

from bot.domain.mime import parse_mail
from bot.domain.mime_html import html_to_text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>a<br>b</p><p>c</p>", "a\nb\n\nc"),
        ("in<b>side</b> a <span>w</span>ord", "inside a word"),
        ("<pre>  if x:\n      y</pre>", "  if x:\n      y"),
        ('<div style="white-space: pre-wrap">a   b</div>', "a   b"),
        ('<a href="https://a.example/x">https://a.example/x</a>', "https://a.example/x"),
        ('<a href="https://a.example/x">here</a>!', "here <https://a.example/x>!"),
        ('<a href="javascript:alert(1)">here</a>', "here"),
        ("a<blockquote>b<blockquote>c</blockquote></blockquote>d", "a\n> b\n> c\n\nd"),
        ("&lt;script&gt;&amp;&euro;", "<script>&€"),
        ("<!-- x --><?xml version='1.0'?>a", "a"),
        ("", ""),
        ("no markup", "no markup"),
    ],
)
def test_html_reads_as_it_is_shown(source: str, text: str) -> None:
    found, problem = html_to_text(source)
    assert found.strip("\n") == text
    assert problem is None


def test_sizes_in_styles_cannot_ask_for_endless_spaces() -> None:
    text, _ = html_to_text('<p style="padding-left:99999em;margin-top:99999em">a</p>')
    assert text.strip() == "a"
    assert len(text) < 10


def test_answers_between_the_quotes_of_an_html_reply_stay_new() -> None:
    mail = parse_mail(
        b"Content-Type: text/html\n\n<div>Op 24-11-2026 om 10:00 schreef Desk:</div>"
        b"<blockquote>one<br>two</blockquote><p>My answer</p>"
    )
    assert mail.new_text == "My answer"
    assert mail.quoted_text == "Op 24-11-2026 om 10:00 schreef Desk:\n> one\n> two"


def test_a_picture_inside_the_html_becomes_an_attachment() -> None:
    picture = base64.b64encode(b"\x89PNG picture").decode()
    mail = parse_mail(
        f'Content-Type: text/html\n\n<p>see</p><img src="data:image/png;base64,{picture}">'.encode()
    )
    assert [(file.media_type, file.content) for file in mail.attachments] == [
        ("image/png", b"\x89PNG picture")
    ]
    assert mail.text.strip() == "see"


def test_a_link_with_a_control_character_costs_the_layout_and_not_the_text() -> None:
    text, problem = html_to_text('<p>zie <a href="https://portaal.example.nl/&#1;x">hier</a></p>')
    assert "zie" in text
    assert problem is None or "layout" in problem

"""The words people search by stand where the index of words says, so that the site's
search finds them there too.
"""

import re

import pytest

from tests.docs.documents import ROOT, read, rows

PAGE = ROOT / "docs" / "find-it.md"
_LINK = re.compile(r"\[[^\]]+\]\(([^)#]+)(?:#([^)]+))?\)")


def anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-")


def section(text, wanted):
    """Return the part of a page below the heading with an anchor; all of it for None."""
    if wanted is None:
        return text
    parts = re.split(r"^(#+) (.+)$", text, flags=re.MULTILINE)
    for level, heading, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        if anchor(heading) == wanted:
            return f"{level} {heading}{body}"
    raise AssertionError(wanted)


def entries():
    text = read(PAGE)
    return [(words, *_LINK.fullmatch(where).groups()) for words, where in rows(f"\n{text}", TABLE)]


TABLE = "# Find it by the word you know"


@pytest.mark.parametrize(("words", "page", "place"), entries(), ids=lambda value: str(value)[:30])
def test_a_page_has_the_words_it_is_found_by(words, page, place):
    shown = re.sub(r"\s+", " ", section(read(PAGE.parent / page), place)).casefold()

    assert [word for word in words.split(", ") if word.casefold() not in shown] == []


def test_a_word_that_a_page_does_not_have_is_found():
    with pytest.raises(AssertionError):
        test_a_page_has_the_words_it_is_found_by("no such word", "faq.md", None)

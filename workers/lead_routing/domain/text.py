"""Text made comparable."""

from __future__ import annotations

import re
import unicodedata

_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "\u0131": "i"})
"""Letters that Unicode does not take apart into a base letter and a mark."""

_FORMS = """
ab ag aps as asa bv bvba co company corp corporation eg ek ev eurl gbr gmbh inc incorporated kft kg kgaa limited llc
llp ltd ltda mbh nv ohg oy oyj plc pte pty sa sarl sas se sl slu snc spa spzoo sprl srl sro ug vof zrt
"""
_LEGAL_FORMS = frozenset(_FORMS.split())


def clean(text: str) -> str:
    """Compatibility forms made plain (NFKC), control characters gone, white space single.

    Repeated until nothing changes: taking a control character away can bring a letter and its mark together.
    """
    while True:
        composed = unicodedata.normalize("NFKC", text)
        seen = "".join(" " if c.isspace() else c for c in composed if c.isspace() or unicodedata.category(c)[0] != "C")
        cleaned = " ".join(seen.split())
        if cleaned == text:
            return cleaned
        text = cleaned


def fold(text: str) -> str:
    """Lower case without accents and punctuation, words parted by one space."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold()).translate(_LETTERS)
    letters = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return " ".join(letters.split())


def fold_company(name: str) -> str:
    """A company's folded name without its legal form: "ACME GmbH & Co. KG" and "Acme" are the same."""
    # "S.L." and "B.V." lose their dots first, so that they are read as one word.
    words = fold(re.sub(r"(?<=\b\w)\.", "", name)).split()
    kept = [word for word in words if word not in _LEGAL_FORMS]
    return " ".join(kept or words)


def capitalise(name: str) -> str:
    """A person's name written all in capitals or all in small letters, with capitals where names have them."""
    if not (name.isupper() or name.islower()):
        return name
    return re.sub(r"[^\W\d_]+", lambda word: word[0][:1].title() + word[0][1:].lower(), name)

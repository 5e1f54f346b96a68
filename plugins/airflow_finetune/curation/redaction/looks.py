"""What e-mail addresses, payment cards and phone numbers look like in running text.

Every pattern runs in time linear in the text, so that nobody's record can stall a worker.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

EMAIL = re.compile(r"(?<![\w.%+\-])[\w.%+\-]++@(?:[^\W_][\w\-]{0,62}\.)+[^\W\d_]{2,24}(?![\w\-])")

_CARD_RUN = re.compile(r"(?<!\d)(?<!\d\.)\d(?:[ \t\xa0\-]?\d){11,}+")
_CARD_STARTS = re.compile(r"3[04-9]|[4-5]|2[2-7]|6|1800|2131|0604")

# A run of digits with the marks that stand between them; what it is, its groups decide.
_PHONE_RUN = re.compile(
    r"(?<![\w./\-+($\u20ac\u00a3])(?<!\d[,:])"
    r"[+(]{0,2}\d(?:[ \t\xa0.\-()/\u2010-\u2013]{0,3}\d){6,22}(?:(?![\w%])|(?=x\d))"
)
_GROUP = re.compile(r"[+(]{0,2}\d+")
_EXTENSION = re.compile(r"\s?(?:x|ext\.?|extension)\s?\d{1,6}(?!\w)", re.IGNORECASE)
_CUE = re.compile(
    r"(?:\b(?:phone|telephone|tel|call|dial|ring|mobile|cell|fax|whatsapp|text|contact|sms|office|desk|answering|messages)"
    r"\b|\bnumbers?\b(?! of))[^.!?\n=]{0,40}$",
    re.IGNORECASE,
)
_CUE_BEHIND = re.compile(r".{0,3}\b(?:phone|telephone|mobile|fax|office|desk)\b", re.IGNORECASE)
_CUE_CHARACTERS = 60
_MOST_GROUPS, _FEWEST_DIGITS = 7, 7
_IN_BRACKETS = re.compile(r"\(\+?\d{1,5}\)[ \-]?\d")
_YEAR = re.compile(r"(?:19|20)\d\d")
# Sizes of the groups of digits, as phone numbers are written: anywhere; behind a 0; where the words speak of a phone.
_ALWAYS = frozenset({"3-3-4", "3-4-4"})
_TRUNK = frozenset(
    {"10", "11", "2-3-2-2", "2-3-3", "2-3-4", "2-4-4", "2-7", "2-8", "2-2-2-2-2", "3-2-2-2", "3-3-2-2", "3-3-3"}
    | {"3-3-4", "3-4-4", "3-6", "3-7", "4-2-2-2", "4-3-2-2", "4-3-3", "4-3-4", "4-6", "4-7", "5-3-3", "5-5", "5-6"}
)
_LOCAL = frozenset(
    {"10", "2-2-2-2", "2-3-2-2", "2-3-3", "2-3-3-4", "2-3-4", "2-4-4", "2-6", "3-2-3", "3-3-3", "3-4", "3-6", "4-4"}
)


def mask_cards(text: str) -> str:
    """Return a text with ``[CARD]`` in place of every payment card's number, also beside its date or code."""
    return _CARD_RUN.sub(lambda found: _mask_windows(found.group()), text)


def mask_phones(text: str) -> str:
    """Return a text with ``[PHONE]`` in place of every phone number, its extension included."""
    pieces, at = [], 0
    for found in _PHONE_RUN.finditer(text):
        for start, end in _phones(text, found.start(), found.end()):
            pieces += [text[at:start], "[PHONE]"]
            at = end
    return "".join([*pieces, text[at:]]) if pieces else text


def passes_luhn(digits: str) -> bool:
    """Say whether the last digit of a number is the check digit of the others (ISO/IEC 7812-1)."""
    doubled = (int(d) * 2 for d in digits[-2::-2])
    return (sum(int(d) for d in digits[-1::-2]) + sum(d - 9 if d > 9 else d for d in doubled)) % 10 == 0


def is_card(digits: str) -> bool:
    """Say whether digits are a payment card's number: length, first digits of an issuer, check digit."""
    long_enough = 13 <= len(digits) <= 19 or (len(digits) == 12 and digits[0] in "056")
    return long_enough and _CARD_STARTS.match(digits) is not None and passes_luhn(digits)


def is_phone(number: str, with_cue: bool) -> bool:
    """Say whether a run of digits is a phone number, by its groups.

    Args:
        number: digits with the marks between them.
        with_cue: whether the words around it speak of a phone; then local forms count that could be something else.
    """
    digits = re.sub(r"\D", "", number)
    groups = re.findall(r"\d+", number)
    shape = "-".join(str(len(group)) for group in groups)
    if number.startswith(("+", "(+")):
        return 8 <= len(digits) <= 15
    if len(digits) > 15 or _is_date_or_range(groups) or (" - " in number or " / " in number):
        return False
    if number.startswith("("):
        return bool(_IN_BRACKETS.match(number)) and 7 <= len(digits) <= 11
    if digits.startswith("0"):
        return _is_with_trunk_prefix(digits, shape, with_cue)
    if shape in _ALWAYS:
        return len(set(re.findall(r"\D", number))) == 1
    return (shape == "1-3-3-4" and digits[0] == "1") or (with_cue and shape in _LOCAL)


def _is_with_trunk_prefix(digits: str, shape: str, with_cue: bool) -> bool:
    """Judge digits that begin with 0, as numbers with an area code do in most countries; 00 goes abroad."""
    if digits.startswith("00"):
        return len(digits) >= 10 and ("-" in shape or with_cue)
    return shape in _TRUNK and ("-" in shape or with_cue)


def _is_date_or_range(groups: list[str]) -> bool:
    if len(groups) == 2 and all(_YEAR.fullmatch(group) for group in groups):
        return True
    return len(groups) >= 3 and any(
        _YEAR.fullmatch(year) and int(month) <= 31 and int(day) <= 31 and len(month + day) <= 4
        for year, month, day in (groups[:3], groups[2::-1])
    )


def _mask_windows(run: str) -> str:
    """Mask what begins and ends with whole groups of digits, so that a neighbour's digits cannot hide it."""
    pieces, at = [], 0
    for group in re.finditer(r"\d+", run):
        if group.start() < at:
            continue
        end = _card_end(run, group.start())
        if end is not None:
            pieces += [run[at : group.start()], "[CARD]"]
            at = end
    return "".join([*pieces, run[at:]])


def _card_end(run: str, start: int) -> int | None:
    digits = ""
    for group in re.finditer(r"\d+", run[start : start + 40]):
        digits += group.group()
        if len(digits) > 19:
            return None
        if is_card(digits):
            return start + group.end()
    return None


def _phones(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where phone numbers are in a run: the whole of it, or else the longest that begin and end with a group."""
    groups = [(group.start(), group.end()) for group in _GROUP.finditer(text, start, end)]
    first = 0
    while first < len(groups):
        begins = groups[first][0]
        cue = first == 0 and _has_cue(text, begins, end)
        for last in range(min(first + _MOST_GROUPS, len(groups)) - 1, first - 1, -1):
            ends = groups[last][1]
            if ends - begins < _FEWEST_DIGITS:
                break
            extension = _EXTENSION.match(text, ends)
            if is_phone(text[begins:ends], cue or extension is not None):
                yield begins, extension.end() if extension else ends
                first = last
                break
        first += 1


def _has_cue(text: str, start: int, end: int) -> bool:
    before = text[max(0, start - _CUE_CHARACTERS) : start]
    return _CUE.search(before) is not None or _CUE_BEHIND.match(text, end) is not None

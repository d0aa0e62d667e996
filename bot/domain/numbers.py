"""Numbers that point at a person: IBAN (ISO 13616) and BSN, each known by its checksum."""

import re

_IBAN_TABLE = """
    ad:24 ae:23 al:28 at:20 az:28 ba:20 be:16 bg:22 bh:22 bi:27 br:29 by:28 ch:21 cr:22 cy:28 cz:24 de:22
    dj:27 dk:18 do:28 ee:20 eg:29 es:24 fi:18 fk:18 fo:18 fr:27 gb:22 ge:22 gi:23 gl:18 gr:27 gt:28 hn:28
    hr:21 hu:28 ie:22 il:23 iq:23 is:26 it:27 jo:30 kw:30 kz:20 lb:28 lc:32 li:21 lt:20 lu:20 lv:21 ly:25
    mc:27 md:24 me:22 mk:19 mn:20 mr:27 mt:31 mu:30 ni:28 nl:18 no:15 om:23 pk:24 pl:28 ps:29 pt:25 qa:29
    ro:24 rs:22 ru:33 sa:24 sc:31 sd:18 se:24 si:19 sk:24 sm:27 so:23 st:25 sv:28 tl:23 tn:24 tr:26 ua:29
    va:22 vg:24 xk:20 ye:30
"""
_IBAN_LENGTHS = {country: int(length) for country, length in re.findall(r"([a-z]{2}):(\d\d)", _IBAN_TABLE)}


def iban_length(country: str) -> int | None:
    """Give the length of an IBAN of a country (two lower-case letters), None where there are none."""
    return _IBAN_LENGTHS.get(country)


def is_iban(text: str) -> bool:
    """Tell whether letters and digits without separators are an IBAN: right length, and 1 modulo 97."""
    if iban_length(text[:2].lower()) != len(text) or not text.isascii() or not text.isalnum():
        return False
    return int("".join(str(int(sign, 36)) for sign in text[4:] + text[:4])) % 97 == 1


def is_bsn(digits: str) -> bool:
    """Tell whether nine digits pass the Dutch 11-proof (weights 9 to 2, then -1)."""
    if len(digits) != 9 or not digits.isascii() or not digits.isdigit() or int(digits) == 0:  # noqa: PLR2004 - a BSN
        return False
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return sum(weight * int(digit) for weight, digit in zip(weights, digits, strict=True)) % 11 == 0

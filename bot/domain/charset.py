"""Bytes to text: declared charsets where they hold, a guess where they do not, and no odd characters."""

import re
from functools import cache

import charset_normalizer

# What senders mean when they write the name on the left (WHATWG Encoding, section 4.2).
WIDER = {
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "unknown-8bit": "utf-8",
    "default": "utf-8",
    "iso-8859-1": "windows-1252",
    "latin1": "windows-1252",
    "latin-1": "windows-1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "iso-8859-8-i": "iso-8859-8",
    "unicode-1-1-utf-7": "utf-7",
}
# Python calls these text encodings; no mail is written in them, and some take quadratic time.
NO_CHARSETS = {"idna", "punycode", "undefined", "mbcs", "oem"}
CHARSET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,39}")
GUESSES = ["utf_8", "cp1252", "iso8859_15", "cp1250", "cp1251", "koi8_r", "cp1254"]
GUESSES += ["gb18030", "big5", "cp932", "euc_jp", "cp949"]
GUESS_FROM_BYTES = 64 * 1024
HIGH_BYTES = bytes(range(128, 256))
FEW_HIGH_BYTES = 32

CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
UNSEEN_IN_LINE = re.compile(r"[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufffd]")


def decode_bytes(data: bytes, charset: str | None) -> tuple[str, str | None]:
    """Decode bytes in the declared charset, else in the likeliest one; the second value is the problem."""
    declared = _python_name(charset)
    text = _decoded(data, declared or "utf-8")
    if text is not None and (declared or not charset or data.isascii()):
        return text, None
    guessed = _guessed_name(data)
    text = data.decode(guessed, errors="replace")
    if declared:
        return text, f"a text does not hold to its declared charset; read as {guessed}"
    if charset:
        return text, f"a text declares a charset that does not exist; read as {guessed}"
    return text, f"a text declares no charset; read as {guessed}"


def clean_text(text: str) -> tuple[str, str | None]:
    r"""Give a text with `\n` line ends that every store and tracker takes, and the problem."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n").removeprefix("\ufeff")
    cleaned, count = CONTROL.subn("\ufffd", text)
    return cleaned, "control characters in a text were replaced" if count else None


def clean_line(text: str, limit: int = 1000) -> str:
    """Give one line without control, invisible or direction-turning characters, at most `limit` long."""
    text = UNSEEN_IN_LINE.sub("", CONTROL.sub(" ", text))
    return " ".join(text.split())[:limit].rstrip()


@cache
def _python_name(charset: str | None) -> str | None:
    name = (charset or "").strip().lower()
    if not CHARSET_NAME.fullmatch(name):
        return None
    name = WIDER.get(name, name)
    if name.replace("-", "_") in NO_CHARSETS or "escape" in name:
        return None
    try:
        b" ".decode(name, errors="replace")
    except (LookupError, ValueError):
        return None
    return name


def _decoded(data: bytes, name: str) -> str | None:
    try:
        return data.decode(name)
    except ValueError:
        # windows-1252 leaves five bytes undefined; latin-1 leaves none.
        return data.decode("latin-1") if name == "windows-1252" else None


def _guessed_name(data: bytes) -> str:
    high = len(data) - len(data.translate(None, HIGH_BYTES))
    if high < FEW_HIGH_BYTES and high * 5 < len(data):
        return "windows-1252"  # too little for a guess, and Latin letters by its look
    best = charset_normalizer.from_bytes(data[:GUESS_FROM_BYTES], cp_isolation=GUESSES).best()
    return best.encoding.replace("_", "-") if best else "windows-1252"

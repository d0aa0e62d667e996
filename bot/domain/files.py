"""Safe copies of files: what a file is, told by its content alone, and what of it may be shown.

The sender's word for name and media type is never believed. Runs in the child process that understands mail.
"""

import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, ImageOps

UNKNOWN = "application/octet-stream"

# What each is read as and drawn as: to write a large GIF or WEBP takes longer than a mail may be read.
_FORMATS = {
    "image/png": ("PNG", "PNG"),
    "image/jpeg": ("JPEG", "JPEG"),
    "image/gif": ("GIF", "PNG"),
    "image/webp": ("WEBP", "JPEG"),
}
_QUALITY = 92
_COMPRESSION = 4
_ZIP_END_LENGTH = 22
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"MZ", "application/vnd.microsoft.portable-executable"),
    (b"\x7fELF", "application/x-elf"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\x1f\x8b", "application/gzip"),
)
_MARKUP = re.compile(r"(?i)[^<]{0,200}<(?:!doctype[ ]+)?(?P<kind>html|svg|head|body|script|\?xml)\b")
_PLAIN_NAME = re.compile(r"(?i)\.(?:txt|log|json|csv|http|md)\Z")
_ACTIVE_NAME = re.compile(
    r"(?i)\.(?:x?html?|xht|svgz?|xml|mht|eml|msg|ics|vcf|js|vbs|hta|ps1|bat|cmd|php|lnk|reg)\Z"
)
_ACTIVE_TYPE = re.compile(r"(?i)html|svg|xml|script|rfc822|calendar|vcard")
_DOCUMENT_ENTRY = re.compile(r"(?i)(?:\[Content_Types\]\.xml|mimetype|META-INF/.*|AndroidManifest\.xml)\Z")


class UnsafeFileError(ValueError):
    """A file of which no safe copy can be made; `str()` is our own plain reason, without a word of the file."""


def tell_type(content: bytes, name: str, declared: str) -> str:
    """Tell the media type by content; `name` and `declared` can only make a text less, never anything more.

    Text is what is UTF-8 without NUL, called text by its sender, and not something that acts when opened.
    """
    for magic, media_type in _MAGIC:
        if content.startswith(magic):
            return media_type
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    active = _ACTIVE_NAME.search(name) or _ACTIVE_TYPE.search(declared)
    plain = declared.lower().startswith("text/") or _PLAIN_NAME.search(name)
    return "text/plain" if plain and not active and _is_text(content) else UNKNOWN


def clean_image(content: bytes, media_type: str, max_pixels: int) -> bytes:
    """Draw an image anew as PNG (also a GIF) or JPEG (also a WEBP), its first frame, without any metadata.

    It is turned as EXIF says; what was transparent is white in a JPEG.
    """
    known, wanted = _FORMATS[media_type]
    with (
        refusing("the image could not be read"),
        warnings.catch_warnings(action="ignore"),
        Image.open(io.BytesIO(content), formats=[known]) as image,
    ):
        _check_pixels(image, max_pixels)
        turned = ImageOps.exif_transpose(image)
        return _save(turned.convert("RGBA" if turned.has_transparency_data else "RGB"), wanted)


def read_text(content: bytes) -> str:
    """Decode what was told to be a text; a byte order mark is left out."""
    return content.decode("utf-8-sig")


def check_pdf(content: bytes) -> None:
    """See that a PDF ends where its end mark stands, so that nothing hangs behind it (ISO 32000, 7.5)."""
    if not content.rstrip(b"\0\t\n\r ").endswith(b"%%EOF"):
        raise UnsafeFileError("the PDF does not end as a PDF does")


def check_zip(content: bytes) -> None:
    """See that a zip has a directory that reaches its end, and is not a document or program in disguise."""
    with refusing("the zip file could not be read"), zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        end = len(content) - len(archive.comment) - _ZIP_END_LENGTH
    if content[end:][:4] != b"PK\x05\x06":
        raise UnsafeFileError("the zip file does not end as a zip file does")
    if any(_DOCUMENT_ENTRY.match(name) for name in names):
        raise UnsafeFileError("the zip file is an office document or a program")


@contextmanager
def refusing(reason: str) -> Iterator[None]:
    """Give one reason for whatever a library makes of a hostile file."""
    try:
        yield
    except UnsafeFileError:
        raise
    except Exception as error:
        raise UnsafeFileError(reason) from error


def _check_pixels(image: Image.Image, most: int) -> None:
    """See that an image, of which only the head was read, is not too large to draw."""
    if image.width * image.height > most:
        raise UnsafeFileError(f"the image has more than {most} pixels")


def _is_text(content: bytes) -> bool:
    if b"\0" in content or _MARKUP.match(content[:2000].decode("utf-8", "ignore")):
        return False
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _save(drawn: Image.Image, wanted: str) -> bytes:
    """Write the pixels alone: a new image has no `info` that a format could write along."""
    flat = wanted == "JPEG"
    clean = Image.new("RGB" if flat else drawn.mode, drawn.size, "white" if flat else 0)
    clean.paste(drawn, mask=drawn if flat and drawn.mode == "RGBA" else None)
    out = io.BytesIO()
    clean.save(out, wanted, quality=_QUALITY, compress_level=_COMPRESSION)
    return out.getvalue()

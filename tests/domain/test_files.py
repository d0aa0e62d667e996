import contextlib
import io
import zipfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from bot.domain.files import UnsafeFileError, check_pdf, check_zip, clean_image, tell_type

SECRET = "Joris Bedacht"
PIXELS = 1_000_000


def picture(kind: str, size: tuple[int, int] = (4, 2), **saving: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "white").save(out, kind, **saving)
    return out.getvalue()


def exif(orientation: int = 1) -> Image.Exif:
    data = Image.Exif()
    data[0x0112] = orientation
    data[0x013B] = SECRET
    return data


def png_with_text() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", SECRET)
    return picture("PNG", pnginfo=info, exif=exif())


@pytest.mark.parametrize(
    ("content", "media_type", "drawn_as"),
    [
        (png_with_text(), "image/png", "image/png"),
        (picture("JPEG", exif=exif(), comment=SECRET), "image/jpeg", "image/jpeg"),
        (
            picture("WEBP", exif=exif(), xmp=f"<x:xmpmeta>{SECRET}</x:xmpmeta>".encode()),
            "image/webp",
            "image/jpeg",
        ),
        (picture("GIF", comment=SECRET.encode()), "image/gif", "image/png"),
        (picture("PNG") + SECRET.encode(), "image/png", "image/png"),
    ],
)
def test_an_image_is_drawn_anew_in_a_quick_format_without_a_word_of_its_metadata(
    content: bytes, media_type: str, drawn_as: str
) -> None:
    assert SECRET.encode() in content
    assert tell_type(content, "x", "x/y") == media_type
    clean = clean_image(content, media_type, PIXELS)
    assert SECRET.encode() not in clean
    assert tell_type(clean, "x", "x/y") == drawn_as
    with Image.open(io.BytesIO(clean)) as image:
        assert image.size == (4, 2)
        assert not image.getexif()
        assert not {"Author", "exif", "xmp", "icc_profile"} & set(image.info)


def test_an_image_is_turned_as_its_exif_says() -> None:
    with Image.open(io.BytesIO(clean_image(picture("JPEG", exif=exif(6)), "image/jpeg", PIXELS))) as image:
        assert image.size == (2, 4)


def test_a_transparent_image_stays_so() -> None:
    image = Image.new("RGBA", (2, 2), (255, 0, 0, 0))
    out = io.BytesIO()
    image.save(out, "PNG")
    with Image.open(io.BytesIO(clean_image(out.getvalue(), "image/png", PIXELS))) as clean:
        assert clean.getpixel((0, 0)) == (255, 0, 0, 0)


def test_what_is_transparent_in_a_webp_is_drawn_white() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (2, 2), (255, 0, 0, 0)).save(out, "WEBP", lossless=True, exact=True)
    with Image.open(io.BytesIO(clean_image(out.getvalue(), "image/webp", PIXELS))) as clean:
        assert clean.getpixel((0, 0)) == (255, 255, 255)


def test_of_a_moving_image_the_first_frame_remains() -> None:
    frames = [Image.new("RGB", (3, 3), color) for color in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    with Image.open(io.BytesIO(clean_image(out.getvalue(), "image/gif", PIXELS))) as image:
        assert getattr(image, "n_frames", 1) == 1
        assert image.convert("RGB").getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("size", [(1001, 1000), (30_000, 30_000)])
def test_an_image_of_too_many_pixels_is_not_opened(size: tuple[int, int]) -> None:
    head = picture("PNG", (1, 1))
    bomb = head[:16] + size[0].to_bytes(4) + size[1].to_bytes(4) + head[24:]
    with pytest.raises(UnsafeFileError):
        clean_image(bomb, "image/png", PIXELS)


@given(st.binary(max_size=200), st.sampled_from(["image/png", "image/jpeg", "image/gif", "image/webp"]))
def test_a_broken_image_is_refused_and_nothing_else(tail: bytes, media_type: str) -> None:
    kinds = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/webp": "WEBP"}
    whole = picture(kinds[media_type])
    with contextlib.suppress(UnsafeFileError):
        clean_image(whole[: len(whole) // 2] + tail, media_type, PIXELS)


@pytest.mark.parametrize(
    ("content", "name", "declared", "media_type"),
    [
        (b"GET / HTTP/1.1", "request.http", "application/octet-stream", "text/plain"),
        (b"a,b\n", "x", "text/csv; charset=utf-8", "text/plain"),
        (b'{"a": 1}', "x.json", "application/json", "text/plain"),
        (b"de fout staat in <script>", "x.txt", "text/plain", "application/octet-stream"),
        (b"hallo " * 50 + b"<script>", "x.txt", "text/plain", "text/plain"),
        (b"\xff\xfeh\0", "x.txt", "text/plain", "application/octet-stream"),
        (b"alert(1)", "x.js", "text/javascript", "application/octet-stream"),
        (b"hallo", "x.bin", "application/octet-stream", "application/octet-stream"),
        (b"MZ", "foto.png", "image/png", "application/vnd.microsoft.portable-executable"),
        (b"PK\x03\x04", "foto.png", "image/png", "application/zip"),
        (b"", "leeg.txt", "text/plain", "text/plain"),
    ],
)
def test_the_type_is_told_by_content_and_the_senders_word_can_only_make_it_less(
    content: bytes, name: str, declared: str, media_type: str
) -> None:
    assert tell_type(content, name, declared) == media_type


def zipped(*names: str, comment: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), "x")  # of a fixed time: the bytes name a test
        archive.comment = comment
    return out.getvalue()


def test_a_whole_zip_and_a_whole_pdf_pass() -> None:
    check_zip(zipped("poc.py", "map/scherm.png"))
    check_zip(zipped("poc.py", comment=b"gemaakt door een programma"))
    check_pdf(b"%PDF-1.4\n%%EOF\r\n")


@pytest.mark.parametrize(
    "content",
    [
        zipped("[Content_Types].xml", "word/document.xml"),
        zipped("mimetype"),
        zipped("META-INF/MANIFEST.MF"),
        zipped("a") + b"<html>",
        zipped("a")[:-4],
        b"PK\x03\x04",
    ],
)
def test_a_zip_that_is_a_document_or_holds_something_behind_its_end_is_refused(content: bytes) -> None:
    with pytest.raises(UnsafeFileError):
        check_zip(content)


def test_a_pdf_with_something_behind_its_end_is_refused() -> None:
    with pytest.raises(UnsafeFileError):
        check_pdf(b"%PDF-1.4\n%%EOF\n" + zipped("a"))

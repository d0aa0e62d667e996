"""Understanding one mail: raw bytes to a `Submission`, whatever the bytes are.

Heavy libraries are loaded on first use: this runs in the child process, which `warm_up` prepares.
"""

from collections.abc import Sequence
from dataclasses import replace

from bot.domain.automatic import automatic_reason, is_robots_answer
from bot.domain.bounce import find_bounce
from bot.domain.language import language_of
from bot.domain.mime_addresses import addresses_in, recipients_of, sender_of
from bot.domain.mime_headers import Headers, message_id_of, parse_header_block, references_of
from bot.domain.mime_html import html_to_text
from bot.domain.mime_parts import Part, parse_parts
from bot.domain.mime_text import read_contents
from bot.domain.mime_trace import origin_ips_of, own_received_at
from bot.domain.quotes import find_signature, fold_quotes
from bot.domain.submission import Submission

PROBLEMS_LIMIT = 50
SEALED_TYPES = {"multipart/encrypted", "application/pgp-encrypted"}
SMIME_TYPES = {"application/pkcs7-mime", "application/x-pkcs7-mime"}


def parse_mail(raw: bytes, *, own_hosts: Sequence[str] = (), own_domains: Sequence[str] = ()) -> Submission:
    """Understand any bytes as a mail; never raises on bad MIME, each cut and defect is in `problems`.

    Cuts, made before anything is decoded: 256 kB of headers, 16 kB a header, 1,000 parts, 50 levels,
    1 MB a text, 2,000 lines for quotes. `own_hosts` are the mail servers whose `Received` stamps count;
    mail through a list of `own_domains` is taken as if it had come straight. Only MemoryError passes.
    """
    try:
        return _understand(raw, own_hosts, own_domains)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - the law of this function; the kind of error is reported
        problem = f"the mail could not be read beyond its headers ({type(error).__name__})"
        headers_only = parse_headers_only(raw, own_hosts=own_hosts, own_domains=own_domains)
        return replace(headers_only, problems=(problem, *headers_only.problems))


def parse_headers_only(
    raw: bytes, *, own_hosts: Sequence[str] = (), own_domains: Sequence[str] = ()
) -> Submission:
    """Read sender, subject, ids and time of any bytes in linear time; for a mail that the reader died of."""
    block = parse_header_block(raw)
    known = _from_headers(block.headers, own_hosts, own_domains)
    return replace(known, problems=("only the headers were read", *block.problems, *known.problems))


def warm_up() -> None:
    """Load everything that the first mail would wait for (about half a second, 130 MB)."""
    language_of("Dit is een zin om het model te laden.")
    html_to_text("<p>warm</p>")


def _understand(raw: bytes, own_hosts: Sequence[str], own_domains: Sequence[str]) -> Submission:
    root, part_problems = parse_parts(raw)
    known = _from_headers(root.headers, own_hosts, own_domains)
    contents = read_contents(root)
    folded = fold_quotes(contents.text)
    problems = [*part_problems, *known.problems, *contents.problems, *folded.problems]
    return replace(
        known,
        text=_paragraphs(contents.text, contents.forwarded),
        new_text=folded.new_text,
        quoted_text=_paragraphs(folded.quoted_text, contents.forwarded),
        signature=find_signature(folded.new_text),
        language=language_of(folded.new_text or contents.text or contents.forwarded),
        attachments=contents.attachments,
        encrypted=_looks_encrypted(root, contents.text),
        signed=_looks_signed(root, contents.text),
        automatic=automatic_reason(root, own_domains),
        answered_by_robot=is_robots_answer(root),
        bounce=find_bounce(root, contents.text),
        problems=tuple(dict.fromkeys(problems))[:PROBLEMS_LIMIT],
    )


def _from_headers(headers: Headers, own_hosts: Sequence[str], own_domains: Sequence[str]) -> Submission:
    sender, problems = sender_of(headers, own_domains)
    name, address = sender or (None, None)
    message_id, problem = message_id_of(headers)
    problems += [problem] if problem else []
    return Submission(
        from_address=address,
        from_name=name,
        reply_to=", ".join(addresses_in(headers.all("reply-to"))) or None,
        recipients=recipients_of(headers),
        subject=headers.line("subject"),
        message_id=message_id,
        references=references_of(headers),
        own_received_at=own_received_at(headers, own_hosts),
        origin_ips=origin_ips_of(headers, (*own_hosts, *own_domains)),
        problems=tuple(problems),
    )


def _looks_encrypted(root: Part, text: str) -> bool:
    enveloped = any(
        part.media_type in SEALED_TYPES
        or (part.media_type in SMIME_TYPES and part.params.get("smime-type", "").lower() != "signed-data")
        for part in root.walk()
    )
    return enveloped or "-----BEGIN PGP MESSAGE-----" in text


def _looks_signed(root: Part, text: str) -> bool:
    marked = any(
        part.media_type == "multipart/signed"
        or (part.media_type in SMIME_TYPES and part.params.get("smime-type", "").lower() == "signed-data")
        for part in root.walk()
    )
    return marked or "-----BEGIN PGP SIGNED MESSAGE-----" in text


def _paragraphs(*texts: str) -> str:
    return "\n\n".join(text for text in texts if text.strip())

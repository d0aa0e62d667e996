"""The documentation of the API: its OpenAPI document, and a page made from that with nothing from anywhere else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from bot.ports import Bot
from bot.web.api_schema import SECURITY, components
from bot.web.problems import API, PROBLEMS

_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_ABOUT = (
    "For the form on your website, and for any other program. A report that is handed in here goes the way of one "
    "that comes by mail: the same clock, the same issue, the same receipt. It is stored encrypted before you get "
    "your answer."
)


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a table of fields; `path` is as in `reporter.name`."""

    path: str
    kind: str
    required: bool
    description: str


def add_documentation(app: FastAPI, bot: Bot) -> None:
    """Serve `/api/openapi.json` and the page `/api`."""
    pages = Environment(loader=PackageLoader("bot.web", "pages"), autoescape=True, undefined=StrictUndefined)
    pages.filters["code"] = _with_code
    document = draft_document(app, bot)
    page = pages.get_template("api.html").render(
        document=document,
        fields=list(_fields("FormReport", document["components"]["schemas"])),
        answers=list(_fields("Answer", document["components"]["schemas"])),
        problems=PROBLEMS,
        form=bot.settings.form,
    )
    style = pages.get_template("api.css").render()

    @app.get(f"{API}/openapi.json", include_in_schema=False)
    def openapi() -> Response:
        return JSONResponse(document, headers={"X-Content-Type-Options": "nosniff"})

    @app.get(API, include_in_schema=False)
    def api() -> Response:
        return HTMLResponse(page, headers=_PAGE_HEADERS)

    @app.get(f"{API}/style.css", include_in_schema=False)
    def css() -> Response:
        return Response(style, media_type="text/css", headers=_PAGE_HEADERS)


def draft_document(app: FastAPI, bot: Bot) -> dict[str, Any]:
    """Return the OpenAPI document of the routes that are in it."""
    document = get_openapi(
        title=f"{bot.settings.team.name}: reports",
        version="1",
        summary="Hand in a report of a vulnerability.",
        description=_ABOUT,
        routes=app.routes,
        servers=[{"url": bot.settings.base_url}],
    )
    document["components"] = {"schemas": components(), "securitySchemes": SECURITY}
    return document


def _fields(name: str, schemas: Mapping[str, Any], path: str = "") -> Iterator[Field]:
    """Yield a line for each field of a schema, those of an object in it behind it."""
    required = schemas[name].get("required", ())
    for field, schema in schemas[name]["properties"].items():
        kind, inner, many = _kind(schema)
        yield Field(f"{path}{field}", kind, field in required, schema.get("description", ""))
        if inner:
            yield from _fields(inner, schemas, f"{path}{field}{'[]' if many else ''}.")


def _kind(schema: Mapping[str, Any]) -> tuple[str, str | None, bool]:
    """Say what a field takes, the name of the schema in it, and whether it takes several."""
    choices = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    chosen = choices[0]
    many = chosen.get("type") == "array"
    inner = (chosen["items"] if many else chosen).get("$ref", "").rpartition("/")[2] or None
    if inner:
        return (f"up to {chosen['maxItems']} objects" if many else "object"), inner, many
    if chosen.get("contentEncoding"):
        return "text in base64", None, False
    if most := chosen.get("maxLength"):
        return f"text, up to {most:,} characters", None, False
    return {"date": "date", "date-time": "time"}.get(chosen.get("format", ""), "text"), None, False


def _with_code(text: str) -> Markup:
    """Show what stands between back-ticks as code."""
    pieces = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if number % 2 else escape(piece)
        for number, piece in enumerate(pieces)
    )

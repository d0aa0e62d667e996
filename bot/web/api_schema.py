"""What the OpenAPI document says of the form's door, beyond what FastAPI sees by itself."""

from collections import defaultdict
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, Field

from bot.domain.form import FormReport
from bot.domain.signature import HEADER
from bot.web.problems import MEDIA_TYPE, PROBLEMS

_REF = "#/components/schemas/{model}"


class Answer(BaseModel):
    """What is answered when a report is stored; a repeat gets the same."""

    reference: str = Field(examples=["CVD-2026-0001"], description="To be quoted in everything about it.")
    received_at: datetime = Field(examples=["2026-11-23T09:00:00+01:00"])
    first_response_due_on: date = Field(
        examples=["2026-11-25"], description="The last day on which a person's first answer is in time."
    )


class Fault(BaseModel):
    """One thing that is wrong in the body."""

    pointer: str = Field(examples=["#/reporter/address"], description="Where, as a JSON Pointer.")
    detail: str


class ProblemDetails(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(description="The kind of problem; its address leads to its line on this page.")
    title: str
    status: int
    detail: str = Field(description="How to mend it.")
    errors: list[Fault] = Field(default=[], description="Of `wrong-fields`: each thing that is wrong.")


def components() -> dict[str, Any]:
    """Return the schemas that are named by the request and the answers."""
    schemas: dict[str, Any] = {}
    for model in (FormReport, Answer, ProblemDetails):
        schema = model.model_json_schema(ref_template=_REF)
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    return schemas


def request_body() -> dict[str, Any]:
    """Return what else a request consists of."""
    return {
        "security": [{"signature": []}],
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "schema": {"type": "string", "minLength": 1, "maxLength": 200},
                "description": "A word of your choice for this report. Send it, and a repeat of the same bytes with "
                "the same key gets the same answer and makes no second report, however often and whenever you "
                "ask. Without one each signature is a report.",
            }
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _ref(FormReport)}}},
    }


def responses() -> dict[int | str, dict[str, Any]]:
    """Return the answers by status, with the kinds of problem that each may be."""
    titles: dict[int, list[str]] = defaultdict(list)
    for problem in PROBLEMS:
        titles[problem.status].append(f"{problem.title} (`{problem.slug}`)")
    found: dict[int | str, dict[str, Any]] = {
        201: {
            "description": "Stored. This report has its reference.",
            "content": {"application/json": {"schema": _ref(Answer)}},
        }
    }
    for status, said in sorted(titles.items()):
        content = {MEDIA_TYPE: {"schema": _ref(ProblemDetails)}}
        found[status] = {"description": "; ".join(said), "content": content}
    return found


SECURITY = {
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": HEADER,
        "description": "`t=UNIX,id=ID,v1=HEX`: the time of sending in seconds since 1970, the id of your key, and "
        "HMAC-SHA256 with its secret over that time, a dot and the bytes of the body, in lower-case hex. Sign each "
        "request anew.",
    }
}


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}

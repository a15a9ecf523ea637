"""The OpenAPI description of the control. Schemas come from the models that validate requests and make responses."""

from __future__ import annotations

import importlib.metadata
from typing import Any

from pydantic import TypeAdapter

from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.serving import requests, responses
from gapless.scenarios.serving.step_protocol import Done, Failed
from gapless.scenarios.serving.verdict_so_far import VerdictSoFar
from gapless.simserver.faults import Fault

_REF = "#/components/schemas/{model}"
_JSON = "application/json"

# Each route: method, path, summary, the schema of its body, its parameters, and the error statuses that it can answer
# besides those of an invalid body.
_ROUTES: tuple[tuple[str, str, str, str | None, tuple[str, ...], tuple[int, ...]], ...] = (
    ("get", "/sim/", "The page: a live picture of the session.", None, (), ()),
    ("get", "/sim/openapi.json", "This description.", None, (), ()),
    ("get", "/sim/scenarios", "Every scenario that can be served.", None, (), ()),
    ("get", "/sim/scenarios/{name}", "One scenario in full, by name or race.", None, ("name",), (404,)),
    ("get", "/sim/session", "The session: where it is, what it has come to, its faults.", None, (), ()),
    ("post", "/sim/session", "Serve another scenario, in a new world.", "Start", (), (404,)),
    ("post", "/sim/reset", "Begin the session anew: same scenario and seed, a new world.", None, (), ()),
    ("get", "/sim/faults", "The faults that can act, and how often each has.", None, (), ()),
    ("post", "/sim/faults", "Add a fault. A time that has passed means now.", "Fault", (), (409,)),
    ("delete", "/sim/faults/{name}", "Remove a fault.", None, ("name",), (404,)),
    ("post", "/sim/agent/run", "Start a run, as another party.", None, (), (409,)),
    ("post", "/sim/agent/step", "Let the agent take steps; it must be stepwise.", "Steps", (), (409,)),
    ("post", "/sim/agent/pause", "Pause the run in progress.", None, (), (409,)),
    ("post", "/sim/agent/message", "Send a user message, as another party.", "Message", (), (409,)),
    ("post", "/sim/agent/mode", "Let the agent wait before each step, or work by itself.", "Mode", (), ()),
    ("post", "/sim/heal", "End the chaos: no fault acts any more.", None, (), (409,)),
    ("post", "/sim/disconnect", "Break every open socket, without a close code.", None, (), (409,)),
    ("post", "/sim/restart", "Restart the server.", "Down", (), (409,)),
    (
        "get",
        "/sim/journal",
        "The journal from an entry on, as JSON lines; `x-next` is the next.",
        None,
        ("after", "wait_s"),
        (422,),
    ),
    ("get", "/sim/verdict", "The verdict so far: violations, what is still to be shown, REST calls.", None, (), ()),
    ("post", "/sim/report", "What a client says of itself, one JSON object a line.", "Report", (), (409,)),
)
_PARAMETERS: dict[str, dict[str, Any]] = {
    "name": {"in": "path", "required": True, "schema": {"type": "string"}},
    "after": {
        "in": "query",
        "description": "Index of the first entry wanted.",
        "schema": {"type": "integer", "default": 0, "minimum": 0},
    },
    "wait_s": {
        "in": "query",
        "description": "How long to wait for a new entry when there is none, in seconds.",
        "schema": {"type": "number", "default": 0, "minimum": 0, "maximum": requests.WAIT_S_MAX},
    },
}
_PROBLEM = {
    "description": "One sentence: what is wrong, and the cure.",
    "content": {_JSON: {"schema": {"type": "object", "properties": {"detail": {"type": "string"}}}}},
}
_REFUSED = (403,)  # by the headers Host and Origin
_BAD_BODY = (400, 408, 413, 415, 422)  # not JSON, withheld, too long, not called JSON, not valid
_BAD_LINES = (408, 413, 415, 422)
_JOURNAL_HEADERS = {
    "x-next": {"description": "The index of the entry after these.", "schema": {"type": "integer"}},
    "x-session": {"description": "Which session this is; another has another journal.", "schema": {"type": "integer"}},
}
_MEDIA = {"/sim/": "text/html", "/sim/journal": "application/x-ndjson"}
# The form of a response that is not the session.
_ANSWERS: dict[tuple[str, str], type[Any]] = {
    ("get", "/sim/scenarios"): responses.ScenariosResponse,
    ("get", "/sim/scenarios/{name}"): responses.ScenarioWhole,
    ("get", "/sim/faults"): responses.FaultsResponse,
    ("post", "/sim/faults"): responses.FaultAdded,
    ("delete", "/sim/faults/{name}"): responses.FaultsResponse,
    ("get", "/sim/verdict"): VerdictSoFar,
    ("post", "/sim/report"): responses.ReportsTaken,
}
_SESSION = responses.SessionResponse


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    paths: dict[str, dict[str, Any]] = {}
    for method, path, what, body, parameters, refusals in _ROUTES:
        paths.setdefault(path, {})[method] = _operation(method, path, what, body, parameters, refusals)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "gapless serve: control",
            "version": importlib.metadata.version("gapless"),
            "description": "Watch and steer a fake agent server and its faults. Not counted as calls of the client.",
        },
        "paths": paths,
        "components": {"schemas": _schemas()},
    }


def _operation(
    method: str, path: str, what: str, body: str | None, parameters: tuple[str, ...], refusals: tuple[int, ...]
) -> dict[str, Any]:
    words = [word for word in path.strip("/").split("/") if not word.startswith("{")]
    good = "201" if (method, path) == ("post", "/sim/faults") else "200"
    answer: dict[str, Any] = {"description": "As asked.", "content": _content(method, path)}
    if path == "/sim/journal":
        answer["headers"] = _JOURNAL_HEADERS
    bad = () if method != "post" else _BAD_LINES if body == "Report" else _BAD_BODY
    operation: dict[str, Any] = {
        "operationId": "-".join((method, *words, *parameters[: path.count("{")])).replace(".", "-"),
        "summary": what,
        "responses": {good: answer} | {str(status): _PROBLEM for status in sorted({*_REFUSED, *refusals, *bad})},
    }
    if parameters:
        operation["parameters"] = [{"name": name, **_PARAMETERS[name]} for name in parameters]
    if body is not None:
        media = "application/x-ndjson" if body == "Report" else _JSON
        schema = {"$ref": _REF.format(model=body)}
        operation["requestBody"] = {"content": {media: {"schema": schema}}, "required": body not in {"Steps", "Down"}}
    return operation


def _content(method: str, path: str) -> dict[str, Any]:
    if path in _MEDIA:
        return {_MEDIA[path]: {"schema": {"type": "string"}}}
    if path == "/sim/openapi.json":
        return {_JSON: {"schema": {"type": "object"}}}
    form = _ANSWERS.get((method, path), _SESSION)
    return {_JSON: {"schema": {"$ref": _REF.format(model=form.__name__)}}}


def _schemas() -> dict[str, Any]:
    schemas: dict[str, Any] = {}
    forms: tuple[Any, ...] = (
        requests.Start,
        requests.Mode,
        requests.Steps,
        requests.Message,
        requests.Down,
        Done,
        Failed,
        Scenario,
    )
    for name, adapter in (
        *((form.__name__, TypeAdapter(form)) for form in forms),
        ("Fault", TypeAdapter(Fault)),
    ):
        schema = adapter.json_schema(ref_template=_REF)
        schemas |= schema.pop("$defs", {})
        schemas[name] = schema
    answers: tuple[Any, ...] = (_SESSION, *dict.fromkeys(_ANSWERS.values()))
    for form in answers:
        schema = TypeAdapter(form).json_schema(ref_template=_REF, mode="serialization")
        schemas |= schema.pop("$defs", {})
        schemas[form.__name__] = schema
    reached = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
    schemas["Report"] = {"oneOf": [*({"$ref": _REF.format(model=name)} for name in ("Done", "Failed")), reached]}
    return schemas

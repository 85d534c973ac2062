"""The API, described: drawn from the table of actions, as OpenAPI 3.1 and as a plain list."""

from __future__ import annotations

from typing import Any

from realtime.control.actions import ACTIONS, Action, Risk
from realtime.control.arguments import Argument
from realtime.control.desk import EVENTS, Desk

JSON = "application/json"
_TYPES = {"number": "number", "name": "string", "flag": "boolean"}


def described_actions(desk: Desk) -> list[dict[str, Any]]:
    """The table with the show's keys and choices, as data."""
    return [
        {
            "name": action.name,
            "key": desk.keymap.of[action.name],
            "help": action.help,
            "risk": action.risk.value,
            "can_be_armed": action.can_be_armed,
            "forms": [[_described(argument) for argument in form] for form in action.forms],
            "choices": list(desk.choices.get(action.name, {})),
        }
        for action in ACTIONS.values()
    ]


def openapi() -> dict[str, Any]:
    """The document that /api/openapi.json serves."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Dancecam", "version": "1", "description": "Controls of a show that is on air."},
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Error": _object({"error": {"type": "string", "description": "one line for people"}}),
                "State": _object(
                    {
                        "orders": {"type": "object", "description": "what the operator wants"},
                        "show": {"type": "object", "description": "what the show is"},
                        "stats": {"type": "object", "description": "the newest figures"},
                        "confirm": {
                            "type": "array",
                            "items": {"type": "string"},
                            "description": "the actions that must be confirmed now",
                        },
                    }
                ),
            },
        },
        "security": [{"token": []}],
        "paths": {
            "/api/state": {"get": _operation("The whole state", {"200": "State"}, 401)},
            "/api/actions": {"get": _operation("The table of actions", {"200": None}, 401)},
            "/api/login": {
                "post": {
                    **_operation("Trade the token for a cookie", {"200": None}, 400, 401),
                    "security": [],
                    "requestBody": _json_body(_object({"token": {"type": "string"}}), required=True),
                }
            },
            "/api/events": {"get": _operation(_events_text(), {"101": None}, 401)},
            "/metrics": {
                "get": _operation("Prometheus metrics; from loopback without token", {"200": None}, 401)
            },
            **{f"/api/actions/{name}": {"post": _act(action)} for name, action in ACTIONS.items()},
        },
    }


def _act(action: Action) -> dict[str, Any]:
    risky = action.risk is not Risk.NONE
    errors = [400, 401, 422, *([409] if risky else [])]
    operation = _operation(action.help, {"200": "State"}, *sorted(errors))
    operation["operationId"] = action.name
    forms = [_form_schema(form, _confirm_text(action)) for form in action.forms]
    needs_body = () not in action.forms
    operation["requestBody"] = _json_body(
        forms[0] if len(forms) == 1 else {"oneOf": forms}, required=needs_body
    )
    return operation


def _confirm_text(action: Action) -> str:
    """When `confirm` is needed; "" for never."""
    if action.risk is Risk.NONE:
        return ""
    when = "needed" if action.risk is Risk.ALWAYS else "needed while on air"
    return f"{when}, unless armed before" if action.can_be_armed else when


def _form_schema(form: tuple[Argument, ...], confirm: str) -> dict[str, Any]:
    properties: dict[str, Any] = {argument.name: _argument_schema(argument) for argument in form}
    if confirm:
        properties["confirm"] = {"type": "boolean", "description": confirm}
    schema = _object(properties)
    schema["required"] = [argument.name for argument in form]
    return schema


def _argument_schema(argument: Argument) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": _TYPES[argument.kind], "description": argument.help}
    if argument.kind == "number":
        schema |= {"minimum": argument.low, "maximum": argument.high}
    return schema


def _described(argument: Argument) -> dict[str, Any]:
    described = {"name": argument.name, "kind": argument.kind, "help": argument.help}
    if argument.kind == "number":
        return {**described, "low": argument.low, "high": argument.high, "unit": argument.unit}
    return described


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _json_body(schema: dict[str, Any], *, required: bool) -> dict[str, Any]:
    return {"required": required, "content": {JSON: {"schema": schema}}}


def _operation(summary: str, answers: dict[str, str | None], *errors: int) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, schema in answers.items():
        responses[status] = {"description": "done"}
        if schema is not None:
            responses[status]["content"] = {JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    if 401 in errors:  # what takes a token takes few wrong ones
        errors = (*errors, 429)
    for status_code in errors:
        responses[str(status_code)] = {
            "description": "refused",
            "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
    return {"summary": summary, "responses": responses}


def _events_text() -> str:
    events = "; ".join(f"{name}: {text}" for name, text in EVENTS.items())
    return f"WebSocket: every event as JSON with its `type`. First `hello`, then {events}"

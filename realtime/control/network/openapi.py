"""The API, described by its routes and the table of actions: as OpenAPI 3.1, and as a plain list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from aiohttp.web import AbstractRoute
from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.json_schema import models_json_schema

from realtime.control.action import Action, Risk
from realtime.control.actions import ACTIONS
from realtime.control.arguments import Argument
from realtime.control.desk import EVENTS, AnyDesk
from realtime.transport.orders import Orders

API = ("/api/", "/whep/", "/state", "/metrics")
WITHOUT_TOKEN = ("/state", "/api/login", "/api/openapi.json", "/whep/programme", "/whep/preview/")
"""How addresses begin: of what is no page, and of what needs no token."""

_TYPES = {"number": float, "name": str, "flag": bool}


class Login(BaseModel):
    token: str


class Error(BaseModel):
    error: str = Field(description="one line for people")


class State(BaseModel):
    orders: Orders = Field(description="what the operator wants")
    show: dict[str, Any] = Field(description="what the show is")
    stats: dict[str, Any] = Field(description="the newest figures")
    confirm: list[str] = Field(description="the actions that must be confirmed now")


class Done(State):
    action: str
    result: str


def openapi(routes: Iterable[AbstractRoute]) -> dict[str, Any]:
    """The document that /api/openapi.json serves. routes: all of the server's."""
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route in routes:
        path = route.resource.canonical if route.resource is not None else ""
        if path.startswith(API) and route.method in ("GET", "POST", "DELETE"):
            summary = " ".join((route.handler.__doc__ or "").split())
            paths[path][route.method.lower()] = _operation(path, summary)
    del paths["/api/actions/{action}"]
    for action in ACTIONS.values():
        path = f"/api/actions/{action.name}"
        given = {"operationId": action.name, "requestBody": _arguments(action)}
        paths[path]["post"] = _operation(path, action.help, Done) | given
    paths["/api/state"]["get"] = _operation("/api/state", paths["/api/state"]["get"]["summary"], State)
    paths["/api/events"]["get"]["description"] = "; ".join(f"{name}: {text}" for name, text in EVENTS.items())
    paths["/api/login"]["post"]["requestBody"] = {"required": True, **_json(Login)}
    offer = {"required": True, "content": {"application/sdp": {"schema": {"type": "string"}}}}
    for source in ("programme", "preview"):
        paths[f"/whep/{source}"]["post"]["requestBody"] = offer
    models: list[Any] = [(model, "validation") for model in (Login, Error, State, Done)]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Dancecam", "version": "1", "description": "Controls of a show that is on air."},
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": models_json_schema(models, ref_template="#/components/schemas/{model}")[1]["$defs"],
        },
        "security": [{"token": []}],
        "paths": paths,
    }


def _operation(path: str, summary: str, answer: type[BaseModel] | None = None) -> dict[str, Any]:
    done = {"description": "done", **(_json(answer) if answer else {})}
    names = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
    refused = {"description": "refused", **({} if path.startswith("/whep/") else _json(Error))}
    return {
        "summary": summary,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ],
        "responses": {"101" if path == "/api/events" else "2XX": done, "default": refused},
        **({"security": []} if path.startswith(WITHOUT_TOKEN) else {}),
    }


def _json(model: type[BaseModel]) -> dict[str, Any]:
    return _content({"$ref": f"#/components/schemas/{model.__name__}"})


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _arguments(action: Action) -> dict[str, Any]:
    """What is sent with an action: its arguments in one of their forms, and the confirmation."""
    fields: list[dict[str, Any]] = [{each.name: _field(each) for each in form} for form in action.forms]
    if action.risk is not Risk.NONE:
        when = "needed" if action.risk is Risk.ALWAYS else "needed while on air"
        text = f"{when}, unless armed before" if action.can_be_armed else when
        fields = [each | {"confirm": (bool, Field(default=False, description=text))} for each in fields]
    config = ConfigDict(extra="forbid")
    forms = [create_model(action.name, __config__=config, **each).model_json_schema() for each in fields]
    return {"required": () not in action.forms, **_content({"oneOf": forms} if len(forms) > 1 else forms[0])}


def _field(argument: Argument) -> tuple[type, Any]:
    low, high = (argument.low, argument.high) if argument.kind == "number" else (None, None)
    return _TYPES[argument.kind], Field(description=argument.help, ge=low, le=high)


def described_actions(desk: AnyDesk) -> list[dict[str, Any]]:
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


def _described(argument: Argument) -> dict[str, Any]:
    described = {"name": argument.name, "kind": argument.kind, "help": argument.help}
    if argument.kind == "number":
        return {**described, "low": argument.low, "high": argument.high, "unit": argument.unit}
    return described

"""What a request must look like: one JSON text that says one thing, not packed, not endless."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from apikit import ALL, Caller, People, served
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from sqlalchemy import Engine

from api import schemas, strict_json
from api.forms import MAX_HEADERS
from api.middleware import MAX_BODY
from api.strict_json import MAX_DEPTH
from graph.errors import InputError

PATH = "/v1/verdicts:batchGet"


@pytest.fixture
def people(engine: Engine) -> Iterator[People]:
    """A served store without a publication."""
    with served(engine, carry_out=False) as people:
        yield people


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    return body


def sent(who: Caller, content: Any, path: str = PATH, **headers: str) -> httpx.Response:
    given = {"Authorization": f"Bearer {who.key}", "Content-Type": "application/json", "Idempotency-Key": "k"}
    return who.http.post(
        path, content=content, headers={**given, **{k.replace("_", "-"): v for k, v in headers.items()}}
    )


GOOD = b'{"account_ids": ["a"]}'


def test_bodies_are_json_in_utf8_and_not_packed(people: People) -> None:
    ann = people("ann")
    for kind in ("application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'):
        assert sent(ann, GOOD, content_type=kind).status_code == 200, kind
    for kind in (
        "text/plain",
        "application/xml",
        "application/json; charset=utf-16",
        "multipart/form-data",
        "json",
        "",
    ):
        refused = sent(ann, GOOD, content_type=kind)
        problem(refused, 415)
        assert refused.headers["accept-post"] == "application/json"
    assert sent(ann, GOOD, content_encoding="identity").status_code == 200
    bomb = gzip.compress(b'{"account_ids": ["' + b"x" * (50 << 20) + b'"]}')
    assert len(bomb) < 100_000
    for packed in ("gzip", "br", "deflate", "zstd", "gzip, gzip", "x"):
        refused = sent(ann, bomb, content_encoding=packed)
        problem(refused, 415)
        assert refused.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "content",
    [
        b'{"account_ids": ["a"], "account_ids": ["b"]}',
        b'{"account_ids": ["a"], "\\u0061ccount_ids": ["b"]}',
        b'{"account_ids": [NaN]}',
        b'{"account_ids": [-Infinity]}',
        b'{"account_ids": [1e999]}',
        b'{"account_ids": [' + b"9" * 5_000 + b"]}",
        b'{"account_ids": [0.' + b"1" * 5_000 + b"]}",
        b'{"account_ids": ' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"[" * 1_000_000,
    ],
)
def test_json_that_parsers_read_differently_is_refused(people: People, content: bytes) -> None:
    body = problem(sent(people("ann"), content), 422)
    assert "JSON" in body["detail"]
    assert b"account" not in body["detail"].encode(), "what was sent is not sent back"


def test_the_same_holds_where_something_happens(people: People) -> None:
    ann = people("ann")
    for content in (
        b'{"account_id": "a", "decision": "genuine", "decision": "ai_hosted", "reason": "x"}',
        b'{"cap": "per_hour", "targets": 1.5, "hours": 1, "reason": "x"}',
        b'{"cap": "per_hour", "targets": "9", "hours": 1, "reason": "x"}',
        b'{"cap": "per_hour", "targets": true, "hours": 1, "reason": "x"}',
    ):
        path = "/v1/reviews" if b"decision" in content else "/v1/network-actions/na-1:override"
        problem(sent(ann, content, path), 422)
    assert ann.get("/v1/audit").json()["rows"][-1]["event"] == "key.created", "nothing happened"


def test_large_headers_and_paths_are_refused(people: People) -> None:
    ann = people("ann")
    problem(sent(ann, GOOD, x_more="x" * MAX_HEADERS), 431)
    refused = people.http.get("/v1/networks", headers={f"x-{n}": "y" * 50 for n in range(800)})
    problem(refused, 431)
    problem(people.http.get(f"/v1/accounts/{'x' * MAX_HEADERS}/verdict"), 431)
    assert people.http.get("/healthz", headers={"x-more": "x" * (MAX_HEADERS - 1_000)}).status_code == 200


def test_a_body_over_the_limit_without_a_credential_too(people: People) -> None:
    large = (b"x" * 65_536 for _ in range(MAX_BODY // 65_536 + 1))
    problem(people.http.post(PATH, content=large, headers={"Content-Type": "application/json"}), 413)
    problem(people.http.post("/v1/nothing", content=b"x" * (MAX_BODY + 1)), 413)


def test_a_body_that_breaks_off_is_no_request(people: People) -> None:
    """The client goes away in the middle: nothing happens, and the server goes on."""
    ann = people("ann")
    url = ann.http.base_url
    head = f"POST /v1/kill-switch:set HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ann.key}\r\nIdempotency-Key: k\r\n"
    with socket.create_connection((url.host, url.port or 0)) as raw:
        raw.sendall(f'{head}Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{{"reason": "x"}}'.encode())
    assert ann.get("/v1/kill-switch").json()["set"] is False


def test_what_is_not_there_or_not_so_is_a_problem(people: People) -> None:
    ann = people("ann", ALL)
    problem(ann.get("/"), 404)
    problem(ann.get("/docs"), 404)
    problem(ann.post("/v1/nothing", {}), 404)
    for method in ("PUT", "PATCH", "DELETE", "TRACE", "OPTIONS"):
        refused = people.http.request(method, "/v1/networks")
        problem(refused, 405)
        assert refused.headers["allow"] == "GET"
    problem(sent(ann, b"{", "/v1/reviews"), 422)
    problem(sent(ann, b"", "/v1/reviews"), 422)


def requests() -> list[type[BaseModel]]:
    """Every model of a request body."""
    found, todo = [], [schemas._Request]
    while todo:
        made = todo.pop().__subclasses__()
        found += made
        todo += made
    return found  # type: ignore[return-value]


def test_every_body_is_strict_and_takes_nothing_unknown(people: People) -> None:
    document = people.http.get("/openapi.json").json()
    named = set()
    for methods in document["paths"].values():
        for operation in methods.values():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            texts = json.dumps(body)
            named |= {part.split('"')[0] for part in texts.split("#/components/schemas/")[1:]}
    assert named, "there are bodies"
    assert named <= {model.__name__ for model in requests()}, "each is a model of schemas"
    for name in named:
        assert document["components"]["schemas"][name]["additionalProperties"] is False, name
    for model in requests():
        assert model.model_config["strict"] is True
        assert model.model_config["extra"] == "forbid"
        assert model.model_config["frozen"] is True


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=30,
)


@given(plain)
def test_json_that_is_plain_is_read_as_it_is(value: Any) -> None:
    assert strict_json.load(json.dumps(value)) == value


@given(st.integers(1, 3 * MAX_DEPTH), st.booleans())
def test_depth_is_counted_the_same_for_lists_and_objects(depth: int, lists: bool) -> None:
    text = "[" * depth + "]" * depth if lists else '{"a":' * depth + "1" + "}" * depth
    if depth <= MAX_DEPTH:
        strict_json.load(text)
    else:
        with pytest.raises(InputError, match="nested"):
            strict_json.load(text)


@given(st.dictionaries(st.text(), st.integers(-(2**63), 2**63), min_size=1, max_size=5), st.data())
def test_a_name_twice_is_refused_wherever_it_stands(value: dict[str, int], data: Any) -> None:
    twice = data.draw(st.sampled_from(sorted(value)))
    pairs = data.draw(st.permutations([*value.items(), (twice, 7)]))
    text = "{" + ", ".join(f"{json.dumps(k)}: {v}" for k, v in pairs) + "}"
    for wrapped in (text, f"[{text}]", f'{{"x": [{{"y": {text}}}]}}'):
        with pytest.raises(InputError, match="twice"):
            strict_json.load(wrapped)

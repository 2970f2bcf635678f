"""What the API answers: ids in any script, pages, caching, private evidence, and errors that are problems."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from apikit import ALL, SINCE, Caller, People, Platform, previewed, proposed, served
from sqlalchemy import Engine, select

from api import auth
from api.checkpoint import make_keys
from api.middleware import MAX_BODY
from api.publish import publish
from api.rules import Policy, load
from api.store import reading
from api.tables import api_keys, audit

ODD_IDS = ["a/b/c", "账号 一", "x/verdict", "verdicts", "50%25", "?q#f", "Ω:preview", "a b", "..", "'; DROP TABLE x;--"]


@pytest.fixture
def people(engine: Engine, platform: Platform, policy: Policy) -> Iterator[People]:
    """A served platform with one network fit to ban, one that talks in private, and accounts with odd ids."""
    private = [
        {
            "account_a": "m1",
            "account_b": "m2",
            "channel": channel,
            "object_id": object_id,
            "a_at": SINCE,
            "b_at": SINCE + 5_000_000,
            "object_accounts": 9,
        }
        for channel, object_id in (("message", "account:secret-person"), ("hashtag", "hashtag:open"))
    ]
    bots = [f"bot-{i:02d}" for i in range(8)]
    platform.accounts([{"account_id": a, "registration_client": "hosting-tool-alpha"} for a in bots])
    run = platform.run({"n1": bots, "n2": ["m1", "m2", "m3"]}, others=ODD_IDS, evidence=private)
    publish(run, platform.place.log, engine, policy=policy, actor="test")
    with served(engine) as people:
        yield people


def test_ids_of_any_script_with_slashes_and_colons(people: People) -> None:
    ann = people("ann")
    for name in ODD_IDS:
        for path in ("verdict", "verdicts"):
            answer = ann.get(f"/v1/accounts/{quote(name, safe='').replace('..', '%2E%2E')}/{path}")
            assert answer.status_code == 200, (name, answer.text)
        if name != "..":  # clients resolve dots before they send them
            found = ann.get(f"/v1/accounts/{quote(name, safe='')}/verdict").json()
            assert (found["account_id"], found["known"]) == (name, True)
    asked = [*ODD_IDS, "nobody", "bot-00", "bot-00"]
    batch = ann.post("/v1/verdicts:batchGet", {"account_ids": asked}).json()["verdicts"]
    assert [v["account_id"] for v in batch] == asked
    assert [v["known"] for v in batch] == [True] * len(ODD_IDS) + [False, True, True]


def test_a_verdict_is_cached_by_its_etag(people: People) -> None:
    ann = people("ann")
    path = "/v1/accounts/bot-00/verdict"
    first = ann.get(path)
    headers = {"Authorization": f"Bearer {ann.key}", "If-None-Match": first.headers["etag"]}
    assert people.http.get(path, headers=headers).status_code == 304
    ann.post("/v1/reviews", {"account_id": "bot-00", "decision": "genuine", "reason": "a friend"})
    changed = people.http.get(path, headers=headers)
    assert (changed.status_code, changed.json()["tier"]) == (200, "none")
    assert changed.headers["etag"] != first.headers["etag"]
    versions = ann.get("/v1/accounts/bot-00/verdicts").json()["versions"]
    assert [v["tier"] for v in versions] == ["none", "ban"]


def pages(who: Any, path: str, key: str, limit: int) -> list[Any]:
    found, cursor = [], None
    for _ in range(100):
        page = who.get(path, limit=limit, **({} if cursor is None else {"cursor": cursor})).json()
        assert len(page[key]) <= limit
        found += page[key]
        cursor = page["next_cursor"]
        if cursor is None or not page[key]:
            return found
    raise AssertionError("it never ends")


def test_pages_hold_everything_once(people: People) -> None:
    ann = people("ann")
    action_id = proposed(ann)
    previewed(ann, action_id)
    for limit in (1, 3, 1000):
        assert [n["network_id"] for n in pages(ann, "/v1/networks", "networks", limit)] == ["n1", "n2"]
        members = [m["account_id"] for m in pages(ann, "/v1/networks/n1", "members", limit)]
        assert members == [f"bot-{i:02d}" for i in range(8)]
        targets = pages(ann, f"/v1/network-actions/{action_id}", "targets", limit)
        assert [t["account_id"] for t in targets] == members
        rows = pages(ann, "/v1/audit", "rows", limit)
        assert [r["seq"] for r in rows] == list(range(1, len(rows) + 1))


def test_networks_are_filtered(people: People) -> None:
    ann = people("ann")

    def ids(**filters: Any) -> list[str]:
        return [n["network_id"] for n in ann.get("/v1/networks", **filters).json()["networks"]]

    assert ids(min_tier="restrict") == ["n1"]
    assert ids(min_tier="watch") == ["n1", "n2"]
    assert ids(min_size=4) == ["n1"]
    assert ids(account_id="m2") == ["n2"]
    assert ids(account_id="nobody") == []


def test_private_objects_are_redacted_and_reading_them_is_audited(people: People, engine: Engine) -> None:
    plain = people("ann").get("/v1/networks/n2")
    assert "secret-person" not in plain.text
    assert {a["object_id"] for a in plain.json()["evidence"]} == {"(private)", "hashtag:open"}
    allowed = people("lea", [*ALL, "private:read"]).get("/v1/networks/n2")
    assert "m1 and m2 acted on account:secret-person by message, 5 s apart" in allowed.text
    with reading(engine) as tx:
        read = select(audit.c.actor, audit.c.subject, audit.c.detail).where(audit.c.event == "evidence.private_read")
        ((actor, subject, detail),) = tx.execute(read).all()
    assert (actor, subject) == ("lea", "n2")
    assert detail["key_id"] == people("lea").key.split("_")[1], "by which of lea's keys"


MATRIX = [
    ("GET", "/v1/accounts/bot-00/verdict", None, "verdict:read"),
    ("GET", "/v1/accounts/bot-00/verdicts", None, "verdict:read"),
    ("POST", "/v1/verdicts:batchGet", {"account_ids": ["bot-00"]}, "verdict:read"),
    ("GET", "/v1/networks", None, "verdict:read"),
    ("GET", "/v1/networks/n1/verdicts", None, "verdict:read"),
    ("GET", "/v1/networks/n1/verdict", None, "verdict:read"),
    ("GET", "/v1/networks/n1", None, "evidence:read"),
    ("GET", "/v1/feed", None, "verdict:read"),
    ("GET", "/v1/network-actions", None, "evidence:read"),
    ("GET", "/v1/network-actions/none", None, "evidence:read"),
    ("POST", "/v1/network-actions", {"network_id": "n1", "action": "warn", "reason": "x"}, "action:propose"),
    ("POST", "/v1/network-actions/none:preview", None, "action:propose"),
    ("POST", "/v1/network-actions/none:cancel", {"reason": "x"}, "action:propose"),
    ("POST", "/v1/network-actions/none:approve", {"digest": "0" * 64}, "action:approve"),
    ("POST", "/v1/network-actions/none:reject", {"reason": "x"}, "action:approve"),
    ("POST", "/v1/network-actions/none:execute", None, "action:execute"),
    ("POST", "/v1/network-actions/none:reverse", {"reason": "x"}, "action:execute"),
    ("POST", "/v1/network-actions/none:pause", {"reason": "x"}, "action:execute"),
    ("POST", "/v1/network-actions/none:resume", {"reason": "x"}, "action:execute"),
    ("POST", "/v1/network-actions/none/targets/bot-00:reverse", {"reason": "x"}, "action:execute"),
    (
        "POST",
        "/v1/network-actions/none:override",
        {"cap": "per_hour", "targets": 9, "hours": 1, "reason": "x"},
        "action:approve",
    ),
    ("GET", "/v1/kill-switch", None, "verdict:read"),
    ("POST", "/v1/kill-switch:lift", {"reason": "x"}, "action:halt"),
    ("POST", "/v1/kill-switch:set", {"reason": "x"}, "action:halt"),
    ("GET", "/v1/review-queue", None, "review:write"),
    ("POST", "/v1/reviews", {"account_id": "m1", "decision": "unsure", "reason": "x"}, "review:write"),
    ("GET", "/v1/audit", None, "audit:read"),
    ("GET", "/v1/audit/checkpoint", None, "audit:read"),
    ("GET", "/v1/penalties", None, "verdict:read"),
    ("GET", "/metrics", None, "metrics:read"),
    ("GET", "/v1/policies", None, "policy:read"),
    ("GET", "/v1/policies/none", None, "policy:read"),
    ("GET", "/v1/policies/none/shadow", None, "policy:read"),
    ("POST", "/v1/policies", {"text": load().text, "reason": "x"}, "policy:write"),
    ("POST", "/v1/policies/none:withdraw", {"reason": "x"}, "policy:write"),
    ("POST", "/v1/policies/none:activate", {"reason": "x", "publication_id": 1}, "policy:activate"),
]


def test_every_operation_needs_exactly_its_scope(
    people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_keys(tmp_path / "audit.pem")
    monkeypatch.setenv("SHOAL_AUDIT_KEY", str(tmp_path / "audit.pem"))
    document = people.http.get("/openapi.json").json()
    operations = sum(len(methods) for methods in document["paths"].values())
    assert operations == len(MATRIX) + 2, "healthz and readyz are open; every other operation is in the matrix"
    for method, path, body, wanted in MATRIX:
        without = people(f"without {wanted}", sorted({*auth.SCOPES} - {wanted}))
        only = people(f"only {wanted}", [wanted])
        for who, expected in ((without, {403}), (only, {200, 201, 404, 409})):
            answer = who.get(path) if method == "GET" else who.post(path, body)
            assert answer.status_code in expected, (method, path, answer.text)
        bare = people.http.request(method, path, json=body)
        assert (bare.status_code, bare.headers["www-authenticate"]) == (401, 'Bearer realm="shoal"')


def test_keys_are_stored_hashed_and_end_when_revoked(people: People, engine: Engine) -> None:
    ann = people("ann")
    key_id = ann.key.split("_")[1]
    with reading(engine) as tx:
        stored = json.dumps([dict(r) for r in tx.execute(select(api_keys)).mappings()])
    assert ann.key.split("_")[2] not in stored
    for wrong in (ann.key[:-1] + "x", f"shoal_{key_id}_", "shoal_nobody_x", "x", ann.key.replace("shoal", "other", 1)):
        answer = people.http.get("/v1/networks", headers={"Authorization": f"Bearer {wrong}"})
        assert answer.status_code == 401
        assert answer.json()["detail"] == "this API key is not valid"
    auth.revoke(engine, key_id, actor="test")
    assert ann.get("/v1/networks").status_code == 401


def is_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["type"].startswith("urn:shoal:problem:")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "Traceback" not in answer.text
    return body


def raw(who: Caller, content: Any) -> httpx.Response:
    """Send bytes as they are to an operation that takes JSON."""
    headers = {"Authorization": f"Bearer {who.key}", "Content-Type": "application/json"}
    return who.http.post("/v1/verdicts:batchGet", content=content, headers=headers)


def test_every_error_is_a_problem(people: People) -> None:
    ann = people("ann")
    is_problem(ann.get("/v1/nothing"), 404)
    is_problem(ann.get("/v1/network-actions/na-unknown"), 404)
    is_problem(ann.get("/v1/networks/none"), 404)
    is_problem(people.http.delete("/v1/networks"), 405)
    is_problem(ann.get("/v1/networks", limit=0), 422)
    is_problem(ann.get("/v1/networks", min_tier="worst"), 422)
    is_problem(ann.get("/v1/audit", cursor="abc"), 422)
    is_problem(ann.get("/v1/accounts/%00/verdict"), 422)
    is_problem(ann.get(f"/v1/accounts/{'x' * 513}/verdict"), 422)
    for content, status in (
        (b"{", 422),
        (b"\xff\xfe", 422),
        (b"[" * 100_000, 422),
        (b'{"account_ids": ["\\ud800"]}', 422),
    ):
        is_problem(raw(ann, content), status)
    for ids in ([], [""], [1], ["x" * 513], ["a\x00b"], ["a"] * 1001, "a", None):
        is_problem(ann.post("/v1/verdicts:batchGet", {"account_ids": ids}), 422)
    more = {"network_id": "n1", "action": "ban", "reason": "x", "more": 1}
    unknown = is_problem(ann.post("/v1/network-actions", more), 422)
    assert unknown["errors"][0]["where"] == "body.more"
    is_problem(ann.post("/v1/network-actions", {"network_id": "n1", "action": "delete", "reason": "x"}), 422)
    is_problem(ann.post("/v1/network-actions", {"network_id": "n1", "action": "ban", "reason": " "}), 422)
    is_problem(ann.post("/v1/network-actions", {"network_id": "none", "action": "ban", "reason": "x"}), 404)


def test_bodies_over_the_limit_are_refused_declared_or_not(people: People) -> None:
    large = b'{"account_ids": ["' + b"x" * MAX_BODY + b'"]}'
    is_problem(raw(people("ann"), large), 413)
    chunks = (large[i : i + 65536] for i in range(0, len(large), 65536))
    is_problem(raw(people("ann"), chunks), 413)


def test_the_idempotency_key_is_wanted_where_something_happens(people: People) -> None:
    ann = people("ann")
    body = {"network_id": "n1", "action": "ban", "reason": "x"}
    bare = people.http.post("/v1/network-actions", json=body, headers={"Authorization": f"Bearer {ann.key}"})
    assert is_problem(bare, 400)["type"] == "urn:shoal:problem:idempotency-key-missing"
    first = ann.post("/v1/network-actions", body, idem="k1")
    again = ann.post("/v1/network-actions", body, idem="k1")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotent-replayed"] == "true"
    is_problem(ann.post("/v1/network-actions", {**body, "reason": "y"}, idem="k1"), 422)
    other = people("bea").post("/v1/network-actions", body, idem="k1")
    assert other.json()["action_id"] != first.json()["action_id"], "a key belongs to its caller"


def test_an_error_of_ours_says_nothing_of_its_inside(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: Any, **_named: Any) -> None:
        raise RuntimeError("secret of the inside")

    monkeypatch.setattr("api.networks.listed", broken)
    answer = people("ann").get("/v1/networks")
    body = is_problem(answer, 500)
    assert "secret" not in answer.text
    assert body["title"] == "Internal Server Error"


def test_health(people: People) -> None:
    assert people.http.get("/healthz").json()["status"] == "ok"
    assert people.http.get("/readyz").json()["run_id"] is not None


def test_the_document_describes_errors_as_problems(people: People) -> None:
    document = people.http.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/v1"):
                refused = operation["responses"]["422"]["content"]
                assert list(refused) == ["application/problem+json"], (method, path)
                assert operation["security"] == [{"HTTPBearer": []}]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert "Problem" in document["components"]["schemas"]


def test_before_the_first_publication(engine: Engine) -> None:
    with served(engine) as people:
        ann = people("ann")
        assert ann.get("/v1/accounts/a/verdict").json()["known"] is False
        assert ann.get("/v1/networks").json() == {"networks": [], "next_cursor": None}
        is_problem(people.http.get("/readyz"), 503)
        is_problem(ann.post("/v1/network-actions", {"network_id": "n", "action": "ban", "reason": "x"}), 409)
        made = ann.post("/v1/reviews", {"account_id": "a", "decision": "ai_hosted", "reason": "x"})
        assert (made.status_code, made.json()["tier"]) == (201, None)


def test_a_banned_network_is_listed_with_its_reasons(people: People) -> None:
    found = people("ann").get("/v1/networks/n1").json()
    assert found["tier"] == "ban"
    assert found["reasons"][0]["text"] == "Of its 8 members: 8 ban."
    assert {m["tier"] for m in found["members"]} == {"ban"}

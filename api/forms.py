"""What a request must look like before anything reads it: small headers, a JSON body that says one thing."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import strict_json
from api.problems import problem
from graph.errors import InputError

MAX_HEADERS = 32 << 10


class HeaderLimit:
    """Refuse requests whose headers, with the path, have more than `limit` bytes."""

    def __init__(self, app: ASGIApp, limit: int = MAX_HEADERS) -> None:
        self.app, self.limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http":
            size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
            size += sum(len(name) + len(value) for name, value in scope["headers"])
            if size > self.limit:
                refusal = problem(431, "headers-too-large", f"path and headers may have {self.limit} bytes")
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)


class FormCheck:
    """Refuse bodies that are not plain JSON: packed ones, other types, names twice, NaN, endless nesting.

    A packed body could grow a thousandfold after the limit on bodies let it in; nobody needs it here.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with the body it came with, or refuse it."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"", b"identity"):
            more = {"Accept-Encoding": "identity"}
            refusal = problem(415, "unsupported-media-type", "bodies are taken as they are, not packed", headers=more)
            await refusal(scope, receive, send)
            return
        messages, body = await _all_of(receive)
        fault = _fault(headers.get(b"content-type", b""), body)
        if fault is not None:
            await fault(scope, receive, send)
            return

        async def again() -> Message:
            return messages.pop(0) if messages else await receive()

        await self.app(scope, again, send)


async def _all_of(receive: Receive) -> tuple[list[Message], bytes]:
    messages = [await receive()]
    while messages[-1]["type"] == "http.request" and messages[-1].get("more_body", False):
        messages.append(await receive())
    return messages, b"".join(message.get("body", b"") for message in messages)


def _fault(content_type: bytes, body: bytes) -> ASGIApp | None:
    """The refusal of a body; None if it may go on. What is no JSON at all, the routes refuse."""
    if not body:
        return None
    kind, _, parameters = content_type.decode("latin-1").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
        more = {"Accept-Post": "application/json"}
        return problem(415, "unsupported-media-type", "a body must be application/json, in UTF-8", headers=more)
    try:
        strict_json.load(body)
    except InputError as error:
        return problem(422, "invalid", str(error))
    except ValueError:
        return None
    return None

"""What every request meets before any route: a limit on its body, and headers on its answer."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import HEADERS, problem

MAX_BODY = 4 << 20
EXTRA = "shoal.headers"  # where in a request's scope headers for its answer wait
_RAW = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


class _TooLargeError(Exception):
    """The body grew over the limit while it was read."""


class BodyLimit:
    """Refuse request bodies over `limit` bytes, declared or not."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY) -> None:
        self.app, self.limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting its body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = problem(413, "too-large", f"a request body may have {self.limit} bytes")
        declared = next((v for k, v in scope["headers"] if k == b"content-length"), b"0")
        if declared.isdigit() and int(declared) > self.limit:
            await refusal(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.limit:
                raise _TooLargeError
            return message

        try:
            await self.app(scope, counted, send)
        except _TooLargeError:  # bodies are read whole before anything is answered
            await refusal(scope, receive, send)


class SecurityHeaders:
    """Headers that keep browsers from guessing, framing or keeping answers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the answer back with the headers."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *scope.get(EXTRA, ())]
                given = {name.lower() for name, _ in message["headers"]}
                extra = list(_RAW)
                if b"cache-control" not in given:
                    extra.append((b"cache-control", b"no-store"))
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)

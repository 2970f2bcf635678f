"""Running the application: a socket, uvicorn, a file that says where it listens, and a clean end on SIGTERM."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from graph.errors import ConflictError
from graph.files import write_json


def serve(app: FastAPI, host: str, port: int, where: Path, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C. While it runs, `where` holds its process id and URL.

    Raises ConflictError if the address is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's delay off only where the socket says its protocol: without it each answer takes 40 ms
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConflictError(f"cannot listen on {host} port {port}: {error.strerror}") from error
    shown = f"[{host}]" if family == socket.AF_INET6 else host
    url = f"http://{shown}:{listener.getsockname()[1]}"

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                write_json(where, {"pid": os.getpid(), "url": url})
                ready(url)

    config = configuration(app)
    try:
        with until_stopped():  # uvicorn hands the signal on once it has shut down: then it ends here, not there
            Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        where.unlink(missing_ok=True)
        listener.close()


def configuration(app: FastAPI) -> uvicorn.Config:
    """How the application is served: it logs for itself, and knows for itself which proxies to believe."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        proxy_headers=False,
    )


@contextmanager
def until_stopped() -> Iterator[Callable[[], bool]]:
    """Yield a function that says True until SIGTERM or Ctrl-C arrives; the work at hand can then end well."""
    stopped = threading.Event()

    def stop(_number: int, _frame: object) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: not stopped.is_set()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

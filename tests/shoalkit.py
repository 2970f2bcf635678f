"""The command as a person runs it."""

from __future__ import annotations

import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import NamedTuple
from unittest.mock import patch


class Done(NamedTuple):
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


def shoal(*arguments: object) -> Done:
    """Run `shoal` with these arguments in this process, from its entry point on."""
    from shoal import main

    out, err, code = StringIO(), StringIO(), 0
    with patch.object(sys, "argv", ["shoal", *map(str, arguments)]), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Done(code, out.getvalue(), err.getvalue())

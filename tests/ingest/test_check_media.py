"""`shoal check-media` as a person runs it, and what protects that person: no connection, bounded memory and time."""

from __future__ import annotations

import json
import os
import platform
import signal
import socket
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import mediakit as kit
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shoalkit import Done, shoal

from graph.errors import UnavailableError
from ingest.provenance import check, worker
from ingest.provenance.check import check_media, text
from ingest.provenance.marker import MEANING
from ingest.provenance.worker import Limits

FIELDS = ["file", "status", "meaning", "container", "markers", "unread", "hash"]


def check_files(*arguments: object) -> Done:
    """Run `shoal check-media` in this process, from the entry point on."""
    return shoal("check-media", *arguments)


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_one_json_object_a_file_in_order(tmp_path: Path) -> None:
    files = [
        put(tmp_path / "signed.jpg", kit.signed("jpeg")),
        put(tmp_path / "labelled.mp4", kit.mp4(kit.mp4_keys(AIGC=json.dumps(kit.LABEL)))),
        put(tmp_path / "wrong-name.txt", kit.png_text(("parameters", kit.PARAMETERS))),
        put(tmp_path / "plain.webp", kit.saved(kit.scene(1), "webp")),
    ]
    done = check_files("--json", *files)
    answers = [json.loads(line) for line in done.out.splitlines()]
    assert (done.code, done.err) == (0, "")
    assert [a["file"] for a in answers] == list(map(str, files))
    assert [a["status"] for a in answers] == ["valid-untrusted", "declared", "declared", "none"]
    assert [list(a) for a in answers] == [FIELDS, [*FIELDS, "no_hash"], FIELDS, FIELDS]
    assert answers[1]["no_hash"] == "moving pictures are not hashed"
    assert all(len(a["hash"]["pdq"]) == 64 and len(a["hash"]["variants"]) == 5 for a in answers if a["hash"])
    assert "says nothing about who or what made this" in answers[3]["meaning"]


def test_trust_anchors_are_what_makes_trusted(tmp_path: Path) -> None:
    file = put(tmp_path / "signed.png", kit.signed("png"))
    roots = [kit.authority("Another").root, kit.authority().root]
    anchors = put(tmp_path / "anchors.pem", "# Liste der Prüfstellen\n".encode().join([b"", *roots]))
    done = check_files(file, "--trust-anchors", anchors)
    assert done.code == 0
    assert done.out.splitlines()[0] == f"{file}: trusted"
    for bad in (b"", b"no certificate", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        refused = check_files(file, "--trust-anchors", put(tmp_path / "bad.pem", bad))
        assert (refused.code, refused.out) == (2, "")
        assert f"{tmp_path / 'bad.pem'}: no PEM file of certificates" in refused.err
    assert check_files(file, "--trust-anchors", tmp_path / "missing.pem").code == 2


def test_what_cannot_be_read_is_said_and_the_others_are_answered(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    good = put(tmp_path / "good.png", kit.saved(kit.scene(1), "png"))
    wanted = {
        tmp_path / "missing": "cannot be opened (No such file or directory)",
        tmp_path / "pipe": "no regular file",
        tmp_path / "folder": "a folder",
        Path("/dev/zero"): "no regular file",
        put(tmp_path / "empty", b""): "empty",
        put(tmp_path / "text", b"just words"): "neither JPEG, PNG, WebP nor MP4 by its first bytes",
        put(tmp_path / "cut.png", good.read_bytes()[:100]): "byte 33: a chunk b'IDAT' that says it is",
    }
    done = check_files("--json", *wanted, good)
    answers = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 2
    assert done.err == "Error: 7 of 8 files could not be read\n"
    assert [a["status"] for a in answers] == ["error"] * 7 + ["none"]
    for answer, why in zip(answers, wanted.values(), strict=False):
        assert answer["error"].startswith(why), answer
    assert list(answers[0]) == ["file", "status", "error", *FIELDS[2:], "no_hash"]


def test_nothing_from_a_file_reaches_the_terminal_as_it_is(tmp_path: Path) -> None:
    clear = "\x1b[2J\u202e"
    label = kit.LABEL | {"ContentProducer": clear, "ProduceID": clear}
    file = put(tmp_path / f"a{clear}.png", kit.png_text(("AIGC", json.dumps(label))))
    done = check_files(file, put(tmp_path / "b", b"\x1b[2J"))
    assert "\\u001b[2J\\u202e" in done.out
    assert not {"\x1b", "\u202e"} & set(done.out + done.err)
    strange = os.fsdecode(bytes(tmp_path) + b"/\xff.png")
    put(Path(strange), kit.saved(kit.scene(1), "png"))
    answer = json.loads(check_files("--json", strange).out)
    assert (answer["file"], answer["status"]) == (strange, "none")


def test_every_status_can_be_said_in_words() -> None:
    for status in MEANING:
        answer = {
            "file": "f",
            "status": status,
            "meaning": MEANING[status],
            "container": "mp4",
            "markers": [],
            "unread": ["a"],
        }
        said = text(answer | {"hash": None, "no_hash": "b"} | ({"error": "c"} if status == "error" else {}))
        assert said.splitlines()[0] == f"f: {status}"
        assert said.endswith(MEANING[status])


def test_the_extra_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "find_spec", lambda name: None if name == "c2pa" else name)
    with pytest.raises(UnavailableError, match=r"extra media; not installed: c2pa-python$"):
        next(check_media([]))


def test_what_lies_in_the_current_folder_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ingest").mkdir()
    put(tmp_path / "ingest" / "__init__.py", b"raise SystemExit('run!')")
    put(tmp_path / "json.py", b"raise SystemExit('run!')")
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "a.png", kit.saved(kit.scene(1), "png"))
    assert next(check_media([Path("a.png")]))["status"] == "none"


# no connection, ever


@pytest.fixture
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """A server that writes down whoever comes."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        done = threading.Event()

        def listen() -> None:
            while not done.is_set():
                try:
                    caller, _ = server.accept()
                except TimeoutError:
                    continue
                with caller:
                    caller.settimeout(5)
                    heard.append(caller.recv(100))
                    caller.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=listen)
        thread.start()
        yield server.getsockname()[1], heard
        done.set()
        thread.join()


# what the library does if it may: read the file given, after a line of one's own
READ = """
import sys
from c2pa import Context, Reader, Settings
from ingest.provenance.worker import Limits, _confine
file = open(sys.argv[1], "rb")
settings = Settings.from_dict({"verify": {"remote_manifest_fetch": True}})
{line}
try:
    Reader("image/jpeg", file, context=Context(settings))
except Exception as error:
    print(error)
"""


def test_a_manifest_kept_elsewhere_brings_no_connection(
    tmp_path: Path, listener: tuple[int, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, heard = listener
    address = f"http://127.0.0.1:{port}/manifest.c2pa"
    for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    entity = f'<!DOCTYPE x SYSTEM "http://127.0.0.1:{port}/x.dtd"><x/>'
    files = [put(tmp_path / f"away.{c}", kit.signed(c, remote=address, embed=False)) for c in kit.MIME]
    files += [put(tmp_path / f"both.{c}", kit.signed(c, remote=address)) for c in kit.MIME]
    files += [put(tmp_path / "entity.png", kit.png_text(("XML:com.adobe.xmp", entity)))]
    answers = list(check_media(files))
    assert [a["status"] for a in answers] == ["none"] * 4 + ["valid-untrusted"] * 4 + ["error"]
    assert all(address in a["unread"][0] for a in answers[:4])
    assert heard == []

    # the listener would have heard it: the library's own default does connect ...
    script = [sys.executable, "-c", READ.replace("{line}", ""), str(files[0])]
    clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    subprocess.run(script, env=clean, check=True, timeout=60, capture_output=True)
    assert len(heard) == 1
    assert b"GET /manifest.c2pa" in heard[0]
    # ... and cannot, even where it wants to, once the child has given up its right to open anything
    script = [sys.executable, "-c", READ.replace("{line}", "_confine(Limits())"), str(files[0])]
    subprocess.run(script, env=clean, timeout=60, capture_output=True)
    assert len(heard) == 1


# kills whoever asks the kernel for a socket: seen even where the address is nowhere, and in native code
GUARD = """
import ctypes, os, struct, sys
call = {"x86_64": 41, "aarch64": 198}[os.uname().machine]
steps = [(0x20, 0, 0, 0), (0x15, 0, 1, call), (0x06, 0, 0, 0x80000000), (0x06, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.c_char_p(program), 0, 0) == 0, ctypes.get_errno()
os.execv(sys.argv[1], sys.argv[1:])
"""


def guarded(*arguments: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", GUARD, sys.executable, *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=300)


def test_nothing_asks_for_a_socket_whatever_the_file(tmp_path: Path, need: Callable[[str, bool, str], None]) -> None:
    need("seccomp", platform.machine() in ("x86_64", "aarch64"), "the guard knows no number for socket() here")
    control = guarded("-c", "import socket; socket.socket()")
    need("seccomp", control.returncode != 1, f"no filter can be set: {control.stderr[-200:]}")
    assert control.returncode == -signal.SIGSYS
    # a name instead of a number: looking it up would take a socket as well
    address = "https://manifests.example/m.c2pa"
    files = [put(tmp_path / f"away.{c}", kit.signed(c, remote=address, embed=False)) for c in kit.MIME]
    files += [put(tmp_path / f"signed.{c}", kit.signed(c)) for c in kit.MIME]
    anchors = put(tmp_path / "anchors.pem", kit.authority().root)
    done = guarded("-m", "shoal", "check-media", "--json", *files, "--trust-anchors", anchors)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [a["status"] for a in answers] == ["none"] * 4 + ["trusted"] * 4
    assert all(a["hash"] for a in answers if a["container"] != "mp4")
    # the guard sees the library
    assert guarded("-c", READ.replace("{line}", ""), files[0]).returncode == -signal.SIGSYS


# memory and time


def bomb(side: int, rows: int) -> bytes:
    """A PNG of a few bytes that unpacks to side x rows pixels of 16 bits and four colours, all transparent black."""
    packer = zlib.compressobj(9)
    ten = bytes(8 * side + 1) * 10
    # after a full flush a block stands for itself, so it can be said over and over
    first, block = (packer.compress(ten) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    packed = first + block * (rows // 10 - 1)
    header = kit.chunk(b"IHDR", struct.pack(">IIBBBBB", side, rows, 16, 6, 0, 0, 0))
    label = kit.chunk(b"tEXt", b"AIGC\0" + json.dumps(kit.LABEL).encode())
    return kit.SIGNATURE + header + label + kit.chunk(b"IDAT", packed) + kit.chunk(b"IEND", b"")


def test_what_costs_too_much_loses_its_hash_and_not_its_markers(tmp_path: Path) -> None:
    small = put(tmp_path / "small.png", kit.saved(kit.scene(1), "png"))
    large = put(tmp_path / "large.png", bomb(9000, 9000))
    huge = put(tmp_path / "huge.png", bomb(60000, 60000))
    assert large.stat().st_size < 2**20
    answers = list(check_media([large, huge, small], limits=Limits(memory=64)))
    assert [a["status"] for a in answers] == ["declared", "declared", "none"]
    assert answers[0]["no_hash"] == "needs more than 64 MiB"
    assert answers[1]["no_hash"] == "more than 89,478,485 pixels"
    assert answers[2]["hash"]["usable"]
    slow = list(check_media([large, small], limits=Limits(cpu_seconds=1)))
    assert [a["status"] for a in slow] == ["declared", "none"]
    assert slow[0]["no_hash"] == "took more than 1 s of the processor"
    assert slow[1]["hash"]["usable"]


def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    files = [put(tmp_path / f"{n}.png", kit.saved(kit.scene(n), "png")) for n in range(2)]
    answers = list(check_media(files, limits=Limits(seconds=0)))
    assert [a.get("error") or a["no_hash"] for a in answers] == ["took more than 0 s"] * 2


def test_a_file_beyond_the_limit_is_not_opened_up(tmp_path: Path) -> None:
    file = put(tmp_path / "large.mp4", kit.mp4(after=bytes(2**20)))
    answer = next(check_media([file], limits=Limits(size=1)))
    assert (answer["status"], answer["error"]) == ("error", "1 MiB; 1 are the limit")


def test_a_crash_of_the_reader_costs_one_file_and_one_of_the_program_too(tmp_path: Path) -> None:
    assert worker._death(signal.SIGSEGV, Limits()).startswith("made the reader crash (SIGSEGV)")
    file = put(tmp_path / "a.png", kit.saved(kit.scene(1), "png"))
    running = check._Worker(worker.configuration(Limits(), None))
    try:
        assert running.ask(file)["status"] == "none"
        running._running.kill()
        running._running.wait()
        assert "ended (-9)" in running.ask(file)["error"]
        assert running.ask(file)["status"] == "none"
    finally:
        running.close()


def test_children_leave_nothing_behind(tmp_path: Path) -> None:
    files = [put(tmp_path / f"{n}.png", kit.saved(kit.scene(n), "png")) for n in range(3)]
    before = set(psutil.Process().children())
    asked = check_media(files)
    next(asked)
    assert set(psutil.Process().children()) > before
    asked.close()  # somebody stops after the first
    assert set(psutil.Process().children()) <= before


@pytest.fixture(scope="module")
def reader() -> Iterator[check._Worker]:
    running = check._Worker(worker.configuration(Limits(seconds=20), kit.authority().root.decode()))
    yield running
    running.close()


SIGNED = [kit.signed(container) for container in kit.MIME]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    which=st.integers(0, len(SIGNED) - 1),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), max_size=8),
    keep=st.floats(0, 1) | st.just(1.0),
)
def test_mutated_signed_files_are_answered_and_trusted_only_if_whole(
    reader: check._Worker, tmp_path: Path, which: int, changes: list[tuple[float, bytes]], keep: float
) -> None:
    whole = SIGNED[which]
    data = bytearray(whole)
    for at, value in changes:
        start = int(at * len(data))
        data[start : start + len(value)] = value
    del data[int(keep * len(data)) :]
    answer = reader.ask(put(tmp_path / "mutated", bytes(data)))
    assert answer.get("status", "error") in MEANING
    assert ("status" in answer) != ("error" in answer)  # a crash of the child is an answer as well
    if bytes(data) == whole:
        assert answer["status"] == "trusted"
    elif answer.get("status") in ("trusted", "valid-untrusted"):  # what was changed is no part of the picture
        assert answer.get("hash") == reader.ask(put(tmp_path / "whole", whole)).get("hash")

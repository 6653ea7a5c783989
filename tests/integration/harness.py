"""Drives the real programs: a device in a folder, its agent, and the command line."""

import contextlib
import dataclasses
import functools
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DONE, FAILED, USAGE, REFUSED, UNREACHABLE, STILL_GOING = range(6)
PATIENCE = 60.0  # for what takes a second or two on an idle machine


@functools.lru_cache(maxsize=None)
def program(name: str) -> str:
    """The built program: under $CUTOVER_BIN, or build/release."""
    folder = pathlib.Path(os.environ.get("CUTOVER_BIN", ROOT / "build" / "release"))
    found = [path for path in sorted(folder.rglob(name)) if path.is_file()
             and os.access(path, os.X_OK) and "CMakeFiles" not in path.parts]
    if not found:
        raise FileNotFoundError(f"no {name} under {folder}: build the release preset first")
    return str(found[0])


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one command said."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def error_id(self) -> str:
        """Of `error[ID]: ...`, or of the JSON error; empty when there is none."""
        for line in self.err.splitlines() + self.out.splitlines():
            if line.startswith("error["):
                return line[len("error["):].split("]")[0]
        for line in reversed(self.out.splitlines()):
            with contextlib.suppress(ValueError, AttributeError, KeyError, TypeError):
                said = json.loads(line)
                return (said.get("error") or said["operation"]["error"])["id"]
        return ""

    def __str__(self) -> str:
        return f"cutover {' '.join(self.words)}\nexit {self.code}\n{self.out}{self.err}"

    def expect(self, code: int) -> "Outcome":
        assert self.code == code, f"expected exit {code}:\n{self}"
        return self


def cutover(*words: object, timeout: float = PATIENCE, environment: dict | None = None,
            folder: pathlib.Path | None = None) -> Outcome:
    line = tuple(str(word) for word in words)
    done = subprocess.run([program("cutover"), *line], check=False, timeout=timeout, cwd=folder,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env={**os.environ, "NO_COLOR": "1", **(environment or {})})
    return Outcome(line, done.returncode, done.stdout, done.stderr)


class Away(AssertionError):
    """No agent answers."""


def until(condition, what: str, patience: float = PATIENCE):
    """The first true value of `condition()`; fails when it takes too long.

    A device may restart meanwhile: while it is away, the condition does not hold.
    """
    end = time.monotonic() + patience
    while True:
        with contextlib.suppress(Away):
            if value := condition():
                return value
        assert time.monotonic() < end, f"waited {patience:.0f} s for: {what}"
        time.sleep(0.03)


def rows(document) -> list[dict]:
    """A list, or the one list in a document."""
    if isinstance(document, list):
        return document
    lists = [value for value in document.values() if isinstance(value, list)]
    assert len(lists) == 1, f"not one list: {document}"
    return lists[0]


def fingerprint(folder: pathlib.Path) -> str:
    """Of every name, type, mode, owner, link, extended attribute and byte below a folder.

    An absolute link counts as the relative one to the same place: packages hold only those, and
    of extended attributes only these (docs/package-format.md).
    """
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        name = path.relative_to(folder)
        links = status.st_nlink if path.is_file() and not path.is_symlink() else 1
        total.update(f"{name} {status.st_mode:o} {status.st_uid}:{status.st_gid} {links} ".encode())
        for attribute in sorted(os.listxattr(path, follow_symlinks=False)):
            if attribute != "security.capability" and not attribute.startswith("user."):
                continue
            total.update(attribute.encode() + os.getxattr(path, attribute, follow_symlinks=False))
        if path.is_symlink():
            target = os.readlink(path)
            if target.startswith("/"):
                target = "../" * (len(name.parts) - 1) + target.lstrip("/")
            total.update((target or ".").encode())
        elif path.is_file():
            total.update(digest_of(path).encode())
    return total.hexdigest()


def digest_of(file: pathlib.Path) -> str:
    total = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(1 << 20):
            total.update(block)
    return total.hexdigest()


class Device:
    """An emulated device and its agent."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.agent: subprocess.Popen | None = None

    # -- the power switch ---------------------------------------------------------------------

    def launch(self, environment: dict | None = None, wrapper: tuple[str, ...] = ()) -> None:
        """Switches it on without waiting."""
        assert self.agent is None
        with (self.folder.parent / f"{self.folder.name}-agent.log").open("ab") as log:
            self.agent = subprocess.Popen(
                [*wrapper, program("cutoverd"), "--device", str(self.folder)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})})

    def start(self, environment: dict | None = None, wrapper: tuple[str, ...] = ()) -> "Device":
        self.launch(environment, wrapper)
        self.wait_until_up()
        return self

    def wait_until_up(self) -> None:
        def answers() -> bool:
            assert self.agent is not None
            assert self.agent.poll() is None, f"cutoverd ended:\n{self.agent_log()[-3000:]}"
            return self.run("show", "status").code == DONE

        until(answers, "the agent answers")

    def kill(self) -> None:
        """A power cut."""
        if self.agent is not None:
            self.agent.kill()
            self.agent.wait()
            self.agent = None

    def stop(self) -> int:
        assert self.agent is not None
        self.agent.terminate()
        try:
            code = self.agent.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self.agent = None
        return code

    def agent_log(self) -> str:
        return (self.folder.parent / f"{self.folder.name}-agent.log").read_text(errors="replace")

    # -- the command line ---------------------------------------------------------------------

    def run(self, *words: object, timeout: float = PATIENCE, **more) -> Outcome:
        return cutover("--device", self.folder, *words, timeout=timeout, **more)

    def ask(self, *words: object):
        """What a `show` command says, as JSON."""
        said = self.run(*words, "--json")
        if said.code == UNREACHABLE:
            raise Away(str(said))
        return said.expect(DONE).json

    def client(self, *words: object) -> subprocess.Popen:
        """A command that is still running."""
        return subprocess.Popen([program("cutover"), "--device", str(self.folder),
                                 *map(str, words)], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    # -- what it is ---------------------------------------------------------------------------

    def versions(self) -> dict[str, str]:
        """Of the bases that the three marks point at."""
        shown = self.ask("show", "version")
        return {mark: shown[mark]["base"]["version"] for mark in ("running", "startup",
                                                                  "committed")}

    def at_rest_on(self, version: str) -> None:
        assert self.versions() == dict.fromkeys(("running", "startup", "committed"), version)
        assert self.ask("show", "status")["operation"] is None

    def active(self) -> str:
        return self.ask("show", "version")["active_slot"]

    def slot(self, name: str) -> pathlib.Path:
        return self.folder / "slots" / name

    def persistent(self, path: str) -> pathlib.Path:
        """A persistent file of the running base, as its user edits it."""
        return self.folder / "persist" / self.active() / path

    def operations(self) -> list[dict]:
        return rows(self.ask("show", "operations"))

    def last_operation(self) -> dict:
        return max(self.operations(), key=lambda operation: operation["operation"])

    def alarms(self) -> list[dict]:
        return rows(self.ask("show", "alarms"))

    def status_lines(self) -> list[str]:
        return self.run("show", "status", "--file").expect(DONE).out.splitlines()

    # -- what is set before it is started ------------------------------------------------------

    def configure(self, toml: str) -> None:
        """Adds keys to device.toml: to the table of that name, where the file has it already."""
        file = self.folder / "device.toml"
        lines = file.read_text().splitlines()
        place = len(lines)
        for line in toml.strip().splitlines():
            if line.startswith("["):
                known = line in lines and not line.startswith("[[")
                place = lines.index(line) + 1 if known else len(lines)
                if known:
                    continue
            lines.insert(place, line)
            place += 1
        file.write_text("\n".join(lines) + "\n")

    def script(self, stage: str, name: str, text: str) -> pathlib.Path:
        folder = self.folder / "stages" / stage
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / name
        file.write_text("#!/bin/sh\n" + text)
        file.chmod(0o755)
        return file

    def gate(self, stage: str) -> "Gate":
        """Holds every operation in `stage` until it is opened."""
        gate = Gate(self.folder.parent / "gate-open", self.folder.parent / "gate-reached")
        self.script(stage, "50-gate.sh",
                    f"touch {gate.reached}\n"
                    f"while [ ! -e {gate.opened} ]; do sleep 0.05; done\n")
        return gate


@dataclasses.dataclass(frozen=True)
class Gate:
    opened: pathlib.Path
    reached: pathlib.Path

    def wait(self) -> None:
        until(self.reached.exists, "the operation reaches the gate")

    def open(self) -> None:
        self.opened.touch()


def get(port: int, path: str = "/") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


class FileServer:
    """Serves a folder over HTTP with ranges; can break off, and counts what it sent."""

    def __init__(self, folder: pathlib.Path, break_after: int | None = None) -> None:
        self.sent = 0
        self.requests: list[str] = []
        self.breaks_left = 0 if break_after is None else 1
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_HEAD(self):
                self.answer(body=False)

            def do_GET(self):
                self.answer(body=True)

            def answer(self, body: bool):
                file = folder / pathlib.PurePosixPath(self.path.partition("?")[0]).name
                outer.requests.append(f"{self.path} {self.headers.get('Range', '')}".strip())
                if not file.is_file():
                    self.send_error(404)
                    return
                size = file.stat().st_size
                first, last, code = 0, size - 1, 200
                wanted = self.headers.get("Range", "")
                if wanted.startswith("bytes="):
                    begin, _, end = wanted[len("bytes="):].partition("-")
                    first, last, code = int(begin), int(end) if end else size - 1, 206
                    last = min(last, size - 1)
                self.send_response(code)
                self.send_header("Accept-Ranges", "bytes")
                self.send_header("ETag", f'"{size}"')
                self.send_header("Content-Length", str(last - first + 1))
                if code == 206:
                    self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
                self.end_headers()
                if body:
                    self.send_range(file, first, last)

            def send_range(self, file, first, last):
                with file.open("rb") as opened:
                    opened.seek(first)
                    left = last - first + 1
                    while left > 0:
                        block = opened.read(min(65536, left))
                        if outer.breaks_left and outer.sent + len(block) > break_after:
                            outer.breaks_left -= 1
                            self.wfile.write(block[:len(block) // 2])
                            self.wfile.flush()
                            self.close_connection = True
                            self.connection.shutdown(2)
                            return
                        self.wfile.write(block)
                        outer.sent += len(block)
                        left -= len(block)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> "FileServer":
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.server.shutdown()
        self.server.server_close()


def openssl(*words) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True,
                   stdin=subprocess.DEVNULL)


def must_refuse(device, package, ids: tuple[str, ...], code: int = REFUSED) -> None:
    before = fingerprint(device.folder / "slots")
    refused = device.run("upgrade", package).expect(code)
    assert refused.error_id.startswith(ids), refused
    assert "remedy:" in refused.err
    assert fingerprint(device.folder / "slots") == before
    device.at_rest_on("1.0.0")


def short_folder() -> pathlib.Path:
    """A fresh folder with a short path, on a real disk where TMPDIR is one."""
    return pathlib.Path(tempfile.mkdtemp(prefix="co-"))


def remove_folder(folder: pathlib.Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


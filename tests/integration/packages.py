"""Small packages on top of the demo OS: features with a real server, patches, packs."""

import pathlib
import shutil
import socket
import textwrap
import threading
import time

import demo_os
import harness

# Answers one line with its version, over a listening socket that it is handed; ends in order when
# it is told to. What is asked of it in between is answered.
SERVER = r'''
import os, select, signal, socket, sys, threading, time
VERSION = open("share/NAME/version").read().strip()
listener = socket.socket(fileno=3) if os.environ.get("LISTEN_FDS") else None
if listener is None:
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
behaviour = {"greet": lambda: "hello from " + VERSION}
ending = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ending.set())
def reload(*_):
    behaviour["greet"] = lambda text=open("share/NAME/version").read().strip(): "hello from " + text
signal.signal(signal.SIGHUP, reload)
def patch(*_):  # code that the running process loads into itself
    text = open("share/NAME/loaded").read() if os.path.exists("share/NAME/loaded") else None
    if text is None:
        reload()
    else:
        exec(text, behaviour)
signal.signal(signal.SIGUSR2, patch)
notify = os.environ.get("NOTIFY_SOCKET")
if notify:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as said:
        said.connect("\0" + notify[1:] if notify.startswith("@") else notify)
        said.send(b"READY=1")
def serve(connection):
    with connection:
        connection.settimeout(5)
        if connection.recv(100):
            connection.sendall((behaviour["greet"]() + "\n").encode())
listener.setblocking(False)  # another process may be quicker
woken, wake = socket.socketpair()
woken.setblocking(False)
wake.setblocking(False)
signal.set_wakeup_fd(wake.fileno())  # who is told to end takes nothing more
while not ending.is_set():
    ready, _, _ = select.select([listener, woken], [], [], 1)
    if woken in ready:
        woken.recv(100)
        continue
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        continue
    threading.Thread(target=serve, args=(connection,)).start()
for thread in threading.enumerate():
    if thread is not threading.current_thread() and not thread.daemon:
        thread.join(2)
'''


def ask(port: int) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"?")
        return connection.makefile().readline().strip()


class Shelf:
    """Builds packages of every kind, signed with the releases' key."""

    def __init__(self, releases, folder: pathlib.Path) -> None:
        self.releases = releases
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = demo_os.free_port()

    def build(self, name: str, version: str, toml: str,
              files: dict[str, str | pathlib.Path] | None = None, kind: str = "feature",
              signed: bool = True, payload: str = "tree", more: tuple = (),
              beside: dict[str, str] | None = None) -> pathlib.Path:
        suffix = {"feature": "ccx", "hardware": "cch", "patch": "PAT", "module": "MOD",
                  "pack": "upk"}[kind]
        work = self.folder / "work" / f"{name}-{version}"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        for path, text in (files or {}).items():
            (work / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
            if isinstance(text, pathlib.Path):
                shutil.copy(text, work / "tree" / path)
            else:
                (work / "tree" / path).write_text(text)
        for path, text in (beside or {}).items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(text)
        content = f'[payload]\ntype = "{payload}"\npath = "tree"\n' if files else ""
        (work / "package.toml").write_text(
            f'[package]\nkind = "{kind}"\nname = "{name}"\nversion = "{version}"\n'
            f'summary = "{name} for tests"\n{content}{textwrap.dedent(toml)}')
        out = self.folder / f"{name}-{version}.{suffix}"
        out.unlink(missing_ok=True)
        return self.releases.builder.build(work / "package.toml",
                                           self.releases.keys if signed else None, out, *more)

    def plain(self, name: str, version: str, toml: str = "", kind: str = "feature",
              **more) -> pathlib.Path:
        """A package with one file and no service."""
        return self.build(name, version, toml, {f"share/{name}/version": version + "\n"}, kind,
                          **more)

    def greeter(self, version: str, on_change: str = "restart-with-sockets",
                toml: str = "", health: str = "hello") -> pathlib.Path:
        """A feature with a server that says its version on `port`."""
        return self.build("greeter", version, f"""
            [[service]]
            name = "greeter"
            command = ["/usr/bin/python3", "share/greeter/server.py"]
            listen = ["tcp:127.0.0.1:{self.port}"]
            on-change = "{on_change}"
            ready = "notified"
            [[health]]
            name = "greeter greets"
            exec = ["/bin/sh", "-c", "grep -q . share/greeter/version && test {health} = hello"]
            retries = 2
            interval = "100ms"
            {toml}""", {"share/greeter/version": version + "\n",
                        "share/greeter/server.py": SERVER.replace("NAME", "greeter")})

    def pack(self, version: str, level: int, members: list[pathlib.Path], base: str = ">=1.0 <1.2",
             **more) -> pathlib.Path:
        listed = ", ".join(f'"{member}"' for member in members)
        return self.build("updates", version, f"""
            [compatible]
            base = "{base}"
            [pack]
            level = {level}
            members = [{listed}]
            """, kind="pack", **more)


class Load:
    """Asks a server from many connections until it is stopped; counts what went wrong."""

    def __init__(self, port: int, connections: int = 20, per_second: float = 200.0,
                 ask=ask) -> None:
        self.port = port
        self.ask = ask
        self.pause = connections / per_second
        self.answers: list[tuple[float, str]] = []
        self.failures: list[str] = []
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.work) for _ in range(connections)]

    def work(self) -> None:
        while not self.stop.is_set():
            try:
                answer = self.ask(self.port)
                if answer.startswith("hello"):
                    self.answers.append((time.monotonic(), answer))
                else:
                    self.failures.append(f"answer {answer!r}")
            except OSError as problem:
                self.failures.append(repr(problem))
            time.sleep(self.pause)

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        harness.until(lambda: len(self.answers) > len(self.threads), "the load runs")
        return self

    def __exit__(self, *_) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()

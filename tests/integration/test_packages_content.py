"""Real content on top of the base: packs that run themselves, Debian packages, a daemon."""

import http.client
import os
import pathlib
import subprocess

import debian_root
import harness
import packages
import pytest
from harness import DONE, REFUSED

SCRIPT_BYTES = 512  # of a self-extracting file, before the package itself


@pytest.fixture
def shelf(releases, workplace):
    return packages.Shelf(releases, workplace / "shelf")


def on_top(device) -> list[str]:
    return [f"{package['name']} {package['version']}"
            for package in device.ask("show", "version")["running"]["packages"]]


# -- an update pack that is run ----------------------------------------------------------------

def run_by_hand(device, pack: pathlib.Path) -> harness.Outcome:
    tools = pathlib.Path(harness.program("cutover")).parent
    done = subprocess.run([f"./{pack.name}"], cwd=pack.parent, check=False, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=harness.PATIENCE,
                          env={"PATH": f"{tools}:{os.environ['PATH']}",
                               "CUTOVER_DEVICE": str(device.folder), "NO_COLOR": "1"})
    return harness.Outcome((f"./{pack.name}",), done.returncode, done.stdout, done.stderr)


def test_a_pack_that_is_run_hands_itself_to_cutover(device, shelf):
    pack = shelf.pack("1", 1, [shelf.greeter("1.0"), shelf.plain("fresh", "1.0")],
                      more=("--self-extracting",))
    assert pack.read_bytes().startswith(b"#!/bin/sh\n")
    assert os.access(pack, os.X_OK)
    said = run_by_hand(device, pack).expect(DONE)
    assert "level 0 -> 1" in said.out
    assert sorted(on_top(device)) == ["fresh 1.0", "greeter 1.0"]
    assert packages.ask(shelf.port) == "hello from 1.0"
    assert run_by_hand(device, pack).expect(REFUSED).error_id == "plan.pack_not_newer"


def test_a_pack_that_was_changed_is_refused_and_nothing_of_it_runs(device, shelf):
    pack = shelf.pack("1", 1, [shelf.greeter("1.0")], more=("--self-extracting",))
    whole = pack.read_bytes()
    script = whole[:SCRIPT_BYTES]
    # What sh makes of a changed command is no concern of ours; a changed comment it does not see.
    comment, filling = script.index(b"# A package"), script.index(b"#---")
    by_hand = [comment + 4, filling + 4, SCRIPT_BYTES - 2,
               *range(SCRIPT_BYTES, len(whole), len(whole) // 12)]
    changed = pack.with_name("changed.upk")
    before = harness.fingerprint(device.folder / "slots")
    for place in sorted({*range(0, SCRIPT_BYTES, 24), *by_hand}):
        changed.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1:])
        changed.chmod(0o755)
        runs = [device.run("upgrade", changed)]
        if place in by_hand:
            runs.append(run_by_hand(device, changed))
        for said in runs:
            assert said.code == REFUSED, f"byte {place}:\n{said}"
            assert said.error_id.startswith(("package.", "signature.")), f"byte {place}:\n{said}"
    assert on_top(device) == []
    assert not any(service["name"] == "greeter"
                   for service in device.ask("show", "status")["services"])
    assert harness.fingerprint(device.folder / "slots") == before
    pack.chmod(0o755)
    run_by_hand(device, pack).expect(DONE)


# -- Debian packages as a payload --------------------------------------------------------------

class Debs:
    """A feature whose payload is two Debian packages: one with files, one with a script."""

    def __init__(self, shelf, folder: pathlib.Path) -> None:
        self.shelf = shelf
        self.folder = folder
        self.mark = f"cutover-test-{os.getpid()}"

    def deb(self, out: pathlib.Path, name: str, version: str, files: dict[str, str],
            script: str = "") -> None:
        root = self.folder / f"{name}-{version}"
        (root / "DEBIAN").mkdir(parents=True)
        (root / "DEBIAN" / "control").write_text(
            f"Package: {name}\nVersion: {version}\nArchitecture: all\n"
            f"Maintainer: Nobody <nobody@example.org>\nDescription: {name} for a test\n")
        if script:
            (root / "DEBIAN" / "postinst").write_text(f"#!/bin/sh\nset -e\n{script}")
            (root / "DEBIAN" / "postinst").chmod(0o755)
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", root,
                        out / f"{name}_{version}_all.deb"], check=True, capture_output=True)

    def feature(self, version: str) -> pathlib.Path:
        debs = self.folder / f"debs-{version}"
        debs.mkdir(parents=True)
        self.deb(debs, "cutover-test-files", version,
                 {f"usr/share/{self.mark}/version": version + "\n",
                  f"usr/share/{self.mark}/only-{version}": "here\n"})
        # It sees the base's files: /www is the demo OS's.
        self.deb(debs, "cutover-test-script", version, {f"etc/{self.mark}/empty": ""},
                 f'[ "$1" = configure ]\necho /www/* > /etc/{self.mark}/base\n'
                 f"echo {version} > /etc/{self.mark}/configured\n")
        return self.shelf.build("debs", version, "", {path.name: path for path in debs.iterdir()},
                                payload="deb")


@pytest.mark.root
def test_debian_packages_are_installed_into_a_layer(device, shelf, workplace):
    debs = Debs(shelf, workplace / "deb")
    device.run("install", debs.feature("1.0")).expect(DONE)
    view = device.folder / "run" / "current"
    assert (view / "usr/share" / debs.mark / "version").read_text() == "1.0\n"
    assert (view / "etc" / debs.mark / "configured").read_text() == "1.0\n"
    assert "/www/" in (view / "etc" / debs.mark / "base").read_text(), "it ran on top of the base"
    device.run("upgrade", debs.feature("1.1")).expect(DONE)
    assert (view / "usr/share" / debs.mark / "version").read_text() == "1.1\n"
    assert (view / "etc" / debs.mark / "configured").read_text() == "1.1\n"
    assert not (view / "usr/share" / debs.mark / "only-1.0").exists()
    device.run("uninstall", "debs").expect(DONE)
    assert not (view / "usr/share" / debs.mark).exists()
    assert not (view / "etc" / debs.mark).exists()
    for live in ("/etc", "/usr/share"):
        assert not (pathlib.Path(live) / debs.mark).exists(), "the live root was written to"
    known = subprocess.run(["dpkg-query", "-W", "cutover-test-script"], check=False,
                           capture_output=True)
    assert known.returncode != 0, "the live root's dpkg knows of it"


# -- a real daemon -----------------------------------------------------------------------------

@pytest.fixture(scope="session")
def nginx() -> pathlib.Path:
    """Debian's nginx, unpacked."""
    cache = debian_root.DEFAULT_CACHE / "nginx"
    program = cache / "root" / "usr" / "sbin" / "nginx"
    try:
        if not program.exists():
            cache.mkdir(parents=True, exist_ok=True)
            debian_root.run("apt-get", "download", "nginx", cwd=cache)
            debian_root.run("dpkg-deb", "-x", *cache.glob("nginx_*.deb"), cache / "root")
        debian_root.run(program, "-V")  # the libraries are this machine's
    except debian_root.ContentError as problem:
        pytest.skip(f"no nginx on this machine: {problem}")
    return program


def get(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/", headers={"Connection": "close"})
        return connection.getresponse().read().decode().strip()
    except http.client.HTTPException as problem:
        raise OSError(repr(problem)) from problem
    finally:
        connection.close()


def web_server(shelf, nginx: pathlib.Path, version: str, state: pathlib.Path) -> pathlib.Path:
    state.mkdir(exist_ok=True)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "\n".join(f"    {kind}_temp_path {state}/{kind};" for kind in kinds)
    user = "user root;" if os.geteuid() == 0 else ""
    config = f"""{user}
worker_processes 2;
daemon off;
pid {state}/nginx.pid;
events {{ worker_connections 256; }}
http {{
    access_log off;
{folders}
    server {{
        listen 127.0.0.1:{shelf.port};
        location / {{ return 200 "hello from configuration {version}\\n"; }}
    }}
}}
"""
    return shelf.build("web-server", version, f"""
        [[service]]
        name = "nginx"
        command = ["sbin/nginx", "-p", ".", "-c", "etc/nginx/nginx.conf", "-e", "stderr"]
        on-change = "reload"
        [[health]]
        name = "nginx answers"
        http = "http://127.0.0.1:{shelf.port}/"
        """, {"sbin/nginx": nginx, "etc/nginx/nginx.conf": config})


def test_nginx_takes_another_configuration_under_load_without_losing_a_request(
        device, shelf, nginx, workplace):
    state = workplace / "nginx"
    device.run("install", web_server(shelf, nginx, "1", state)).expect(DONE)
    assert get(shelf.port) == "hello from configuration 1"
    process = (state / "nginx.pid").read_text()
    newer = web_server(shelf, nginx, "2", state)
    with packages.Load(shelf.port, ask=get) as load:
        said = device.run("upgrade", newer).expect(DONE)
        harness.until(lambda: load.answers[-1][1] == "hello from configuration 2",
                      "the new configuration answers")
    assert "upgrade feature web-server 1 -> 2" in said.out
    assert load.failures == []
    assert {answer for _, answer in load.answers} == {"hello from configuration 1",
                                                      "hello from configuration 2"}
    assert get(shelf.port) == "hello from configuration 2"
    with packages.Load(shelf.port, ask=get) as load:
        device.run("rollback", "--yes").expect(DONE)
        harness.until(lambda: load.answers[-1][1] == "hello from configuration 1",
                      "the old configuration answers again")
    assert load.failures == []
    assert (state / "nginx.pid").read_text() == process, "it was the same process all the time"

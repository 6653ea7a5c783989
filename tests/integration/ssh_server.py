"""Debian's own sshd on loopback, for one user whose password it knows: sftp and scp."""

import contextlib
import pathlib
import shutil
import socket
import subprocess
import time

import harness

SSHD = "/usr/sbin/sshd"
USER = "download"


def is_possible() -> str:
    """Why not; empty when it is."""
    for program in (SSHD, "ssh-keygen", "unshare", "mount"):
        if not shutil.which(program):
            return f"{program} is not installed"
    tried = subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True, text=True)
    return tried.stderr.strip()


class SshServer:
    """In a mount namespace of its own, in which the machine has that user besides its others."""

    def __init__(self, folder: pathlib.Path, password: str) -> None:
        self.folder = folder
        self.password = password
        folder.mkdir()
        hashed = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password, check=True,
                                capture_output=True, text=True).stdout.strip()
        users = pathlib.Path("/etc/passwd").read_text()
        secrets = pathlib.Path("/etc/shadow").read_text()
        (folder / "passwd").write_text(f"{users}{USER}:x:0:0::{folder}:/bin/sh\n")
        (folder / "shadow").write_text(f"{secrets}{USER}:{hashed}:19000:0:99999:7:::\n")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "host"],
                       check=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        (folder / "config").write_text(f"""
ListenAddress 127.0.0.1
Port {self.port}
HostKey {folder}/host
PidFile none
UsePAM no
PasswordAuthentication yes
PermitRootLogin yes
StrictModes no
Subsystem sftp internal-sftp
""")
        self.process: subprocess.Popen | None = None

    def url(self, scheme: str, file: pathlib.Path, password: str | None = None) -> str:
        """Of a file, by its absolute path."""
        return f"{scheme}://{USER}:{password or self.password}@127.0.0.1:{self.port}{file}"

    def known_host(self) -> str:
        kind, key, *_ = (self.folder / "host.pub").read_text().split()
        return f"[127.0.0.1]:{self.port} {kind} {key}\n"

    def answers(self) -> bool:
        assert self.process.poll() is None, (self.folder / "log").read_text()
        with contextlib.suppress(OSError):
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                return connection.recv(4) == b"SSH-"
        time.sleep(0.05)
        return False

    def __enter__(self) -> "SshServer":
        script = (f"mkdir -p /run/sshd; mount --bind {self.folder}/passwd /etc/passwd && "
                  f"mount --bind {self.folder}/shadow /etc/shadow && "
                  f"exec {SSHD} -D -e -f {self.folder}/config")
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(["unshare", "-m", "sh", "-c", script],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        harness.until(self.answers, "sshd answers")
        return self

    def __exit__(self, *_) -> None:
        self.process.terminate()
        self.process.wait(harness.PATIENCE)

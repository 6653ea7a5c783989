#!/usr/bin/env python3
"""A real Apache Kafka broker for tests: KRaft mode, on loopback, at free ports.

    tests/kafka/kafka_broker.py [--folder FOLDER]    runs one until it is interrupted

Its jars come from the machine's own Maven repositories (pom.xml) and are kept in .cache/kafka/, so
that only the first use needs a network.
"""

import argparse
import base64
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
POM = pathlib.Path(__file__).resolve().parent / "pom.xml"
CACHE = ROOT / ".cache" / "kafka"
FETCH_SECONDS = 600
START_SECONDS = 120
USER, PASSWORD = "edge7", "open-sesame"

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},SECURE://127.0.0.1:{secure},\\
    CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SECURE://localhost:{secure}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.secure.plain.sasl.jaas.config={login} required user_{user}="{password}";
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location={keystore}
log.dirs={data}
num.partitions=3
auto.create.topics.enable=true
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
log.cleaner.enable=false
"""


class BrokerError(Exception):
    """No broker can run on this machine; the text says why."""


def jars() -> pathlib.Path:
    """The folder of Kafka's jars, filled when it is first asked for."""
    stamp = CACHE / "pom.xml"  # of which the jars are
    if stamp.exists() and stamp.read_bytes() == POM.read_bytes():
        return CACHE
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise BrokerError(f"{program} is not installed")
    shutil.rmtree(CACHE, ignore_errors=True)
    CACHE.mkdir(parents=True)
    try:
        done = subprocess.run(
            ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies",
             f"-DoutputDirectory={CACHE}"], check=False, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=FETCH_SECONDS)
    except subprocess.TimeoutExpired as problem:
        raise BrokerError(f"Kafka's jars did not come within {FETCH_SECONDS} s") from problem
    if done.returncode != 0:
        said = [line for line in done.stdout.splitlines() if line.startswith("[ERROR]")]
        raise BrokerError(f"Kafka's jars cannot be had: {' '.join(said[:2])[:300]}")
    shutil.copy(POM, stamp)
    return CACHE


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


class Broker:
    """One broker that can be killed and started again: same folder, same ports."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.jars = jars()
        self.process: subprocess.Popen | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.port, secure, controller = free_ports(3)
        self.address = f"127.0.0.1:{self.port}"
        self.secure_address = f"localhost:{secure}"  # TLS, and USER with PASSWORD
        self.authority = folder / "ca.pem"
        self.properties = folder / "server.properties"
        self.properties.write_text(PROPERTIES.format(
            port=self.port, secure=secure, controller=controller, data=folder / "data",
            login="org.apache.kafka.common.security.plain.PlainLoginModule", user=USER,
            password=PASSWORD, keystore=self.make_keystore()))
        done = subprocess.run(
            self.java("kafka.tools.StorageTool", "format", "-t", cluster_id(), "-c",
                      self.properties), check=False, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise BrokerError(f"Kafka cannot format its storage: {done.stdout[-500:]}")

    def make_keystore(self) -> pathlib.Path:
        key, both = self.folder / "key.pem", self.folder / "server.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                        "-keyout", str(key), "-out", str(self.authority)], check=True,
                       stdin=subprocess.DEVNULL, capture_output=True)
        both.write_text(key.read_text() + self.authority.read_text())
        return both

    def java(self, name: str, *words: object) -> list[str]:
        return ["java", "-Xmx384m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                "-cp", f"{self.jars}/*", name, *map(str, words)]

    def launch(self) -> None:
        """Starts it without waiting."""
        assert self.process is None
        with (self.folder / "broker.log").open("ab") as log:
            self.process = subprocess.Popen(self.java("kafka.Kafka", self.properties),
                                            stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT)

    def start(self) -> "Broker":
        self.launch()
        end = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None:
                log = (self.folder / "broker.log").read_text(errors="replace")
                self.process = None
                raise BrokerError(f"the broker ended by itself: {log[-800:]}")
            if time.monotonic() > end:
                self.kill()
                raise BrokerError(f"the broker did not start within {START_SECONDS} s")
            time.sleep(0.1)
        return self

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """A power cut of the broker."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


def cluster_id() -> str:
    """22 characters of base64, of an id. One that begins with a dash would be an option."""
    while True:
        made = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not made.startswith("-"):
            return made


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=pathlib.Path)
    folder = parser.parse_args().folder or pathlib.Path(tempfile.mkdtemp(prefix="kafka-"))
    broker = Broker(folder).start()
    print(f"a broker at {broker.address}, in {folder}; end it with Ctrl-C", flush=True)
    try:
        return broker.process.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        broker.kill()


if __name__ == "__main__":
    raise SystemExit(main())

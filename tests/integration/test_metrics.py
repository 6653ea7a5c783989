"""What Prometheus is told, as a strict reader of its format takes it."""

import re
import socket
import urllib.error
import urllib.request

import pytest
from prometheus_client import parser

import demo_os
import harness
from harness import DONE, FAILED, until

NAME = re.compile(r"[a-z][a-z0-9_]*")
UNITS = ("seconds", "bytes", "info", "total", "ratio")
DOCS = harness.ROOT / "docs" / "metrics.md"


class Metrics:
    """One answer, read strictly."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = {family.name: family
                         for family in parser.text_string_to_metric_families(text)}
        self.check()

    def check(self) -> None:
        assert self.text.endswith("\n")
        told = re.findall(r"^# (HELP|TYPE) (\S+)", self.text, re.MULTILINE)
        assert len(told) == len(set(told)), "a family is there twice"
        assert {name for what, name in told if what == "HELP"} == {
            name for what, name in told if what == "TYPE"}
        seen = set()
        for family in self.families.values():
            assert family.type in ("gauge", "counter", "histogram", "summary"), family
            assert family.documentation, f"{family.name} has no help"
            for sample in family.samples:
                assert NAME.fullmatch(sample.name), sample
                assert all(NAME.fullmatch(label) for label in sample.labels), sample
                key = (sample.name, *sorted(sample.labels.items()))
                assert key not in seen, f"{key} is there twice"
                seen.add(key)
                if family.type == "counter":
                    assert sample.name.endswith("_total") and sample.value >= 0, sample
                if sample.name.endswith("_info"):
                    assert sample.value == 1, sample

    def __contains__(self, name: str) -> bool:
        return any(sample.name == name for family in self.families.values()
                   for sample in family.samples)

    def names(self) -> set[str]:
        """As the guide has them: a histogram is one."""
        return {sample.name if family.type not in ("histogram", "summary") else family.name
                for family in self.families.values() for sample in family.samples}

    def value(self, name: str, **labels: str) -> float:
        found = [sample.value for family in self.families.values() for sample in family.samples
                 if sample.name == name and labels.items() <= sample.labels.items()]
        assert len(found) == 1, f"{name} {labels}: {found}\n{self.text}"
        return found[0]

    def labels(self, name: str) -> list[dict]:
        return [sample.labels for family in self.families.values() for sample in family.samples
                if sample.name == name]


class Endpoint:
    def __init__(self) -> None:
        self.port = demo_os.free_port()
        self.configuration = f'[metrics]\nlisten = "127.0.0.1:{self.port}"\n'

    def scrape(self) -> Metrics:
        url = f"http://127.0.0.1:{self.port}/metrics"
        with urllib.request.urlopen(url, timeout=harness.PATIENCE) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain")
            return Metrics(answer.read().decode())

    def scrape_until(self, condition, what: str) -> Metrics:
        def asked():
            try:
                metrics = self.scrape()
            except (OSError, urllib.error.URLError):
                return None  # the device restarts
            return metrics if condition(metrics) else None
        return until(asked, what)


@pytest.fixture
def endpoint():
    return Endpoint()


def test_a_device_at_rest(make_device, endpoint):
    make_device(configure=endpoint.configuration)
    metrics = endpoint.scrape()
    base = metrics.labels("cutover_base_info")
    assert {each["mark"] for each in base} == {"running", "startup", "committed"}
    assert all((each["name"], each["version"]) == ("nos", "1.0.0") for each in base)
    assert metrics.value("cutover_slot_active", slot="A") == 1
    assert metrics.value("cutover_operation_running") == 0
    assert "cutover_operation_id" not in metrics
    assert metrics.value("cutover_alarms", severity="major") == 0
    assert metrics.value("cutover_services", state="running") >= 1
    assert metrics.value("cutover_engine_alive") == 1
    assert metrics.value("cutover_data_free_bytes") > 0
    assert metrics.value("process_resident_memory_bytes") > 1_000_000
    assert metrics.value("process_open_fds") > 3
    assert metrics.value("process_start_time_seconds") > 1_700_000_000


def test_an_upgrade_from_its_beginning_to_its_end(make_device, endpoint, releases):
    device = make_device(configure=endpoint.configuration)
    assert endpoint.scrape().value("cutover_operations_total", kind="upgrade", result="done") == 0
    gate = device.gate("postinstall")
    command = device.client("upgrade", releases["1.1.0"])
    gate.wait()
    busy = endpoint.scrape_until(lambda metrics: "cutover_operation_step_done_bytes" in metrics,
                                 "the progress is told")
    assert busy.value("cutover_operation_running") == 1
    assert busy.value("cutover_operation_stage_info", kind="upgrade") == 1
    assert busy.value("cutover_operation_id") == device.last_operation()["operation"]
    assert busy.value("cutover_step_bytes_total") > 0
    gate.open()
    command.communicate(timeout=harness.PATIENCE)
    assert command.returncode == DONE

    after = endpoint.scrape_until(
        lambda metrics: metrics.value("cutover_operations_total", kind="upgrade",
                                      result="done") == 1, "the upgrade is counted")
    assert after.value("cutover_base_info", mark="running", version="1.1.0") == 1
    assert after.value("cutover_slot_active", slot="B") == 1
    assert after.value("cutover_operation_reboots_total") == 1
    assert after.value("cutover_fallbacks_total") == 0
    assert after.value("cutover_agent_starts_total") == 2
    assert after.value("cutover_operation_duration_seconds_count", kind="upgrade") == 1
    device.stop()
    device.start()
    again = endpoint.scrape()
    assert again.value("cutover_operations_total", kind="upgrade", result="done") == 1
    assert again.value("cutover_agent_starts_total") == 3


def test_a_fallback_and_its_alarm_are_counted(make_device, endpoint, releases):
    device = make_device(configure=endpoint.configuration)
    device.run("upgrade", releases["1.2.0-broken-web"]).expect(FAILED)
    metrics = endpoint.scrape_until(
        lambda metrics: metrics.value("cutover_fallbacks_total") == 1, "the fallback is counted")
    assert metrics.value("cutover_operations_total", kind="upgrade", result="failed") == 1
    assert metrics.value("cutover_alarms", severity="major") == 1
    assert metrics.value("cutover_slot_info", state="bad") == 1


def test_every_metric_is_in_the_guide_and_none_else(make_device, endpoint, releases):
    device = make_device(configure=endpoint.configuration + (
        '[events.kafka]\nbrokers = ["127.0.0.1:1"]\n'))
    told = endpoint.scrape().names()
    device.run("upgrade", releases["1.1.0"], "--trial", "5", "--no-wait").expect(DONE)
    told |= endpoint.scrape_until(
        lambda metrics: "cutover_trial_deadline_timestamp_seconds" in metrics,
        "the device waits for a commit").names()
    device.run("commit").expect(DONE)
    told |= endpoint.scrape_until(
        lambda metrics: metrics.value("cutover_operation_running") == 0, "it is over").names()
    gate = device.gate("postinstall")
    command = device.client("upgrade", releases["1.2.0"])
    gate.wait()
    told |= endpoint.scrape_until(
        lambda metrics: "cutover_operation_step_done_bytes" in metrics, "progress").names()
    gate.open()
    command.communicate(timeout=harness.PATIENCE)
    told |= endpoint.scrape_until(
        lambda metrics: "cutover_outbox_oldest_event_timestamp_seconds" in metrics,
        "an attempt to deliver has failed").names()
    documented = set(re.findall(r"^\| `((?:cutover|process|exposer)_[a-z_]+)", DOCS.read_text(),
                                re.MULTILINE))
    assert told == documented


def test_clients_that_say_nothing_stop_neither_scrapes_nor_the_device(
        make_device, endpoint, releases):
    device = make_device(configure=endpoint.configuration)
    silent = []
    for number in range(40):
        one = socket.create_connection(("127.0.0.1", endpoint.port), timeout=5)
        if number % 2:
            one.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
        silent.append(one)
    device.run("upgrade", releases["1.1.0"]).expect(DONE)
    metrics = endpoint.scrape_until(lambda metrics: True, "somebody is answered")
    assert metrics.value("cutover_base_info", mark="running", version="1.1.0") == 1
    for one in silent:
        one.close()


def test_other_machines_are_told_nothing_unless_it_is_allowed(make_device):
    device = make_device(start=False, configure='[metrics]\nlisten = "0.0.0.0:0"\n')
    device.launch()
    assert device.agent.wait(harness.PATIENCE) != 0
    assert "error[metrics.not_local]" in device.agent_log()


def test_an_address_that_is_taken_costs_the_metrics_and_nothing_else(make_device, endpoint):
    with socket.create_server(("127.0.0.1", endpoint.port)):
        device = make_device(configure=endpoint.configuration)
        assert "there are no metrics" in device.agent_log()
        device.at_rest_on("1.0.0")

"""Configuration that YANG modules describe: changed, kept, and carried over every upgrade."""

import json
import time

import pytest

import dmi_client as dmi
from harness import DONE, FAILED, REFUSED, until
from packages import Shelf

NET_2025 = """module net {
  yang-version 1.1; namespace "urn:example:net"; prefix n;
  revision 2025-01-01;
  container net {
    leaf hostname { type string { length "1..20"; } default "router"; }
    list port {
      key name;
      leaf name { type string; }
      leaf rate { type uint32; }
      leaf peer { type leafref { path "../../port/name"; } }
    }
  }
}
"""
# Ports have a speed instead of a rate, and a mode.
NET_2026 = NET_2025.replace("2025-01-01", "2026-01-01").replace("leaf rate", "leaf speed").replace(
    "leaf peer", 'leaf mode { type string; default "auto"; }\n      leaf peer')
TO_2026 = json.dumps({"module": "net", "from": "2025-01-01", "to": "2026-01-01",
                      "steps": [{"rename": "/net:net/port/rate", "to": "speed"}]})
TO_2026_SCRIPT = """#!/bin/sh
# $CUTOVER_MODULE from $CUTOVER_FROM to $CUTOVER_TO
sed 's/"rate"/"speed"/g' "$1" > "$2"
"""
FAILING_SCRIPT = """#!/bin/sh
echo "port p1 has no speed that I know"
exit 3
"""
QOS = """module qos {
  namespace "urn:example:qos"; prefix q;
  revision 2025-01-01;
  container qos { leaf limit { type uint32; } }
}
"""
# Writes what it is told to into the device's data, at its start and on every signal.
READER = """
trap 'cp "$CUTOVER_DATA/configuration/running.json" "$CUTOVER_DATA/taken"' HUP
cp "$CUTOVER_DATA/configuration/running.json" "$CUTOVER_DATA/taken" 2>/dev/null
while :; do sleep 0.1; done
"""
SERVICE = """
[[service]]
name = "reader"
command = ["bin/busybox", "sh", "bin/reader"]
on-change = "reload"
config = ["net"]
"""


@pytest.fixture(scope="session")
def bases(releases):
    """1.0.0, and 1.1.0 with another revision of its module; and what breaks."""
    reader = (("bin/reader", READER),)
    module = '[config]\nmodules = ["yang/net.yang"]\n'
    old = releases.make("config-1.0.0", "1.0.0", extra=SERVICE + module, files=reader,
                        beside={"yang/net.yang": NET_2025})
    later = {"yang/net.yang": NET_2026, "migrations/net/2025-01-01-to-2026-01-01.json": TO_2026}
    migrated = SERVICE + module + 'migrations = "migrations"\n'
    new = releases.make("config-1.1.0", "1.1.0", extra=migrated, files=reader, beside=later)
    broken = releases.make("config-1.1.1", "1.1.1", extra=migrated, files=reader, beside=later,
                           without=("www/index.html",))
    forgetful = releases.make("config-1.1.2", "1.1.2", extra=SERVICE + module, files=reader,
                              beside={"yang/net.yang": NET_2026})
    script = "migrations/net/2025-01-01-to-2026-01-01.sh"
    scripted, failing = (
        releases.make(f"config-{version}", version, extra=migrated, files=reader,
                      beside={"yang/net.yang": NET_2026, script: text})
        for version, text in (("1.1.3", TO_2026_SCRIPT), ("1.1.4", FAILING_SCRIPT)))
    return {"1.0.0": old, "1.1.0": new, "broken": broken, "forgetful": forgetful,
            "scripted": scripted, "failing": failing}


@pytest.fixture
def box(make_device, bases):
    return make_device(bases["1.0.0"])


def running(box) -> dict:
    shown = box.run("config", "show", "--format", "json").expect(DONE).out
    return json.loads(shown).get("net:net", {})


def taken(box) -> dict:
    """What the service has read last."""
    file = box.folder / "data" / "taken"
    return json.loads(file.read_text() or "{}").get("net:net", {}) if file.exists() else {}


def change(box, path: str, value: str) -> None:
    box.run("config", "set", path, value).expect(DONE)
    box.run("config", "commit").expect(DONE)


def test_a_change_is_committed_kept_and_taken_back(box):
    box.run("config", "set", "/net:net/hostname", "edge").expect(DONE)
    box.run("config", "set", "/net:net/port[name='p1']/rate", "1000").expect(DONE)
    assert running(box) == {}
    assert "/net:net/hostname" in box.run("config", "diff").expect(DONE).out
    box.run("config", "commit", "--comment", "first").expect(DONE)
    assert running(box) == {"hostname": "edge", "port": [{"name": "p1", "rate": 1000}]}
    until(lambda: taken(box).get("hostname") == "edge", "the service's new configuration")
    change(box, "/net:net/hostname", "core")
    history = box.run("config", "history").expect(DONE).out
    assert "first" in history
    box.run("config", "rollback").expect(DONE)
    assert running(box)["hostname"] == "edge"
    assert box.run("config", "get", "/net:net/hostname").expect(DONE).out.strip() == "edge"


def test_a_rule_that_is_broken_is_named_and_nothing_changes(box):
    change(box, "/net:net/hostname", "edge")
    box.run("config", "set", "/net:net/port[name='p1']/peer", "p9").expect(DONE)
    refused = box.run("config", "commit")
    assert refused.code == REFUSED and refused.error_id == "config.invalid", refused
    assert "/net:net/port[name='p1']/peer" in refused.err
    assert running(box) == {"hostname": "edge"}
    wrong = box.run("config", "set", "/net:net/hostnam", "x")
    assert wrong.code == REFUSED and wrong.error_id == "config.unreadable", wrong


def test_a_boot_begins_with_what_was_saved(box):
    change(box, "/net:net/hostname", "saved")
    box.run("config", "save").expect(DONE)
    change(box, "/net:net/hostname", "unsaved")
    box.kill()
    box.start()
    assert running(box)["hostname"] == "saved"
    until(lambda: taken(box).get("hostname") == "saved", "the service's configuration")


def test_a_commit_that_nobody_confirms_is_undone_also_by_a_killed_agent(box):
    change(box, "/net:net/hostname", "good")
    box.run("config", "save").expect(DONE)
    box.run("config", "set", "/net:net/hostname", "locked-out").expect(DONE)
    box.run("config", "commit", "--confirm", "1").expect(DONE)
    assert running(box)["hostname"] == "locked-out"
    refused = box.run("config", "save")
    assert refused.error_id == "config.on_trial", refused
    box.kill()  # a power cut: the boot begins with what was saved
    box.start()
    assert running(box)["hostname"] == "good"


def test_an_upgrade_carries_the_configuration_over_and_the_way_back_too(box, bases):
    change(box, "/net:net/port[name='p1']/rate", "1000")
    box.run("config", "save").expect(DONE)
    preview = box.run("upgrade", bases["1.1.0"], "--preview").expect(DONE).out
    assert "/net:net/port[name='p1']/rate" in preview and "carry the configuration" in preview
    box.run("upgrade", bases["1.1.0"]).expect(DONE)
    box.at_rest_on("1.1.0")
    assert running(box)["port"] == [{"name": "p1", "speed": 1000}]
    until(lambda: taken(box).get("port") == [{"name": "p1", "speed": 1000}],
          "the service's configuration")
    change(box, "/net:net/port[name='p2']/speed", "10")
    box.run("rollback").expect(DONE)
    box.at_rest_on("1.0.0")
    assert running(box)["port"] == [{"name": "p1", "rate": 1000}, {"name": "p2", "rate": 10}]


def test_a_migration_may_be_a_script_and_one_that_fails_is_told_before_anything_changes(
        box, bases):
    change(box, "/net:net/port[name='p1']/rate", "1000")
    box.run("config", "save").expect(DONE)
    for more in (("--preview",), ()):
        refused = box.run("upgrade", bases["failing"], *more)
        assert refused.code == REFUSED, refused
        assert "port p1 has no speed that I know" in refused.out + refused.err, refused
    box.at_rest_on("1.0.0")
    preview = box.run("upgrade", bases["scripted"], "--preview").expect(DONE).out
    assert "/net:net/port[name='p1']/speed" in preview
    box.run("upgrade", bases["scripted"]).expect(DONE)
    box.at_rest_on("1.1.3")
    assert running(box)["port"] == [{"name": "p1", "speed": 1000}]
    # A script has no reverse: what can have its old value keeps that.
    box.run("rollback").expect(DONE)
    assert running(box)["port"] == [{"name": "p1", "rate": 1000}]


def test_a_failed_upgrade_leaves_the_configuration_as_it_was(box, bases):
    change(box, "/net:net/port[name='p1']/rate", "1000")
    box.run("config", "save").expect(DONE)
    box.run("upgrade", bases["broken"]).expect(FAILED)
    box.at_rest_on("1.0.0")
    assert running(box)["port"] == [{"name": "p1", "rate": 1000}]
    change(box, "/net:net/hostname", "edge")  # it may be changed again


def test_data_without_a_place_is_not_lost_unasked(box, bases):
    change(box, "/net:net/port[name='p1']/rate", "1000")
    box.run("config", "save").expect(DONE)
    refused = box.run("upgrade", bases["forgetful"])
    assert refused.code == REFUSED and refused.error_id == "check.configuration_lost", refused
    assert "/net:net/port[name='p1']/rate" in refused.err
    box.at_rest_on("1.0.0")
    box.run("upgrade", bases["forgetful"], "--force", "configuration").expect(DONE)
    assert running(box)["port"] == [{"name": "p1"}]


def test_nothing_is_committed_while_an_operation_carries_it_over(box, bases):
    change(box, "/net:net/port[name='p1']/rate", "1000")
    box.run("config", "save").expect(DONE)
    gate = box.gate("postexecute")
    upgrade = box.client("upgrade", bases["1.1.0"])
    gate.wait()
    box.run("config", "set", "/net:net/hostname", "late").expect(DONE)
    refused = box.run("config", "commit")
    assert refused.error_id == "config.read_only", refused
    assert "operation" in refused.err
    gate.open()
    assert upgrade.wait(120) == DONE
    box.at_rest_on("1.1.0")
    box.run("config", "commit").expect(DONE)  # the candidate came along
    assert running(box) == {"hostname": "late", "port": [{"name": "p1", "speed": 1000}]}


def test_a_feature_brings_modules_in_service_and_takes_no_data_with_it(box, releases, workplace):
    shelf = Shelf(releases, workplace / "shelf")
    feature = shelf.plain("qos", "1.0", '[config]\nmodules = ["yang/qos.yang"]\n',
                          beside={"yang/qos.yang": QOS})
    change(box, "/net:net/hostname", "edge")
    box.run("install", feature).expect(DONE)
    assert running(box) == {"hostname": "edge"}
    change(box, "/qos:qos/limit", "5")
    refused = box.run("uninstall", "qos")
    assert refused.error_id == "check.configuration_lost", refused
    assert "/qos:qos/limit" in refused.err
    box.run("uninstall", "qos", "--force", "configuration").expect(DONE)
    assert running(box) == {"hostname": "edge"}


def test_a_restore_brings_the_configuration_back_also_under_other_modules(box, releases, workplace):
    change(box, "/net:net/hostname", "then")
    box.run("config", "save").expect(DONE)
    box.run("backup", "create", "--name", "before").expect(DONE)
    change(box, "/net:net/hostname", "now")
    box.run("config", "save").expect(DONE)
    shelf = Shelf(releases, workplace / "shelf")
    box.run("install", shelf.plain("qos", "1.0", '[config]\nmodules = ["yang/qos.yang"]\n',
                                   beside={"yang/qos.yang": QOS})).expect(DONE)
    name = next(one["name"] for one in box.ask("backup", "list")["backups"]
                if one["name"].startswith("before"))
    box.run("backup", "restore", name, "--yes").expect(DONE)
    assert running(box)["hostname"] == "then"
    change(box, "/qos:qos/limit", "5")


def test_the_dmi_replaces_what_the_next_boot_begins_with(make_device, bases, workplace):
    box = make_device(bases["1.0.0"], configure=dmi.SOCKET)
    change(box, "/net:net/hostname", "running")
    good = workplace / "startup.json"
    good.write_text('{"net:net": {"hostname": "from-the-dmi"}}')
    bad = workplace / "broken.json"
    bad.write_text('{"net:net": {"port": [{"name": "p1", "peer": "p9"}]}}')
    with dmi.connect(box) as client:
        refused = client.set_startup_config(f"file://{bad}")
        assert dmi.status_name(refused) == "ERROR_STATUS", refused
        assert "[config.invalid]" in refused.reason_detail, refused
        assert dmi.status_name(client.set_startup_config(f"file://{good}")) == "OK_STATUS"
        assert client.startup_config().config_url == f"file://{good}"
    assert running(box)["hostname"] == "running"
    box.kill()
    box.start()
    assert running(box)["hostname"] == "from-the-dmi"


def test_a_base_without_modules_has_no_configuration(make_device):
    box = make_device()
    refused = box.run("config", "show")
    assert refused.code == REFUSED and refused.error_id == "config.none", refused


@pytest.mark.parametrize("wait", [0.0, 0.02, 0.05, 0.1, 0.2])
def test_an_agent_that_is_killed_in_a_commit_has_the_old_or_the_new(box, wait):
    change(box, "/net:net/hostname", "old")
    box.run("config", "save").expect(DONE)
    box.run("config", "set", "/net:net/hostname", "new").expect(DONE)
    client = box.client("config", "commit")
    time.sleep(wait)
    box.kill()
    client.wait(60)
    box.start()
    assert running(box)["hostname"] == "old"  # a boot begins with what was saved
    change(box, "/net:net/hostname", "newer")

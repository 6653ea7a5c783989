"""Two major versions of one package side by side, and instances that move from one to the other."""

import json
import re
import signal
import time

import pytest

from harness import DONE, FAILED, REFUSED, STILL_GOING, until
from packages import Shelf

DEV = """module dev {
  yang-version 1.1; namespace "urn:example:dev"; prefix d;
  revision 2025-01-01;
  container devices {
    list device {
      key name;
      leaf name { type string; }
      leaf driver { type string; }
      leaf address { type string; }
    }
  }
}
"""
ROUTER_1 = """module router-1 {
  yang-version 1.1; namespace "urn:example:router-1"; prefix r1;
  import dev { prefix d; }
  revision 2025-01-01;
  augment "/d:devices/d:device" {
    when "d:driver = 'router@1'";
    container bgp {
      leaf as { type uint32; }
      leaf neighbor { type string; }
    }
    leaf banner { type string; }
  }
}
"""
ROUTER_2 = """module router-2 {
  yang-version 1.1; namespace "urn:example:router-2"; prefix r2;
  import dev { prefix d; }
  revision 2026-01-01;
  augment "/d:devices/d:device" {
    when "d:driver = 'router@2'";
    container routing {
      leaf as-number { type uint32 { range "1..65000"; } }
      leaf peer { type string; }
    }
  }
}
"""
DEVICE = "/dev:devices/device"
MOVES = json.dumps({"from": "router@1", "to": "router@2", "steps": [
    {"move": f"{DEVICE}/router-1:bgp/as", "to": f"{DEVICE}/router-2:routing/as-number"},
    {"move": f"{DEVICE}/router-1:bgp/neighbor", "to": f"{DEVICE}/router-2:routing/peer"}]})
READER = """
trap 'cp "$CUTOVER_DATA/configuration/running.json" "$CUTOVER_DATA/taken"' HUP
cp "$CUTOVER_DATA/configuration/running.json" "$CUTOVER_DATA/taken" 2>/dev/null
while :; do sleep 0.1; done
"""
BASE = """
[[service]]
name = "reader"
command = ["bin/busybox", "sh", "bin/reader"]
on-change = "reload"
config = ["dev", "router-1", "router-2"]
[config]
modules = ["yang/dev.yang"]
"""


@pytest.fixture(scope="session")
def base(releases):
    return releases.make("side-1.0.0", "1.0.0", extra=BASE, files=(("bin/reader", READER),),
                         beside={"yang/dev.yang": DEV})


@pytest.fixture
def shelf(releases, workplace):
    return Shelf(releases, workplace / "shelf")


def router(shelf: Shelf, version: str, side_by_side: bool = True):
    major = version[0]
    module = ROUTER_1 if major == "1" else ROUTER_2
    beside = {f"yang/router-{major}.yang": module}
    config = f'[config]\nmodules = ["yang/router-{major}.yang"]\n'
    if major == "2":
        beside["migrations/instances/router@1-to-router@2.json"] = MOVES
        config += 'migrations = "migrations"\n'
    said = f'side-by-side = true\n[instances]\npath = "{DEVICE}"\nbound-by = "driver"\n'
    return shelf.build("router", version, (said if side_by_side else "") + config, beside=beside)


def instance(name: str) -> str:
    return f"{DEVICE}[name='{name}']"


def devices(box, *which: object) -> dict[str, dict]:
    shown = json.loads(box.run("config", "show", "--format", "json", *which).expect(DONE).out)
    return {one["name"]: one for one in shown.get("dev:devices", {}).get("device", [])}


def assert_whole(entry: dict) -> None:
    """All of it is the data of the one major version, or of the other."""
    if entry["driver"] == "router@1":
        assert set(entry["router-1:bgp"]) == {"as"} and "router-2:routing" not in entry, entry
    else:
        assert set(entry["router-2:routing"]) == {"as-number"}, entry
        assert "router-1:bgp" not in entry, entry


def bind(box, **systems: int) -> None:
    for name, number in systems.items():
        box.run("config", "set", f"{instance(name)}/driver", "router@1").expect(DONE)
        box.run("config", "set", f"{instance(name)}/router-1:bgp/as", number).expect(DONE)
    box.run("config", "commit").expect(DONE)


def versions(box) -> list[str]:
    return sorted(row["version"] for row in box.ask("show", "packages")["packages"]
                  if row["name"] == "router")


MIGRATE = ("migrate", "--from", "router@1", "--to", "router@2")


@pytest.fixture
def box(make_device, base, shelf):
    """With both major versions installed, and three devices bound to the first."""
    made = make_device(base)
    made.run("install", router(shelf, "1.4")).expect(DONE)
    bind(made, r1=64601, r2=64602, r3=64603)
    made.run("install", router(shelf, "2.0")).expect(DONE)
    return made


def test_two_major_versions_are_installed_upgraded_and_named_each(box, shelf):
    assert versions(box) == ["1.4", "2.0"]
    assert box.run("show", "packages").expect(DONE).out.count("router") >= 2
    refused = box.run("uninstall", "router")
    assert refused.error_id == "plan.two_lines", refused
    assert "router@1" in refused.err and "router@2" in refused.err
    box.run("upgrade", router(shelf, "1.5")).expect(DONE)
    assert versions(box) == ["1.5", "2.0"]
    box.run("uninstall", "router@2").expect(DONE)
    assert versions(box) == ["1.5"]
    alone = box.run("install", router(shelf, "2.1", side_by_side=False))
    assert alone.code == REFUSED and alone.error_id == "plan.other_version", alone
    assert devices(box)["r1"]["router-1:bgp"] == {"as": 64601}


def test_instances_move_one_by_one_then_all_and_the_old_version_goes(box):
    box.run("config", "save").expect(DONE)
    dry = box.run(*MIGRATE, "--all", "--dry-run", "--report").expect(DONE).out
    assert "Would move 3 instances" in dry
    assert "router-1:bgp/as -> router-2:routing/as-number" in dry
    assert devices(box)["r1"]["driver"] == "router@1"

    moved = box.ask(*MIGRATE, "--instance", instance("r2"))
    assert [one["state"] for one in moved["instances"]] == ["moved"]
    assert devices(box)["r2"] == {"name": "r2", "driver": "router@2",
                                  "router-2:routing": {"as-number": 64602}}
    assert devices(box)["r1"]["driver"] == "router@1"
    until(lambda: "router@2" in (box.folder / "data" / "taken").read_text(),
          "the service takes what was moved")

    preview = box.run("uninstall", "router@1", "--preview").out
    assert "instances" in preview and instance("r1") in preview
    refused = box.run("uninstall", "router@1")
    assert refused.code == REFUSED and "check.instances" in refused.err, refused
    assert "2 instances are bound to router@1" in refused.err
    assert "cutover migrate --from router@1 --to router@2 --all" in refused.err
    assert versions(box) == ["1.4", "2.0"]

    box.run(*MIGRATE, "--all").expect(DONE)
    assert {one["driver"] for one in devices(box).values()} == {"router@2"}
    box.run("uninstall", "router@1").expect(DONE)
    assert versions(box) == ["2.0"]
    assert devices(box)["r3"]["router-2:routing"] == {"as-number": 64603}
    box.kill()
    box.start()
    assert devices(box)["r3"]["router-2:routing"] == {"as-number": 64603}


def test_the_first_that_fails_is_as_it_was_and_what_was_moved_stays(box):
    box.run("config", "set", f"{instance('r2')}/router-1:banner", "hello").expect(DONE)
    box.run("config", "commit").expect(DONE)
    stopped = box.run(*MIGRATE, "--all")
    assert stopped.code == FAILED and stopped.error_id == "config.would_lose", stopped
    assert "Moved 1 of 3 instances" in stopped.out and "banner: hello would be lost" in stopped.out
    states = {name: one["driver"] for name, one in devices(box).items()}
    assert states == {"r1": "router@2", "r2": "router@1", "r3": "router@1"}
    assert devices(box)["r2"]["router-1:banner"] == "hello"
    box.run(*MIGRATE, "--all", "--force").expect(DONE)
    assert "router-1:banner" not in devices(box)["r2"]
    box.run("migrate", "--from", "router@2", "--to", "router@1", "--instance",
            instance("r3")).expect(DONE)
    assert devices(box)["r3"]["router-1:bgp"] == {"as": 64603}


def test_a_rollback_takes_instances_back_with_what_was_changed_since(box):
    box.run(*MIGRATE, "--all").expect(DONE)
    box.run("config", "set", f"{instance('r1')}/router-2:routing/as-number", "7").expect(DONE)
    box.run("config", "commit").expect(DONE)
    preview = box.run("rollback", "--preview").expect(DONE).out
    assert "instances" in preview and "bound to router@2" in preview
    box.run("rollback").expect(DONE)
    assert versions(box) == ["1.4"]
    assert devices(box)["r1"] == {"name": "r1", "driver": "router@1", "router-1:bgp": {"as": 7}}
    assert devices(box)["r3"]["router-1:bgp"] == {"as": 64603}


def test_nothing_moves_that_cannot_or_while_an_operation_holds_the_configuration(box, shelf):
    unknown = box.run(*MIGRATE, "--instance", instance("r9"))
    assert unknown.code == REFUSED and unknown.error_id == "config.not_bound", unknown
    missing = box.run("migrate", "--from", "router@1", "--to", "router@3", "--all")
    assert missing.code == REFUSED and missing.error_id == "config.no_side", missing
    gate = box.gate("postexecute")
    extra = shelf.plain("qos", "1.0", '[config]\nmodules = ["yang/qos.yang"]\n',
                        beside={"yang/qos.yang": "module qos { namespace 'urn:qos'; prefix q; "
                                                 "container qos { leaf limit { type uint8; } } }"})
    install = box.client("install", extra)
    gate.wait()
    held = box.run(*MIGRATE, "--all")
    assert held.code == REFUSED and held.error_id == "config.read_only", held
    gate.open()
    assert install.wait(120) == DONE
    box.run(*MIGRATE, "--all").expect(DONE)


def test_a_boot_does_not_bind_instances_to_what_has_gone(make_device, releases, shelf):
    """Both majors have their data in the base's module: uninstalling one changes no modules."""
    made = make_device(releases.make("side-1.0.1", "1.0.1", extra=BASE,
                                     files=(("bin/reader", READER),),
                                     beside={"yang/dev.yang": DEV}))
    said = f'side-by-side = true\n[instances]\npath = "{DEVICE}"\nbound-by = "driver"\n'
    for version in ("1.0", "2.0"):
        made.run("install", shelf.build("router", version, said)).expect(DONE)
    made.run("config", "set", f"{instance('r1')}/driver", "router@1").expect(DONE)
    made.run("config", "commit").expect(DONE)
    made.run("config", "save").expect(DONE)
    made.run(*MIGRATE, "--all").expect(DONE)
    refused = made.run("uninstall", "router@1")
    assert refused.error_id == "check.instances" and "cutover config save" in refused.err, refused
    made.run("config", "save").expect(DONE)
    made.run("uninstall", "router@1").expect(DONE)
    made.kill()
    made.start()
    assert devices(made) == {"r1": {"name": "r1", "driver": "router@2"}}


def crowd(box, count: int) -> None:
    """As many instances of the first major version, beside the three that are there."""
    entries = [{"name": f"d{number}", "driver": "router@1", "router-1:bgp": {"as": number + 1}}
               for number in range(count - 3)]
    document = box.folder.parent / "crowd.json"
    document.write_text(json.dumps({"dev:devices": {"device": entries}}))
    box.run("config", "load", document).expect(DONE)
    box.run("config", "commit").expect(DONE)


def moves(box) -> list[dict]:
    """Revisions of what was moved, oldest first."""
    history = box.ask("config", "history", "--count", "100")["revisions"]
    return [one for one in reversed(history) if one["comment"].startswith("migrated ")]


def test_ctrl_c_stops_after_what_is_at_work_and_the_same_command_goes_on(box):
    crowd(box, 10000)
    client = box.client(*MIGRATE, "--all")
    assert client.stderr.readline() == "  2500 of 10000 instances moved\n"
    client.send_signal(signal.SIGINT)
    out, _ = client.communicate(timeout=120)
    if client.returncode == DONE:
        pytest.skip("this machine was asleep until all had moved")
    assert client.returncode == STILL_GOING
    count = int(re.match(r"Moved (\d+) of 10000 instances", out)[1])
    assert 2500 <= count < 10000 and count % 2500 == 0
    assert out.count("not tried, is as it was") == 10000 - count
    shown = devices(box)
    for entry in shown.values():
        assert_whole(entry)
    assert sum(entry["driver"] == "router@2" for entry in shown.values()) == count
    rest = box.ask(*MIGRATE, "--all")
    assert [one["state"] for one in rest["instances"]] == ["moved"] * (10000 - count)
    assert rest["error"] is None
    assert {one["driver"] for one in devices(box).values()} == {"router@2"}
    assert len(moves(box)) == 4, "not a revision for each"


def test_all_are_more_than_one_call_takes(box):
    crowd(box, 10100)
    dry = box.run(*MIGRATE, "--all", "--dry-run").expect(DONE)
    assert dry.out.startswith("Would move 10000 instances") and "There may be more" in dry.out
    told = box.ask(*MIGRATE, "--all")
    assert [one["state"] for one in told["instances"]] == ["moved"] * 10100
    assert {one["driver"] for one in devices(box).values()} == {"router@2"}


def test_a_dry_run_answers_for_each_of_many_as_the_run_does(box):
    crowd(box, 3000)
    box.run("config", "set", f"{instance('d2700')}/router-1:banner", "hello").expect(DONE)
    box.run("config", "commit").expect(DONE)

    def answers(*more: str) -> list[tuple]:
        told = json.loads(box.run(*MIGRATE, "--all", *more, "--json").out)["instances"]
        return [(one["path"], one["state"], one["changes"], one["lost"], one["error"])
                for one in told]

    dry = answers("--dry-run")
    assert {one["driver"] for one in devices(box).values()} == {"router@1"}
    assert [one[1] for one in dry].count("failed") == 1
    assert answers() == dry


@pytest.mark.parametrize("wait", [0.0, 0.1, 0.2, 0.4, 0.6, 0.8])
def test_an_agent_that_is_killed_while_it_moves_leaves_each_instance_whole(box, wait):
    crowd(box, 6000)
    box.run("config", "save").expect(DONE)
    client = box.client(*MIGRATE, "--all")
    time.sleep(wait)
    box.kill()
    client.communicate(timeout=60)
    box.start()
    # The boot begins with what was saved; what had been committed until the cut is in the history.
    assert {one["driver"] for one in devices(box).values()} == {"router@1"}
    for number, one in enumerate(moves(box), start=1):
        shown = devices(box, "--revision", one["revision"])
        assert len(shown) == 6000
        for entry in shown.values():
            assert_whole(entry)
        moved = [entry for entry in shown.values() if entry["driver"] == "router@2"]
        assert len(moved) == min(number * 2500, 6000), one
    box.run(*MIGRATE, "--all").expect(DONE)
    assert {one["driver"] for one in devices(box).values()} == {"router@2"}
    box.run("uninstall", "router@1").expect(DONE)

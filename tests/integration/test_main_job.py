"""The main job: a signed base, installed on the standby slot, activated, watched, committed."""

import json
import re

from harness import DONE, REFUSED, cutover, fingerprint, get, until

STAGES = ("init", "prep", "preremove", "preinstall", "install", "postinstall", "postremove",
          "configure", "postexecute")


def test_a_new_device_runs_its_base(device, releases):
    device.at_rest_on("1.0.0")
    assert get(releases.port) == (200, (device.slot("A") / "root/www/index.html").read_text())


def test_an_upgrade_writes_the_other_slot_boots_it_and_commits(device, releases):
    before = device.active()
    device.run("upgrade", releases["1.1.0"]).expect(DONE)
    device.at_rest_on("1.1.0")
    assert device.active() != before
    status, page = get(releases.port)
    assert status == 200 and "nos 1.1.0" in page
    assert device.last_operation()["state"] == "done"
    assert device.alarms() == []


def test_install_and_activate_are_the_two_halves_of_upgrade(device, releases):
    device.run("install", releases["1.1.0"]).expect(DONE)
    shown = device.ask("show", "version")
    assert shown["running"]["base"]["version"] == "1.0.0"
    assert shown["committed"]["base"]["version"] == "1.0.0"
    assert shown["standby"]["version"] == "1.1.0"
    device.run("activate").expect(DONE)
    device.at_rest_on("1.1.0")


def test_an_install_leaves_the_active_slot_as_it_is(device, releases):
    active = device.slot(device.active())
    before = fingerprint(active)
    device.run("install", releases["1.1.0"]).expect(DONE)
    assert fingerprint(active) == before


def test_the_users_configuration_is_kept_and_the_rest_is_new(device, releases):
    config = device.persistent("etc/nos.conf")
    config.write_text(config.read_text() + "hostname = edge-7\n")
    text = config.read_text()
    device.run("upgrade", releases["1.1.0"]).expect(DONE)
    assert device.persistent("etc/nos.conf").read_text() == text
    root = device.slot(device.active()) / "root"
    assert (root / "etc/nos.conf").read_text() == text
    assert (root / "etc/nos-release").read_text() == "nos 1.1.0\n"


def test_data_is_shared_by_both_releases(upgraded):
    boots = (upgraded.folder / "data" / "boots.log").read_text().splitlines()
    assert boots[0] == "booted nos 1.0.0"
    assert boots[-1] == "booted nos 1.1.0"


def test_upgrades_go_on_and_on(upgraded, releases):
    upgraded.run("upgrade", releases["1.2.0"]).expect(DONE)
    upgraded.run("upgrade", releases["2.0.0"]).expect(DONE)
    upgraded.at_rest_on("2.0.0")


def test_show_version_as_json_has_the_documented_fields(upgraded):
    shown = upgraded.ask("show", "version")
    for mark in ("running", "startup", "committed"):
        assert set(shown[mark]) >= {"generation", "base", "packages", "update_level"}
        assert set(shown[mark]["base"]) >= {"name", "version", "slot"}
        assert shown[mark]["packages"] == []
    assert shown["running"]["base"]["name"] == "nos"
    assert shown["running"]["base"]["slot"] == shown["active_slot"]
    standby = shown["standby"]
    assert set(standby) >= {"slot", "name", "version", "state"}
    assert (standby["name"], standby["version"]) == ("nos", "1.0.0")
    assert {standby["slot"], shown["active_slot"]} == {"A", "B"}


def test_a_base_that_needs_a_step_between_is_refused_and_the_path_named(device, releases):
    refused = device.run("upgrade", releases["2.0.0"]).expect(REFUSED)
    assert "1.1" in refused.err
    device.at_rest_on("1.0.0")


def test_a_base_of_an_older_security_epoch_is_refused(device, releases):
    device.run("upgrade", releases["1.3.0-old-epoch"]).expect(REFUSED)
    device.at_rest_on("1.0.0")


def test_other_hardware_is_refused_unless_that_check_is_forced(device, releases):
    other = releases.make("1.1.0-other", "1.1.0",
                          edits=(('hardware = ["emulated"]', 'hardware = ["chassis-9"]'),))
    refused = device.run("upgrade", other).expect(REFUSED)
    assert "chassis-9" in refused.err
    device.run("upgrade", other, "--force", "hardware", "--yes").expect(DONE)
    device.at_rest_on("1.1.0")


def test_the_status_file_tells_every_stage(upgraded):
    lines = upgraded.status_lines()
    form = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (\w+):(start|ended)\b")
    told = [(found.group(1), found.group(2)) for line in lines if (found := form.match(line))]
    assert len(told) == len(lines)
    expected = [(stage, at) for stage in STAGES for at in ("start", "ended")]
    assert told[-len(expected) - 1:] == [*expected, ("upgrade", "ended")]
    assert re.search(r"upgrade:ended   \(upgrade ended successfully\)$", lines[-1])


def test_events_are_in_order_without_gaps(upgraded):
    said = upgraded.run("events", "--json").expect(DONE).out
    events = [json.loads(line) for line in said.splitlines()]
    sequences = [event["sequence"] for event in events if event["type"] == "event"]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    assert len(sequences) > 10


def test_a_reboot_keeps_the_generation(upgraded, releases):
    boots = upgraded.folder / "data" / "boots.log"
    before = len(boots.read_text().splitlines())
    upgraded.run("reboot", "--yes").expect(DONE)
    until(lambda: len(boots.read_text().splitlines()) > before, "the device boots again")
    upgraded.wait_until_up()
    upgraded.at_rest_on("1.1.0")
    assert get(releases.port)[0] == 200


def test_a_device_is_not_made_over_another(device, releases):
    again = cutover("device", "create", device.folder, "--base", releases["1.1.0"], "--trust",
                    releases.keys.authority)
    assert again.code != DONE
    device.at_rest_on("1.0.0")


def test_a_device_lives_in_a_folder_with_a_long_path(make_device):
    make_device(name="a-folder-with-a-long-name/" * 8 + "device").at_rest_on("1.0.0")

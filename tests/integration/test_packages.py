"""Packages on top of the running base: in service, at the next startup, and back."""

import contextlib
import itertools
import json
import pathlib
import shutil

import harness
import packages
import pytest
from harness import DONE, FAILED, REFUSED

KINDS = ("base", "feature", "hardware", "patch", "module", "pack")


@pytest.fixture
def shelf(releases, workplace):
    return packages.Shelf(releases, workplace / "shelf")


def on_top(device) -> list[str]:
    return [f"{package['name']} {package['version']}"
            for package in device.ask("show", "version")["running"]["packages"]]


def states(device) -> dict[str, str]:
    return {package["name"]: package["state"] for package in
            harness.rows(device.ask("show", "packages"))}


def boots(device) -> int:
    return sum(operation["reboots"] for operation in device.operations())


def test_a_feature_comes_changes_and_goes_without_a_reboot(device, shelf):
    device.run("install", shelf.greeter("1.0")).expect(DONE)
    assert packages.ask(shelf.port) == "hello from 1.0"
    newer = shelf.greeter("1.1")
    for _ in range(2):
        said = device.run("upgrade", newer).expect(DONE)
        assert "upgrade feature greeter 1.0 -> 1.1" in said.out
        assert packages.ask(shelf.port) == "hello from 1.1"
        device.run("rollback", "--yes").expect(DONE)
        assert packages.ask(shelf.port) == "hello from 1.0"
    device.run("uninstall", "greeter").expect(DONE)
    assert on_top(device) == []
    with pytest.raises(OSError):
        packages.ask(shelf.port)
    assert boots(device) == 0
    device.at_rest_on("1.0.0")


def test_no_request_is_lost_while_its_service_is_upgraded(device, shelf):
    device.run("install", shelf.greeter("1.0")).expect(DONE)
    newer = shelf.greeter("1.1")
    with packages.Load(shelf.port) as load:
        device.run("upgrade", newer).expect(DONE)
        harness.until(lambda: load.answers[-1][1] == "hello from 1.1", "the new one answers")
    assert load.failures == []
    assert {answer for _, answer in load.answers} == {"hello from 1.0", "hello from 1.1"}


def test_what_does_not_pass_its_checks_goes_at_once(device, shelf):
    device.run("install", shelf.greeter("1.0")).expect(DONE)
    said = device.run("upgrade", shelf.greeter("1.1", health="silent")).expect(FAILED)
    assert said.error_id == "trial.check_failed", said
    assert "greeter greets" in said.err
    assert packages.ask(shelf.port) == "hello from 1.0"
    assert on_top(device) == ["greeter 1.0"]
    assert [alarm["name"] for alarm in device.alarms()] == ["upgrade-failed"]


def test_a_service_that_does_not_start_leaves_the_old_one_alone(device, shelf):
    device.run("install", shelf.greeter("1.0")).expect(DONE)
    broken = shelf.build("greeter", "1.1", f"""
        [[service]]
        name = "greeter"
        command = ["/bin/false"]
        listen = ["tcp:127.0.0.1:{shelf.port}"]
        on-change = "restart-with-sockets"
        ready = "notified"
        """, {"share/greeter/version": "1.1\n"})
    with packages.Load(shelf.port) as load:
        said = device.run("upgrade", broken).expect(FAILED)
    assert said.error_id == "service.change_failed", said
    assert load.failures == []
    assert on_top(device) == ["greeter 1.0"]


def test_a_power_cut_ends_a_trial_and_a_commit_keeps_it(device, shelf):
    device.run("install", shelf.greeter("1.0"), "--trial", 10).expect(DONE)
    assert packages.ask(shelf.port) == "hello from 1.0"
    device.kill()
    device.start()
    harness.until(lambda: device.ask("show", "status")["operation"] is None, "it is undone")
    assert on_top(device) == []
    device.run("install", shelf.greeter("1.0"), "--trial", 10).expect(DONE)
    device.run("commit").expect(DONE)
    device.kill()
    device.start()
    assert packages.ask(shelf.port) == "hello from 1.0"


def test_the_next_startup_brings_it(device, shelf):
    said = device.run("install", shelf.greeter("1.0"), "--mode", "next-startup").expect(DONE)
    assert "next reboot" in said.out
    assert on_top(device) == []
    device.run("reboot", "--yes").expect(DONE)
    harness.until(lambda: on_top(device) == ["greeter 1.0"]
                  and device.ask("show", "status")["operation"] is None, "it is committed")
    assert packages.ask(shelf.port) == "hello from 1.0"


def test_packages_are_carried_over_a_base_upgrade_and_a_revert(device, shelf, releases):
    device.run("install", shelf.greeter("1.0", toml='[compatible]\nbase = ">=1.0 <1.2"')
               ).expect(DONE)
    device.run("upgrade", releases["1.1.0"]).expect(DONE)
    assert packages.ask(shelf.port) == "hello from 1.0"
    said = device.run("upgrade", releases["1.2.0"]).expect(REFUSED)
    assert said.error_id == "plan.unresolvable", said
    assert "greeter 1.0" in said.err
    assert "1.2" in said.err
    device.run("revert", "--yes").expect(DONE)
    assert packages.ask(shelf.port) == "hello from 1.0"
    assert device.versions()["running"] == "1.0.0"


def test_a_patch_changes_a_running_program_and_goes_through_its_states(device, shelf):
    device.run("install", shelf.greeter("1.0")).expect(DONE)
    def send(signal):
        return f'["/bin/sh", "-c", "kill -{signal} $CUTOVER_SERVICE_PID; sleep 0.2"]'

    patch = shelf.build("polite", "1", f"""
        [compatible]
        base = "=1.0.0"
        [requires]
        greeter = "=1.0"
        [[touches]]
        service = "greeter"
        on-change = "hook"
        hook = {send("USR2")}
        unhook = {send("HUP")}
        """, {"share/greeter/loaded": "greet = lambda: 'hello, and welcome'\n"}, kind="patch")
    device.run("patch", "load", patch).expect(DONE)
    assert states(device)["polite"] == "obtained"
    assert packages.ask(shelf.port) == "hello from 1.0"
    device.run("patch", "active", "polite").expect(DONE)
    assert packages.ask(shelf.port) == "hello, and welcome"
    assert states(device)["polite"] == "active"
    device.kill()
    device.start()
    assert packages.ask(shelf.port) == "hello from 1.0", "active does not survive a reboot"
    assert states(device)["polite"] == "obtained"
    device.run("patch", "active", "polite").expect(DONE)
    proposed = device.run().expect(DONE).out
    assert "cutover patch run polite" in proposed
    assert "cutover reboot" not in proposed, "that would end the patch"
    device.run("patch", "run", "polite").expect(DONE)
    device.kill()
    device.start()
    assert packages.ask(shelf.port) == "hello, and welcome", "running does"
    assert "polite" in device.run("patch", "show").expect(DONE).out
    device.run("patch", "deactive", "polite").expect(DONE)
    assert packages.ask(shelf.port) == "hello from 1.0"
    device.run("patch", "delete", "polite").expect(DONE)
    assert "polite" not in states(device)
    history = device.run("patch", "show", "--history").expect(DONE).out
    assert "activate patch polite 1" in history
    assert "delete patch polite 1" in history
    device.run("install", shelf.plain("dispatcher", "1")).expect(DONE)
    assert "dispatcher" not in device.run("patch", "show", "--history").expect(DONE).out


def test_what_others_need_stays_or_goes_with_them(device, shelf):
    device.run("install", shelf.plain("routing", "2.0"),
               shelf.plain("bgp", "8.5", '[requires]\nrouting = ">=2.0"\n')).expect(DONE)
    said = device.run("uninstall", "routing").expect(REFUSED)
    assert said.error_id == "plan.needed", said
    assert "bgp 8.5" in said.err
    assert "--with-dependents" in said.err
    device.run("uninstall", "routing", "--with-dependents").expect(DONE)
    assert on_top(device) == []


def test_an_impossible_request_says_why(device, shelf):
    said = device.run("install", shelf.plain("bgp", "8.5", '[requires]\nrouting = ">=2.0"\n')
                      ).expect(REFUSED)
    assert said.error_id == "plan.unresolvable"
    assert "bgp 8.5 requires routing >=2.0" in said.err


def test_a_dependency_at_hand_comes_along(device, shelf):
    device.run("packages", "fetch", shelf.plain("routing", "2.1")).expect(DONE)
    device.run("install", shelf.plain("bgp", "8.5", '[requires]\nrouting = ">=2.0"\n')).expect(DONE)
    assert on_top(device) == ["routing 2.1", "bgp 8.5"]


def test_a_reload_makes_all_that_was_marked_take_effect(device, shelf):
    device.run("install", shelf.plain("old", "1")).expect(DONE)
    device.run("packages", "fetch", shelf.greeter("1.0"), shelf.plain("other", "3")).expect(DONE)
    assert states(device)["greeter"] == "obtained"
    device.run("packages", "install", "greeter").expect(DONE)
    device.run("packages", "deinstall", "old").expect(DONE)
    assert states(device)["greeter"] == "selected"
    assert states(device)["old"] == "leaving"
    assert on_top(device) == ["old 1"]
    preview = device.run("packages", "reload", "--dry-run").expect(DONE)
    assert "reload: add feature greeter 1.0, remove feature old 1" in preview.out
    device.run("packages", "reload").expect(DONE)
    assert on_top(device) == ["greeter 1.0"]
    assert packages.ask(shelf.port) == "hello from 1.0"
    assert device.run("packages", "reload").expect(REFUSED).error_id == "plan.nothing_selected"


def results(said) -> dict[str, str]:
    """Of a reload: what became of each package."""
    last = json.loads(said.out.splitlines()[-1])
    return {package["name"] + " " + package["version"]: package["result"]
            for package in last["packages"]}


def test_a_reload_tells_of_each_package_and_stops_where_data_would_be_lost(device, shelf):
    keeper = shelf.build("keeper", "1", '[persist]\npaths = ["etc/keeper"]\n',
                         {"etc/keeper/list": "empty\n"})
    device.run("install", keeper, shelf.greeter("1.0")).expect(DONE)
    device.run("packages", "fetch", shelf.greeter("1.1"), shelf.plain("fresh", "1")).expect(DONE)
    device.run("packages", "install", "greeter@1.1", "fresh").expect(DONE)
    device.run("packages", "deinstall", "keeper").expect(DONE)
    said = device.run("packages", "reload").expect(REFUSED)
    assert said.error_id == "check.data", said
    assert "keeper 1 (etc/keeper)" in said.err
    assert "check.data" in device.run("packages", "reload", "--dry-run").expect(REFUSED).out
    assert "keeper 1" in on_top(device)
    said = device.run("packages", "reload", "--force", "--json").expect(DONE)
    assert results(said) == {"keeper 1": "removed", "greeter 1.1": "loaded", "fresh 1": "loaded"}
    device.run("packages", "fetch", shelf.greeter("1.2", health="silent")).expect(DONE)
    device.run("packages", "install", "greeter@1.2").expect(DONE)
    said = device.run("packages", "reload").expect(FAILED)
    rows = [line.split() for line in said.out.splitlines()]
    assert ["fresh", "1", "unchanged"] in rows, said
    failed = next(row for row in rows if row[:2] == ["greeter", "1.2"])
    assert failed[2] == "failed", said
    assert "did not pass its checks" in " ".join(said.out.split()), "it says why"


def layer_of(device, name: str) -> pathlib.Path:
    for folder in (device.folder / "layers" / "packages").iterdir():
        if json.loads((folder / "manifest.json").read_text())["name"] == name:
            return folder
    raise AssertionError(f"no layer of {name}")


def test_a_damaged_package_is_mended_by_installing_the_same_version_again(device, shelf):
    feature = shelf.greeter("1.0")
    device.run("install", feature).expect(DONE)
    version = device.folder / "run" / "current" / "share" / "greeter" / "version"
    assert device.run("install", feature).expect(REFUSED).error_id == "plan.present"
    version.write_text("spoilt\n")  # a service could have done that
    said = device.run("install", feature).expect(DONE)
    assert "written anew" in said.err, said
    assert version.read_text() == "1.0\n"

    shutil.rmtree(layer_of(device, "greeter"))
    device.kill()
    device.start()
    assert on_top(device) == []
    assert [alarm["name"] for alarm in device.alarms()] == ["packages-missing"]
    refused = device.run("install", shelf.plain("other", "1")).expect(REFUSED)
    assert refused.error_id == "plan.package_lost", refused
    assert "greeter 1.0" in refused.err
    device.run("install", feature).expect(DONE)
    assert packages.ask(shelf.port) == "hello from 1.0"
    assert device.alarms() == []
    device.kill()
    device.start()
    assert packages.ask(shelf.port) == "hello from 1.0"
    shutil.rmtree(layer_of(device, "greeter") / "root")
    device.kill()
    device.start()
    assert [alarm["name"] for alarm in device.alarms()] == ["packages-missing"]
    device.run("uninstall", "greeter").expect(DONE)
    assert on_top(device) == []
    device.at_rest_on("1.0.0")


def test_a_package_that_would_hide_a_persistent_path_is_refused_before_it_is_written(
        device, shelf):
    bad = shelf.build("bad", "1", "", {"etc/nos.conf": "mine\n"})
    for more in ((), ("--preview",)):
        said = device.run("install", bad, *more).expect(REFUSED)
        assert "layer.conflict" in said.err + said.out, said
        assert "etc/nos.conf" in said.err + said.out
    assert not any((device.folder / "layers" / "packages").glob("*/manifest.json"))
    assert device.alarms() == []


def test_a_replacing_patch_that_is_taken_back_brings_back_what_it_replaced(device, shelf):
    device.run("patch", "load", shelf.plain("first", "1", kind="patch"), "--run").expect(DONE)
    whole = shelf.plain("whole", "1", '[patch]\nreplaces = ["*"]\n', kind="patch")
    device.run("patch", "load", whole).expect(DONE)
    device.run("patch", "active", "whole").expect(DONE)
    assert on_top(device) == ["whole 1"]
    said = device.run("patch", "deactive", "whole").expect(DONE)
    assert "note: first 1, which whole 1 had replaced, is back" in said.err
    assert on_top(device) == ["first 1"]
    device.at_rest_on("1.0.0")
    device.run("patch", "active", "whole").expect(DONE)
    device.run("patch", "run", "whole").expect(DONE)
    said = device.run("patch", "deactive", "whole", "--preview").expect(DONE)
    assert "first 1, which whole 1 has replaced, does not come back" in said.out
    device.run("patch", "deactive", "whole").expect(DONE)
    assert on_top(device) == []
    shown = device.ask("show", "version")
    assert shown["running"] == shown["startup"]


def test_a_new_base_takes_what_runs_on_it_and_warns_of_what_it_hides(
        make_device, shelf, releases):
    device = make_device(releases["1.0.0"])
    older = '[compatible]\nbase = "<1.1"\n'
    device.run("install", shelf.plain("acl", "2.0", older), shelf.plain("dhcp", "2.0")
               ).expect(DONE)
    base = releases.make("integrated-1.1", "1.1.0", extra="""
[[includes]]
kind = "feature"
name = "dhcp"
version = "2.5"
""")
    said = device.run("upgrade", base).expect(REFUSED)
    assert said.error_id == "plan.unresolvable", said
    assert "--force packages" in said.err
    forced = device.run("upgrade", base, "--force", "packages", "--preview").expect(DONE)
    assert "carried over by --force" in forced.out
    assert "packages" in forced.out
    device.run("packages", "fetch", shelf.plain("acl", "2.1")).expect(DONE)
    preview = device.run("upgrade", base, "--preview").expect(DONE)
    assert "2.1, which is at hand" in preview.out
    assert "dhcp 2.0 hides the newer 2.5" in preview.out
    said = device.run("upgrade", base).expect(DONE)
    assert "warning: dhcp 2.0 hides the newer 2.5" in said.err
    assert "note: acl 2.0 does not run on" in said.err
    assert sorted(on_top(device)) == ["acl 2.1", "dhcp 2.0"]


def test_a_reboot_is_followed_to_the_end_of_the_trial_that_it_begins(device, shelf):
    device.run("install", shelf.greeter("1.0"), "--mode", "next-startup").expect(DONE)
    said = device.run("reboot", "--yes").expect(DONE)
    assert "on trial now" in said.out
    assert "committed" in said.out, said
    assert on_top(device) == ["greeter 1.0"]
    device.run("upgrade", shelf.greeter("1.1", health="silent"), "--mode", "next-startup"
               ).expect(DONE)
    said = device.run("reboot", "--yes").expect(FAILED)
    assert said.error_id == "trial.check_failed", said
    assert on_top(device) == ["greeter 1.0"]


def test_what_is_only_obtained_is_dropped_and_patch_commands_are_for_patches(device, shelf):
    device.run("install", shelf.plain("tool", "1")).expect(DONE)
    device.run("packages", "fetch", shelf.plain("tool", "2")).expect(DONE)
    assert device.run("packages", "drop", "tool").expect(REFUSED).error_id == "plan.in_use"
    said = device.run("patch", "delete", "tool@2").expect(REFUSED)
    assert said.error_id == "plan.other_kind", said
    assert "cutover packages drop" in said.err
    device.run("packages", "drop", "tool@2").expect(DONE)
    assert "tool 2" not in device.run("packages", "list").expect(DONE).out
    assert on_top(device) == ["tool 1"]
    said = device.run("patch", "load", shelf.plain("tool", "3")).expect(REFUSED)
    assert "cutover packages fetch" in said.err
    said = device.run("uninstall", "tool@7").expect(REFUSED)
    assert "tool 1 is there, not tool@7" in said.err


def test_only_what_was_interrupted_is_said_to_be(device, shelf):
    said = device.run("install", shelf.greeter("1.0")).expect(DONE)
    assert "Services were not interrupted." in said.out
    assert "note" not in said.err
    said = device.run("uninstall", "greeter").expect(DONE)
    assert "stop greeter" in said.out
    assert "not interrupted" not in said.out
    lost = shelf.build("lost", "1", '[[touches]]\nservice = "nobody"\n', {"x": "1"},
                       kind="patch")
    assert "touches the service nobody" in device.run("install", lost, "--preview").out


def test_a_check_says_when_it_is_not_newer(device, shelf, releases):
    device.run("install", shelf.plain("kept", "2.0")).expect(DONE)
    device.run("upgrade", shelf.plain("kept", "2.1"), "--check").expect(DONE)
    said = device.run("upgrade", shelf.plain("kept", "1.9"), "--check").expect(REFUSED)
    assert said.error_id == "cli.not_newer"
    assert "kept from 2.0 to 1.9" in said.err
    said = device.run("upgrade", releases["1.0.0"], "--check").expect(REFUSED)
    assert said.error_id == "cli.not_newer" and "nos 1.0.0 is what runs" in said.err
    assert "1.0.0 -> 1.1.0" in device.run("upgrade", releases["1.1.0"], "--check").expect(DONE).out


def test_what_is_obtained_first_brings_its_hooks_and_modules_with_the_reload(device, shelf):
    noted = device.folder / "noted"
    package = shelf.build("told", "1.0", """
        [hooks]
        preinstall = "hooks/note.sh"
        [config]
        modules = ["yang/told.yang"]
        """, {"share/told": "1\n"}, beside={
            "hooks/note.sh": f'#!/bin/sh\necho "$CUTOVER_KIND" >> {noted}\n',
            "yang/told.yang": """module told {
              yang-version 1.1; namespace "urn:example:told"; prefix t;
              revision 2026-01-01;
              container told { leaf name { type string; } }
            }
            """})
    device.run("packages", "fetch", package).expect(DONE)
    assert not noted.exists(), "nothing that runs changes"
    device.run("packages", "install", "told").expect(DONE)
    device.run("packages", "reload").expect(DONE)
    assert noted.read_text() == "reload\n"
    assert on_top(device) == ["told 1.0"]
    # A pack that has it as a member skips it, and its hook.
    pack = shelf.pack("1", 1, [package, shelf.plain("fresh", "1.0")])
    device.run("upgrade", pack).expect(DONE)
    assert noted.read_text() == "reload\n"
    assert sorted(on_top(device)) == ["fresh 1.0", "told 1.0"]


def test_a_layer_whose_manifest_is_damaged_stops_nothing_and_is_mended(device, shelf):
    package = shelf.plain("hurt", "1.0")
    device.run("packages", "fetch", shelf.plain("spare", "1.0")).expect(DONE)
    device.run("install", package).expect(DONE)
    for manifest in (device.folder / "layers" / "packages").glob("*/manifest.json"):
        manifest.write_text("garbage\n")
    refused = device.run("install", shelf.plain("other", "1.0")).expect(REFUSED)
    assert refused.error_id == "plan.package_lost", refused
    assert "hurt 1.0" in refused.err
    assert "cutover install FILE" in refused.err
    said = device.run("install", package).expect(DONE)
    assert "hurt 1.0 is written anew" in said.err
    device.run("packages", "fetch", shelf.plain("spare", "1.0")).expect(DONE)
    device.run("packages", "install", "spare").expect(DONE)
    device.run("packages", "reload").expect(DONE)
    assert sorted(on_top(device)) == ["hurt 1.0", "spare 1.0"]
    device.at_rest_on("1.0.0")


def test_an_update_pack_is_applied_as_one(device, shelf):
    device.run("install", shelf.greeter("1.0"), shelf.plain("kept", "2.0")).expect(DONE)
    pack = shelf.pack("2024.1", 1, [shelf.greeter("1.1"), shelf.plain("kept", "1.9"),
                                    shelf.plain("fresh", "1.0")])
    device.run("upgrade", pack, "--check").expect(DONE)
    said = device.run("upgrade", pack).expect(DONE)
    assert "level 0 -> 1" in said.out
    assert sorted(on_top(device)) == ["fresh 1.0", "greeter 1.1", "kept 2.0"]
    shown = device.ask("show", "version")["running"]
    assert shown["update_level"] == 1
    assert shown["base"]["version"] == "1.0.0"
    assert packages.ask(shelf.port) == "hello from 1.1"
    again = device.run("upgrade", pack, "--check").expect(REFUSED)
    assert again.error_id == "plan.pack_not_newer"
    assert "level 1" in again.err
    other = shelf.pack("2024.2", 2, [shelf.greeter("1.2")], base=">=2.0")
    assert device.run("upgrade", other).expect(REFUSED).error_id == "plan.pack_base"
    device.run("rollback", "--yes").expect(DONE)
    assert sorted(on_top(device)) == ["greeter 1.0", "kept 2.0"]
    assert device.ask("show", "version")["running"]["update_level"] == 0


def test_a_pack_is_applied_whole_or_not_at_all(device, shelf):
    device.run("install", shelf.greeter("1.0")).expect(DONE)
    pack = shelf.pack("1", 1, [shelf.greeter("1.1", health="silent"), shelf.plain("fresh", "1.0")])
    device.run("upgrade", pack).expect(FAILED)
    assert on_top(device) == ["greeter 1.0"]
    assert device.ask("show", "version")["running"]["update_level"] == 0
    unsigned = shelf.pack("2", 2, [shelf.plain("fresh", "1.0")], signed=False)
    assert device.run("upgrade", unsigned).expect(REFUSED).error_id == "package.unsigned"


def test_hardware_packages_add_hardware_ids(device, shelf):
    card = shelf.plain("line-card-driver", "1.0", '[compatible]\nhardware = ["line-card-10g"]\n')
    assert device.run("install", card).expect(REFUSED).error_id == "check.hardware"
    device.run("install", shelf.plain("line-card", "1.0",
                                      '[hardware]\nsupports = ["line-card-10g"]\n',
                                      kind="hardware")).expect(DONE)
    device.run("install", card).expect(DONE)
    assert sorted(on_top(device)) == ["line-card 1.0", "line-card-driver 1.0"]
    said = device.run("uninstall", "line-card").expect(REFUSED)
    assert said.error_id == "check.hardware"
    assert "Name line-card-driver in the same command" in said.err
    device.run("uninstall", "line-card", "line-card-driver").expect(DONE)
    device.run("packages", "fetch", shelf.plain("line-card", "1.0",
                                                '[hardware]\nsupports = ["line-card-10g"]\n',
                                                kind="hardware")).expect(DONE)
    device.run("packages", "fetch", card).expect(DONE)


def details(device) -> dict[str, str]:
    return {package["name"]: package.get("detail", "") for package in
            harness.rows(device.ask("show", "packages"))}


def events(device) -> str:
    return device.run("events", "--last", 50).expect(DONE).out


def test_a_package_for_an_absent_card_waits_for_it(device, shelf):
    line_card = shelf.build("line-card", "1.0", f"""
        [hardware]
        supports = ["line-card-10g"]
        [[service]]
        name = "line-card"
        command = ["/usr/bin/python3", "share/greeter/server.py"]
        listen = ["tcp:127.0.0.1:{shelf.port}"]
        ready = "notified"
        [[health]]
        name = "the card greets"
        tcp = "127.0.0.1:{shelf.port}"
        """, {"share/greeter/version": "the card\n",
              "share/greeter/server.py": packages.SERVER.replace("NAME", "greeter")},
        kind="hardware")
    driver = shelf.plain("driver", "1.0", '[compatible]\nhardware = ["line-card-10g"]\n')
    device.run("install", line_card, driver).expect(DONE)
    assert states(device)["line-card"] == states(device)["driver"] == "running"
    assert details(device)["line-card"] == "waits for line-card-10g"
    assert details(device)["driver"] == "waits for line-card-10g"
    assert "waits for line-card-10g" in device.run("show", "packages").expect(DONE).out
    operations = len(device.operations())

    def greets() -> bool:
        with contextlib.suppress(OSError):
            return packages.ask(shelf.port) == "hello from the card"
        return False

    assert not greets()
    device.kill()
    device.start()  # without the card it boots well
    assert not greets()
    device.at_rest_on("1.0.0")
    slot = device.folder / "hardware"
    slot.write_text("# what is plugged in\nline-card-10g\n")
    harness.until(greets, "the card's service answers")
    harness.until(lambda: details(device)["line-card"] == "", "it waits no more")
    assert "hardware.appeared" in events(device)
    assert "the card greets" in device.run("show", "health").expect(DONE).out
    device.kill()
    device.start()
    assert greets(), "a boot with the card starts it"
    slot.unlink()
    harness.until(lambda: not greets(), "the service has gone with its card")
    harness.until(lambda: details(device)["line-card"] != "", "it waits again")
    assert "hardware.left" in events(device)
    assert len(device.operations()) == operations, "no operation"
    device.at_rest_on("1.0.0")


def test_an_integrated_feature_is_replaced_and_comes_back(make_device, shelf, releases):
    base = releases.make("integrated", "1.0.0", extra="""
[[includes]]
kind = "feature"
name = "dhcp"
version = "1.0"
""")
    device = make_device(base)
    assert states(device)["dhcp"] == "integrated"
    assert device.run("uninstall", "dhcp").expect(REFUSED).error_id == "plan.integrated"
    device.run("install", shelf.plain("dhcp", "1.1")).expect(DONE)
    assert states(device)["dhcp"] == "running"
    device.run("uninstall", "dhcp").expect(DONE)
    assert states(device)["dhcp"] == "integrated"


REFUSED_CELLS = {("base", "install", "in-service"), ("base", "upgrade", "in-service"),
                 ("base", "rollback", "in-service"), ("base", "uninstall", "in-service"),
                 ("base", "uninstall", "next-startup"), ("patch", "upgrade", "in-service"),
                 ("patch", "upgrade", "next-startup"), ("module", "upgrade", "in-service"),
                 ("module", "upgrade", "next-startup"), ("pack", "uninstall", "in-service"),
                 ("pack", "uninstall", "next-startup")}


class Cells:
    """Brings a device to where a cell of the matrix can be tried, for packages of one kind."""

    def __init__(self, kind, device, shelf, releases) -> None:
        self.kind, self.device, self.shelf, self.releases = kind, device, shelf, releases
        self.level = 0

    @property
    def name(self) -> str:
        return {"base": "nos", "pack": "updates"}.get(self.kind, "thing")

    def package(self, version: int):
        if self.kind == "base":
            return self.releases["1.1.0"] if version == 1 else self.releases["1.2.0"]
        if self.kind == "pack":
            self.level += 1
            member = self.shelf.plain("member", str(self.level))
            return self.shelf.pack(str(self.level), self.level, [member])
        supports = '[hardware]\nsupports = ["card"]\n' if self.kind == "hardware" else ""
        return self.shelf.plain("thing", str(version), supports, kind=self.kind)

    def arrange(self, operation: str) -> None:
        there = any(name in states(self.device) for name in ("thing", "member"))
        if self.kind in ("base", "pack"):
            behind = self.device.versions()["running"] == "1.0.0" if self.kind == "base" \
                else not there
            if operation in ("rollback", "uninstall") and behind:
                self.device.run("upgrade", self.package(1)).expect(DONE)
        else:
            stale = "thing 2" in on_top(self.device) or operation == "install"
            if there and stale:
                self.device.run("uninstall", "thing").expect(DONE)
            if operation != "install" and (stale or not there):
                self.device.run("install", self.package(1)).expect(DONE)

    def words(self, operation: str) -> tuple:
        if operation in ("install", "upgrade"):
            return operation, self.package(1 if operation == "install" else 2)
        return (operation, self.name) if operation == "uninstall" else (operation, "--yes")


@pytest.mark.parametrize("kind", KINDS)
def test_every_cell_of_the_matrix(device, shelf, releases, kind):
    """{install, uninstall, upgrade, rollback} x {in service, at the next startup}."""
    cells = Cells(kind, device, shelf, releases)
    for operation, mode in itertools.product(("install", "upgrade", "rollback", "uninstall"),
                                             ("in-service", "next-startup")):
        cells.arrange(operation)
        before = device.ask("show", "version")
        said = device.run(*cells.words(operation), "--mode", mode)
        if (kind, operation, mode) in REFUSED_CELLS:
            assert said.expect(REFUSED).error_id == "plan.matrix", said
            assert "cause:" in said.err
            assert "`" in said.err[said.err.index("remedy:"):], "it says what to do instead"
            assert device.ask("show", "version") == before
            continue
        said.expect(DONE)
        after = device.ask("show", "version")
        if mode == "in-service":
            assert after["running"] != before["running"], said
            assert after["running"] == after["startup"] == after["committed"]
        elif (kind, operation) != ("base", "install"):
            assert after["running"] == before["running"], said
            assert after["startup"] != before["startup"], said
            device.run("rollback", "--yes").expect(DONE)  # takes the startup back
            assert device.ask("show", "version")["startup"] == before["startup"]

"""Packages on top of the base, on a real machine: systemd's units, mounts over /usr, real boots."""

from harness import DONE, FAILED, until


def services(machine) -> dict[str, str]:
    return {row["name"]: row["state"] for row in machine.ask("show", "health")["services"]}


def committed(machine) -> bool:
    shown = machine.ask("show", "version")
    return machine.at_rest() and shown["running"] == shown["startup"] == shown["committed"]


def test_a_feature_comes_changes_falls_back_outlives_a_power_cut_and_goes(
        machine, reference, url, clock):
    machine.run("install", url(reference.feature("1.0"))).expect(DONE)
    clock("installed in service")
    assert machine.page("greet.html") == "greet 1.0"
    assert services(machine)["greet"] == "running"

    machine.run("upgrade", url(reference.feature("1.1"))).expect(DONE)
    clock("upgraded in service")
    assert machine.page("greet.html") == "greet 1.1"

    said = machine.run("upgrade", url(reference.feature("1.2", sound=False))).expect(FAILED)
    clock("a broken upgrade and back")
    assert "greet is ready" in str(said)
    assert machine.page("greet.html") == "greet 1.1"
    assert services(machine)["greet"] == "running"

    boots = len(machine.boots())
    machine.reset()
    machine.wait_until_up()
    clock("a reset")
    assert len(machine.boots()) == boots + 1, "nothing before it has restarted the machine"
    until(lambda: machine.page("greet.html") == "greet 1.1", "the page is back", 60)
    until(lambda: services(machine).get("greet") == "running", "greet runs again", 60)

    machine.run("uninstall", "greet").expect(DONE)
    clock("uninstalled")
    assert machine.page("greet.html") == ""
    assert machine.page() == "nos 1.0.0"
    assert "greet" not in services(machine)
    assert machine.alarms() == []


def test_packages_of_the_next_startup_are_tried_once_and_kept_or_given_up(
        machine, reference, url, clock):
    machine.run("install", url(reference.feature("1.0")), "--mode", "next-startup").expect(DONE)
    assert machine.page("greet.html") == ""
    machine.run("reboot", "--yes")
    until(lambda: machine.page("greet.html") == "greet 1.0" and committed(machine),
          "the feature is there, and kept", 180)
    clock("tried and kept")
    machine.run("upgrade", url(reference.feature("1.3", sound=False)), "--mode",
                "next-startup").expect(DONE)
    machine.run("reboot", "--yes")
    until(lambda: machine.last_operation()["state"] == "failed", "the trial is given up", 240)
    until(lambda: machine.page("greet.html") == "greet 1.0" and committed(machine),
          "the feature as it was", 180)
    clock("tried and given up")
    assert machine.alarms(), "somebody is told"
    machine.run("uninstall", "greet").expect(DONE)
    assert machine.page("greet.html") == ""

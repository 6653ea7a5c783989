"""The good ways, on a real machine: over the network, with real boots."""

import pytest
from harness import DONE, FAILED, until

from reference import NEW, OLD

SETTINGS = "hostname = changed-by-the-user"
NOT_UNMOUNTED = "recovering journal"  # what e2fsck then says at the next boot


def test_upgrade_over_the_network_ends_on_the_new_release_and_revert_on_the_old(
        machine, reference, url, clock):
    """Each slot keeps the settings: a user's file goes along, the package's own does not come over
    it. And the way down is orderly: nothing but the reset below leaves the data partition mounted.
    """
    before = machine.operations()
    assert machine.page("nos.conf") == SETTINGS
    begun = len(machine.console())
    said = machine.run("upgrade", url(reference.package(NEW))).expect(DONE)
    clock("upgrade")
    machine.expect_at_rest_on(NEW, "b")
    assert machine.page("nos.conf") == SETTINGS
    assert NOT_UNMOUNTED not in machine.console()[begun:]
    assert len(machine.operations()) == len(before) + 1, said
    assert machine.alarms() == []

    machine.reset()
    machine.wait_until_up()
    clock("a reset of the committed release")
    machine.expect_at_rest_on(NEW, "b")

    machine.run("revert").expect(DONE)
    clock("revert")
    machine.expect_at_rest_on(OLD, "a")
    assert machine.page("nos.conf") == SETTINGS
    assert machine.alarms() == []


def test_next_startup_leaves_the_reboot_to_somebody_else(machine, reference, url, clock):
    machine.run("upgrade", url(reference.package(NEW)), "--mode", "next-startup").expect(DONE)
    clock("set")
    assert machine.marks() == {"running": OLD, "startup": NEW, "committed": OLD}
    assert machine.page() == f"nos {OLD}"
    machine.run("reboot", "--yes").expect(DONE)
    until(lambda: machine.marks()["committed"] == NEW, "the new release is committed", 180)
    clock("reboot, trial and commit")
    machine.expect_at_rest_on(NEW, "b")
    machine.run("revert").expect(DONE)
    machine.expect_at_rest_on(OLD, "a")


@pytest.mark.parametrize(("loader", "firmware"), [("grub", "uefi"), ("uboot", "uboot")])
def test_other_firmware_starts_upgrades_and_falls_back_too(garage, reference, url, clock, loader,
                                                           firmware):
    machine = garage.new(loader, firmware)
    try:
        machine.power_on().wait_until_up()
        clock("first boot")
        machine.run("upgrade", url(reference.package(NEW))).expect(DONE)
        machine.expect_at_rest_on(NEW, "b")
        clock("upgrade")
        machine.run("upgrade", url(reference.package("1.2.0", "init-panics"))).expect(FAILED)
        machine.expect_at_rest_on(NEW, "b")
        clock("a release whose init panics")
    finally:
        if machine.process is not None:
            print(machine.console()[-4000:])
        machine.power_off()

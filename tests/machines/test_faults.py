"""Releases that do not come up, on a real machine: each ends on the old release, with an alarm."""

import pathlib
import re

import disk as disks
import pytest
from harness import DONE, FAILED
from machine import DATA_MIB
from release import SLOT_MIB

import faults
from reference import NEW, OLD


def fails(machine, reference, url, clock, fault):
    """Upgrades to a release with the fault: it ends on the old one, with an alarm."""
    before = machine.last_operation()["operation"] if machine.operations() else 0
    package = url(reference.package(NEW, fault))
    clock("package and machine")
    failed = machine.run("upgrade", package, timeout=400).expect(FAILED)
    clock("upgrade, trial and fallback")

    machine.expect_at_rest_on(OLD, "a")
    operation = machine.last_operation()
    assert operation["operation"] == before + 1
    assert operation["state"] == "failed", operation
    alarm, = machine.alarms()
    assert alarm["severity"] == "major", alarm
    assert failed.error_id, failed


@pytest.mark.parametrize("fault", sorted(set(faults.FAULTS) - {"kernel-not-loadable"}))
def test_a_release_ends_on_the_old_one_with_an_alarm(machine, reference, url, clock, fault):
    fails(machine, reference, url, clock, fault)


def test_a_trial_has_as_many_tries_as_it_was_given(garage, reference, url, clock):
    machine = garage.new(boots=2)
    try:
        machine.power_on().wait_until_up()
        machine.run("upgrade", url(reference.package(NEW, "init-panics"))).expect(FAILED)
        clock("upgrade, two tries and fallback")
        machine.expect_at_rest_on(OLD, "a")
        assert machine.boots() == ["a", "b", "b", "a"]
    finally:
        machine.power_off()


def test_a_kernel_that_cannot_be_loaded_and_a_good_release_after_it_which_clears_the_alarm(
        machine, reference, url, clock):
    fails(machine, reference, url, clock, "kernel-not-loadable")
    machine.run("upgrade", url(reference.package(NEW))).expect(DONE)
    machine.expect_at_rest_on(NEW, "b")
    clock("a good release after it")
    assert machine.alarms() == []
    machine.run("revert").expect(DONE)


def test_a_damaged_boot_record_loses_nothing(garage, clock):
    """Each copy in turn, then both: the device starts, and the record is made anew."""
    machine = garage.new()
    disk = machine.folder / "disk.img"
    places = boot_records(disk)
    assert len(places) == 2
    try:
        for damaged in (places[:1], places[1:], places):
            for place in damaged:
                faults.flip(disk, place, 64)
            machine.power_on().wait_until_up()
            machine.expect_at_rest_on(OLD, "a")
            machine.power_off()
            clock(f"a boot with {len(damaged)} of 2 copies damaged")
            assert boot_records(disk) == places, "a damaged copy was not made anew"
    finally:
        machine.power_off()


def boot_records(disk: pathlib.Path) -> list[int]:
    """Where the copies of the boot record are on a disk."""
    part = disks.layout(SLOT_MIB, DATA_MIB)["env"]
    with disk.open("rb") as file:
        file.seek(part.start_mib * disks.MIB)
        content = file.read(part.size_mib * disks.MIB)
    return [part.start_mib * disks.MIB + found.start()
            for found in re.finditer(b"# GRUB Environment Block\ncutover_seq=", content)]

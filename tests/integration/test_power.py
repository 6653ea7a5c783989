"""kill -9 of the agent, which is a power cut, at random moments of an operation."""

import os
import random
import subprocess
import time

import pytest

from harness import DONE, FAILED, get, until

SEEDS = range(30)
OLD, NEW, NEXT = "1.1.0", "1.2.0", "2.0.0"


@pytest.fixture(scope="session")
def usual_seconds() -> list[float]:
    """How long an operation took that nobody cut off; filled by the first test."""
    return []


def is_at_rest(device) -> bool:
    return (len(set(device.versions().values())) == 1
            and device.ask("show", "status")["operation"] is None)


def check_whole(device, releases, allowed: set[str]) -> str:
    """The device runs exactly one of the allowed releases, and all of its state agrees."""
    until(lambda: is_at_rest(device), "the device comes to rest")
    version = device.versions()["running"]
    assert version in allowed
    status, page = get(releases.port)
    assert status == 200 and f"nos {version}" in page
    assert all(operation["state"] in ("done", "failed", "cancelled", "refused")
               for operation in device.operations())
    root = device.slot(device.active()) / "root"
    assert (root / "etc/nos-release").read_text() == f"nos {version}\n"
    return version


def test_an_upgrade_that_nobody_cuts_off(upgraded, releases, usual_seconds):
    began = time.monotonic()
    upgraded.run("upgrade", releases[NEW]).expect(DONE)
    usual_seconds.append(time.monotonic() - began)
    assert check_whole(upgraded, releases, {NEW}) == NEW


@pytest.mark.parametrize("seed", SEEDS)
def test_an_upgrade_cut_off_anywhere(upgraded, releases, usual_seconds, seed):
    chance = random.Random(seed)
    usual = usual_seconds[0] if usual_seconds else 2.0
    upgraded.run("upgrade", releases[NEW], "--no-wait").expect(DONE)
    time.sleep(chance.uniform(0, usual * 1.1))  # the moment of the cut, not a wait for something
    upgraded.kill()
    if chance.random() < 0.5:  # and again while it recovers
        upgraded.launch()
        time.sleep(chance.uniform(0, 0.8))
        upgraded.kill()
    upgraded.start()
    version = check_whole(upgraded, releases, {OLD, NEW})
    if version == OLD:
        upgraded.run("upgrade", releases[NEW]).expect(DONE)
    upgraded.run("upgrade", releases[NEXT]).expect(DONE)
    check_whole(upgraded, releases, {NEXT})


@pytest.mark.parametrize("seed", range(6))
def test_a_fallback_cut_off_anywhere(device, releases, seed):
    chance = random.Random(100 + seed)
    device.run("upgrade", releases["1.2.0-broken-web"], "--no-wait").expect(DONE)
    time.sleep(chance.uniform(0, 5))
    device.kill()
    device.start()
    check_whole(device, releases, {"1.0.0"})
    device.run("upgrade", releases["1.1.0"]).expect(DONE)
    check_whole(device, releases, {"1.1.0"})


@pytest.mark.parametrize("seed", range(6))
def test_a_revert_cut_off_anywhere(upgraded, releases, seed):
    chance = random.Random(200 + seed)
    upgraded.run("revert", "--no-wait").expect(DONE)
    time.sleep(chance.uniform(0, 2))
    upgraded.kill()
    upgraded.start()
    check_whole(upgraded, releases, {"1.0.0", "1.1.0"})


def test_power_cycles_never_walk_a_device_off_a_committed_release(upgraded, releases):
    for _ in range(6):
        upgraded.kill()
        upgraded.launch()
        time.sleep(0.1)
    upgraded.kill()
    upgraded.start()
    check_whole(upgraded, releases, {"1.1.0"})


def test_services_die_with_the_agent(device, releases):
    device.kill()
    with pytest.raises(OSError):
        get(releases.port)


def test_a_shell_that_names_the_device_outlives_the_agents_start(make_device):
    """$CUTOVER_DEVICE is how a person says which device is meant: it marks no process as its."""
    device = make_device(start=False)
    shell = subprocess.Popen(["sleep", "600"],
                             env={**os.environ, "CUTOVER_DEVICE": str(device.folder.resolve())})
    try:
        device.start()
        device.kill()
        device.start()
        assert shell.poll() is None
    finally:
        shell.kill()
        shell.wait()


def test_an_orderly_stop_ends_the_services_and_loses_nothing(upgraded, releases):
    assert upgraded.stop() == 0
    with pytest.raises(OSError):
        get(releases.port)
    upgraded.start()
    check_whole(upgraded, releases, {"1.1.0"})


def test_a_stop_in_the_middle_of_an_operation_is_a_power_cut_too(make_device, releases):
    device = make_device()
    gate = device.gate("postinstall")
    device.run("upgrade", releases["1.1.0"], "--no-wait").expect(DONE)
    gate.wait()
    device.stop()
    gate.open()
    device.start()
    version = check_whole(device, releases, {"1.0.0", "1.1.0"})
    state = device.last_operation()["state"]
    assert (version, state) in (("1.0.0", "failed"), ("1.0.0", "cancelled"), ("1.1.0", "done"))


def test_what_a_cut_off_operation_came_to_is_told_to_who_asks_later(make_device, releases):
    device = make_device()
    gate = device.gate("postinstall")
    device.run("upgrade", releases["1.1.0"], "--no-wait").expect(DONE)
    gate.wait()
    number = device.last_operation()["operation"]
    device.kill()
    gate.open()
    device.start()
    told = device.run("show", "operation", number, "--follow")
    assert told.code in (DONE, FAILED)

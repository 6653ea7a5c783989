"""Releases that are broken: the device comes back by itself, and says why."""

import pytest

from harness import DONE, FAILED, get

BROKEN = ("1.2.0-broken-web", "1.2.0-broken-exit", "1.2.0-broken-hang", "1.2.0-broken-missing")


@pytest.mark.parametrize("release", BROKEN)
def test_a_broken_release_falls_back_by_itself(device, releases, release):
    config = device.persistent("etc/nos.conf")
    config.write_text("hostname = edge-7\n")

    failed = device.run("upgrade", releases[release], timeout=120).expect(FAILED)

    assert failed.error_id
    assert "cause:" in failed.err and "remedy:" in failed.err
    device.at_rest_on("1.0.0")
    assert get(releases.port)[0] == 200
    assert device.persistent("etc/nos.conf").read_text() == "hostname = edge-7\n"
    operation = device.last_operation()
    assert operation["state"] == "failed"
    alarm, = device.alarms()
    assert alarm["severity"] == "major"
    standby = device.ask("show", "version")["standby"]
    assert standby["state"] in ("bad", "empty")


def test_the_failing_checks_answer_is_in_the_error(device, releases):
    failed = device.run("upgrade", releases["1.2.0-broken-web"], timeout=120).expect(FAILED)
    assert "web answers" in failed.err
    assert "404" in failed.err


def test_a_good_release_after_a_broken_one_commits_and_clears_the_alarm(device, releases):
    device.run("upgrade", releases["1.2.0-broken-web"], timeout=120).expect(FAILED)
    assert device.alarms()
    device.run("upgrade", releases["1.1.0"]).expect(DONE)
    device.at_rest_on("1.1.0")
    assert device.alarms() == []


def test_alarms_are_kept_over_a_restart_of_the_agent(device, releases):
    device.run("upgrade", releases["1.2.0-broken-exit"], timeout=120).expect(FAILED)
    raised = device.alarms()
    device.kill()
    device.start()
    assert device.alarms() == raised


def test_a_check_of_the_device_itself_decides_too(make_device, releases, workplace):
    device = make_device(configure=f"""
[[health]]
name = "no flag"
exec = ["/bin/sh", "-c", "test ! -e {workplace}/flag || {{ echo the flag is up; exit 1; }}"]
retries = 2
interval = "100ms"
""")
    device.script("postinstall", "50-flag.sh", f"touch {workplace}/flag\n")
    failed = device.run("upgrade", releases["1.1.0"], timeout=120)
    (workplace / "flag").unlink()
    failed.expect(FAILED)
    assert "the flag is up" in failed.err + device.run("show", "operation",
                                                       device.last_operation()["operation"]).out
    device.at_rest_on("1.0.0")


def test_a_slot_that_hangs_is_given_up_after_its_boots(device, releases):
    failed = device.run("upgrade", releases["1.2.0-broken-hang"], timeout=120).expect(FAILED)
    assert "boot" in failed.err
    assert device.last_operation()["reboots"] >= 2

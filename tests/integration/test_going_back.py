"""revert, rollback and --mode next-startup."""

from harness import DONE, FAILED, REFUSED, get, until


def test_revert_goes_back_to_the_slot_that_was_committed_once(upgraded, releases):
    upgraded.run("revert").expect(DONE)
    upgraded.at_rest_on("1.0.0")
    assert "nos 1.0.0" in get(releases.port)[1]
    upgraded.run("revert").expect(DONE)
    upgraded.at_rest_on("1.1.0")


def test_revert_makes_no_health_checks(make_device, releases, workplace):
    device = make_device(configure=f"""
[[health]]
name = "no flag"
exec = ["/usr/bin/test", "!", "-e", "{workplace}/flag"]
retries = 1
""")
    device.run("upgrade", releases["1.1.0"]).expect(DONE)
    (workplace / "flag").touch()
    device.run("revert").expect(DONE)
    device.at_rest_on("1.0.0")


def test_revert_is_refused_when_the_standby_slot_is_empty(device):
    device.run("revert").expect(REFUSED)
    device.at_rest_on("1.0.0")


def test_revert_is_refused_when_the_standby_was_never_committed(device, releases):
    device.run("install", releases["1.1.0"]).expect(DONE)
    device.run("revert").expect(REFUSED)
    device.at_rest_on("1.0.0")


def test_revert_is_refused_to_a_release_that_failed_its_trial(device, releases):
    device.run("upgrade", releases["1.2.0-broken-web"], timeout=120).expect(FAILED)
    device.run("revert").expect(REFUSED)
    device.at_rest_on("1.0.0")


def test_rollback_goes_to_the_generation_before(upgraded):
    upgraded.run("rollback").expect(DONE)
    upgraded.at_rest_on("1.0.0")


def test_rollback_goes_to_a_generation_by_its_number(upgraded):
    first = upgraded.ask("show", "version")["standby"]
    assert first["version"] == "1.0.0"
    upgraded.run("rollback", 1).expect(DONE)
    upgraded.at_rest_on("1.0.0")


def test_rollback_to_a_generation_that_is_not_there_is_refused(upgraded):
    refused = upgraded.run("rollback", 4711).expect(REFUSED)
    assert "4711" in refused.err
    upgraded.at_rest_on("1.1.0")


def test_rollback_to_a_generation_whose_slot_was_overwritten_is_refused(upgraded, releases):
    upgraded.run("upgrade", releases["1.2.0"]).expect(DONE)
    upgraded.run("rollback", 1).expect(REFUSED)
    upgraded.at_rest_on("1.2.0")


def test_next_startup_leaves_the_reboot_to_somebody_else(device, releases):
    device.run("upgrade", releases["1.1.0"], "--mode", "next-startup").expect(DONE)
    versions = device.versions()
    assert (versions["running"], versions["startup"]) == ("1.0.0", "1.1.0")
    assert versions["committed"] == "1.0.0"
    device.run("reboot", "--yes").expect(DONE)
    device.wait_until_up()
    until(lambda: device.versions()["committed"] == "1.1.0", "the new release is committed")
    device.at_rest_on("1.1.0")


def test_next_startup_of_a_broken_release_falls_back_too(device, releases):
    device.run("upgrade", releases["1.2.0-broken-web"], "--mode", "next-startup").expect(DONE)
    said = device.run("reboot", "--yes").expect(FAILED)
    assert said.error_id == "trial.check_failed", said
    until(lambda: device.alarms(),
          "an alarm is raised")
    until(lambda: set(device.versions().values()) == {"1.0.0"}, "the device is back on 1.0.0")

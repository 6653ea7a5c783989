"""--trial: somebody has to say commit, in time."""

import json
import sqlite3
import time

from harness import DONE, REFUSED, until


def on_trial(device, version: str) -> bool:
    return (device.versions()["running"] == version
            and device.last_operation()["state"] == "awaiting-commit")


def begin(device, package, minutes: int = 5) -> None:
    device.run("upgrade", package, "--trial", minutes, "--no-wait").expect(DONE)
    until(lambda: on_trial(device, "1.1.0"), "the new release runs on trial")


def test_a_trial_is_committed_by_hand(device, releases):
    begin(device, releases["1.1.0"])
    assert device.versions()["committed"] == "1.0.0"
    device.run("commit").expect(DONE)
    device.at_rest_on("1.1.0")


def test_a_trial_can_be_given_up(device, releases):
    begin(device, releases["1.1.0"])
    device.run("rollback").expect(DONE)
    until(lambda: set(device.versions().values()) == {"1.0.0"}, "the device is back on 1.0.0")


def leave_seconds_to_commit(device, seconds: int) -> None:
    """As if the device had been without power for the rest of its trial."""
    number = device.last_operation()["operation"]
    device.kill()
    with sqlite3.connect(device.folder / "device.db") as database:
        (text,), = database.execute("SELECT document FROM operations WHERE id = ?", (number,))
        document = json.loads(text)
        document["operation"]["commit_deadline"] = int((time.time() + seconds) * 1000)
        database.execute("UPDATE operations SET document = ? WHERE id = ?",
                         (json.dumps(document), number))
    database.close()
    device.start()


def test_a_trial_that_nobody_commits_goes_back(device, releases):
    begin(device, releases["1.1.0"])
    leave_seconds_to_commit(device, 2)
    until(lambda: set(device.versions().values()) == {"1.0.0"}, "the device is back on 1.0.0")
    until(lambda: device.ask("show", "status")["operation"] is None, "the operation is over")
    assert device.last_operation()["error"]["id"] == "trial.not_committed"
    assert device.last_operation()["state"] == "failed"
    assert device.alarms()


def test_a_power_cut_during_a_trial_falls_back_or_goes_on(device, releases):
    begin(device, releases["1.1.0"])
    device.kill()
    device.start()
    versions = device.versions()
    assert versions["committed"] == "1.0.0"
    assert versions["running"] in ("1.0.0", "1.1.0")


def test_commit_is_refused_when_there_is_no_trial(device):
    device.run("commit").expect(REFUSED)
    device.at_rest_on("1.0.0")

"""An operation that changes base or modules waits for configuration work that is open."""

import pytest

from harness import DONE, REFUSED, until
from test_configuration import NET_2025, NET_2026, TO_2026, change, running

IDLE = "while :; do sleep 0.1; done\n"
# Takes the configuration when the test lets it: as slow as a service likes to be.
TAKE = """
[ ! -e "$CUTOVER_DATA/refuse" ] || exit 1
echo begun >>"$CUTOVER_DATA/$1-begun"
while [ ! -e "$CUTOVER_DATA/go" ]; do sleep 0.05; done
cp "$CUTOVER_DATA/configuration/running.json" "$CUTOVER_DATA/$1-taken"
"""
SERVICE = """
[[service]]
name = "{0}"
command = ["bin/busybox", "sh", "bin/idle"]
on-change = "hook"
hook = ["bin/busybox", "sh", "bin/take", "{0}"]
start-timeout = "60s"
config = ["net"]
"""
SERVICES = SERVICE.format("first") + SERVICE.format("second")
MODULE = '[config]\nmodules = ["yang/net.yang"]\n'


@pytest.fixture(scope="session")
def slow_bases(releases):
    files = (("bin/idle", IDLE), ("bin/take", TAKE))
    old = releases.make("slow-1.0.0", "1.0.0", extra=SERVICES + MODULE, files=files,
                        beside={"yang/net.yang": NET_2025})
    later = {"yang/net.yang": NET_2026, "migrations/net/2025-01-01-to-2026-01-01.json": TO_2026}
    new = releases.make("slow-1.1.0", "1.1.0", extra=SERVICES + MODULE
                        + 'migrations = "migrations"\n', files=files, beside=later)
    return {"1.0.0": old, "1.1.0": new}


@pytest.fixture
def box(make_device, slow_bases):
    device = make_device(slow_bases["1.0.0"])
    let_go(device)
    change(device, "/net:net/hostname", "good")
    until(lambda: not waiting(device), "services take the first configuration")
    device.run("config", "save").expect(DONE)
    for file in (device.folder / "data").glob("*-begun"):
        file.unlink()
    return device


def let_go(box, go: bool = True) -> None:
    (box.folder / "data").mkdir(exist_ok=True)
    file = box.folder / "data" / "go"
    file.touch() if go else file.unlink()


def waiting(box) -> list[str]:
    status = box.ask("config", "status")
    return status["waiting"] + status["behind"]


def waits(box) -> bool:
    """Whether the operation at work says that it waits."""
    now = box.ask("show", "status")["operation"]
    if now is None:
        return False
    log = box.run("show", "operation", now["operation"], "--log").expect(DONE).out
    return "waiting: revision" in log


def put_on_trial(box) -> None:
    box.run("config", "set", "/net:net/hostname", "far").expect(DONE)
    box.run("config", "commit", "--confirm", "10").expect(DONE)


def test_what_is_on_trial_is_waited_for_and_then_refused_untouched(box, slow_bases):
    put_on_trial(box)
    preview = box.run("upgrade", slow_bases["1.1.0"], "--preview").expect(DONE).out
    assert "is on trial until" in preview and "waits up to 10.0 s, then gives up" in preview
    assert running(box)["hostname"] == "far"
    refused = box.run("upgrade", slow_bases["1.1.0"], "--max-wait", "1s")
    assert refused.code == REFUSED and refused.error_id == "operation.config_open", refused
    assert "is on trial until" in refused.err
    box.at_rest_on("1.0.0")
    assert box.ask("config", "status")["trial"] is not None
    box.run("config", "commit").expect(DONE)
    assert running(box)["hostname"] == "far"


def test_an_upgrade_goes_on_when_the_trial_is_confirmed(box, slow_bases):
    put_on_trial(box)
    upgrade = box.client("upgrade", slow_bases["1.1.0"], "--max-wait", "5m")
    until(lambda: waits(box), "the wait begins")
    box.run("config", "set", "/net:net/hostname", "other").expect(DONE)
    refused = box.run("config", "commit", "--confirm", "5")
    assert refused.error_id == "config.read_only" and "--confirm" in refused.err, refused
    box.run("config", "discard", "--yes").expect(DONE)
    box.run("config", "commit").expect(DONE)  # confirms what is on trial
    assert upgrade.wait(120) == DONE
    assert running(box)["hostname"] == "far"


def test_a_trial_is_taken_back_when_it_is_to_be_killed(box, slow_bases):
    put_on_trial(box)
    done = box.run("upgrade", slow_bases["1.1.0"], "--max-wait", "0s", "--timeout-action",
                   "kill").expect(DONE)
    assert "was not confirmed, and is taken back" in done.out + done.err
    box.at_rest_on("1.1.0")
    assert running(box)["hostname"] == "good"


def test_waiting_is_cut_and_cancelled_without_a_trace(box, slow_bases):
    put_on_trial(box)
    for end in ("cancel", "kill"):
        upgrade = box.client("upgrade", slow_bases["1.1.0"], "--max-wait", "5m")
        until(lambda: waits(box), "the wait begins")
        if end == "cancel":
            box.run("cancel").expect(DONE)
            assert upgrade.wait(60) != DONE
            assert box.ask("config", "status")["trial"] is not None
        else:
            box.kill()
            upgrade.kill()
            box.start()
            until(lambda: box.ask("show", "status")["operation"] is None, "nothing is at work")
        upgrade.communicate()
        box.at_rest_on("1.0.0")
    assert running(box)["hostname"] == "good"  # a boot begins with what was saved
    change(box, "/net:net/hostname", "free")


def test_services_that_are_slow_are_waited_for_when_asked(box, slow_bases):
    let_go(box, False)
    change(box, "/net:net/hostname", "slow")
    until((box.folder / "data" / "first-begun").exists, "the first service is told")
    status = box.run("config", "status").expect(DONE).out
    assert "2 are still to be told of what runs: first, second" in status, status
    upgrade = box.client("upgrade", slow_bases["1.1.0"], "--wait-commit-queue-empty",
                         "--max-wait", "5m")
    let_go(box)
    assert upgrade.wait(120) == DONE
    assert "slow" in (box.folder / "data" / "second-taken").read_text()
    box.at_rest_on("1.1.0")


def test_services_that_refuse_what_runs_hold_an_upgrade_up_when_asked(box, slow_bases):
    refuse = box.folder / "data" / "refuse"
    refuse.touch()
    change(box, "/net:net/hostname", "refused")
    refused = box.run("upgrade", slow_bases["1.1.0"], "--wait-commit-queue-empty",
                      "--max-wait", "1s")
    assert refused.code == REFUSED and refused.error_id == "operation.config_open", refused
    assert "is not taken yet by first:" in refused.err.replace("\n", " "), refused
    change(box, "/net:net/hostname", "accepted")  # commits are taken again
    refuse.unlink()
    box.run("upgrade", slow_bases["1.1.0"], "--wait-commit-queue-empty",
            "--max-wait", "1m").expect(DONE)
    assert "accepted" in (box.folder / "data" / "second-taken").read_text()

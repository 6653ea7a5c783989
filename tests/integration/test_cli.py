"""The command line as a person and a script meet it."""

import json
import signal
import time

import pytest

from harness import (DONE, REFUSED, STILL_GOING, UNREACHABLE, USAGE, Device, cutover, until)

SHOWS = ("version", "generations", "operations", "packages", "health", "alarms", "status",
         "startup", "log")
COMMANDS = ("show", "install", "upgrade", "activate", "commit", "revert", "rollback", "cancel",
            "reboot", "repair", "events", "package", "device")
PACKAGE_COMMANDS = ("keygen", "build", "sign", "show", "verify", "extract")


@pytest.mark.parametrize("what", SHOWS)
def test_every_show_has_a_table_and_json(upgraded, what):
    table = upgraded.run("show", what).expect(DONE)
    assert table.out.strip() or what == "alarms"
    assert all(len(line) <= 100 for line in table.out.splitlines()) or what == "log"
    assert "\x1b" not in table.out
    shown = upgraded.run("show", what, "--json").expect(DONE)
    json.loads(shown.out)


def test_one_operation_has_a_page_and_json(upgraded):
    number = upgraded.last_operation()["operation"]
    assert "1.1.0" in upgraded.run("show", "operation", number).expect(DONE).out
    shown = upgraded.ask("show", "operation", number)
    assert shown["operation"] == number
    assert shown["state"] == "done"
    assert [stage["stage"] for stage in shown["stages"]][0] == "init"


def test_cutover_alone_says_what_the_device_does_and_what_to_do_next(device):
    said = device.run().expect(DONE).out
    assert "1.0.0" in said
    assert said.count("cutover ") >= 1


@pytest.mark.parametrize("words", [*((word,) for word in COMMANDS),
                                   *(("show", word) for word in SHOWS),
                                   *(("package", word) for word in PACKAGE_COMMANDS),
                                   ("device", "create")], ids=" ".join)
def test_every_command_has_help_with_an_example(words):
    said = cutover(*words, "--help").expect(DONE).out
    assert f"cutover {' '.join(words)}" in said or f"cutover {words[0]}" in said
    assert "xample" in said


@pytest.mark.parametrize("words", [("upgrad",), ("show",), ("show", "verzion"), ("upgrade",),
                                   ("upgrade", "x.cc", "--trial", "soon"), ("rollback", "one"),
                                   ("upgrade", "x.cc", "--mode", "sideways"),
                                   ("show", "operation", "x"), ("--no-such-option",)],
                         ids=" ".join)
def test_a_wrong_command_line_is_exit_2(device, words):
    wrong = device.run(*words).expect(USAGE)
    assert wrong.err
    assert not wrong.out or "--json" in words


def test_an_agent_that_is_not_there_is_exit_4(make_device):
    device = make_device(start=False)
    gone = device.run("show", "version").expect(UNREACHABLE)
    assert gone.error_id and "remedy:" in gone.err
    assert json.loads((said := device.run("show", "version", "--json")).out or said.err)


def test_an_agent_that_is_slow_to_answer_is_waited_for(device):
    assert device.agent is not None
    device.agent.send_signal(signal.SIGSTOP)
    client = device.client("show", "version")
    try:
        time.sleep(1)  # the agent's time: it has none
        assert client.poll() is None
    finally:
        device.agent.send_signal(signal.SIGCONT)
    assert client.wait(30) == DONE


def test_the_socket_of_device_toml_is_found(make_device, workplace):
    device = make_device(configure=f'[doors.native]\nsocket = "{workplace}/other.sock"')
    assert (workplace / "other.sock").exists()
    assert not (device.folder / "cutover.sock").exists()
    device.run("show", "version").expect(DONE)


def test_a_folder_that_is_no_device_is_not_exit_0(tmp_path):
    assert Device(tmp_path / "nothing").run("show", "version").code in (USAGE, UNREACHABLE)


def test_a_refusal_is_exit_3_with_id_cause_and_remedy(device, releases):
    refused = device.run("upgrade", releases["1.0.0"].parent / "no-such-file.cc")
    assert refused.code in (REFUSED, USAGE)
    refused = device.run("revert").expect(REFUSED)
    assert refused.error_id.count(".") == 1
    assert "remedy:" in refused.err
    as_json = device.run("revert", "--json").expect(REFUSED)
    assert as_json.error_id == refused.error_id


def test_a_pipe_gets_plain_lines_on_stderr_and_no_bars(device, releases):
    said = device.run("upgrade", releases["1.1.0"]).expect(DONE)
    assert "\r" not in said.err and "\x1b" not in said.err
    assert any("install" in line for line in said.err.splitlines())


def test_json_of_an_operation_is_one_object_a_line_and_the_result_last(device, releases):
    said = device.run("upgrade", releases["1.1.0"], "--json").expect(DONE)
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert lines[-1]["type"] == "result"
    assert lines[-1]["exit_code"] == DONE
    assert lines[-1]["operation"]["state"] == "done"


def test_no_wait_comes_back_at_once_and_the_operation_goes_on(make_device, releases):
    device = make_device()
    gate = device.gate("prep")
    device.run("upgrade", releases["1.1.0"], "--no-wait").expect(DONE)
    gate.wait()
    assert device.last_operation()["state"] == "running"
    gate.open()
    until(lambda: device.versions()["committed"] == "1.1.0", "the operation ends")


def test_ctrl_c_ends_the_client_and_not_the_operation(make_device, releases):
    device = make_device()
    gate = device.gate("prep")
    client = device.client("upgrade", releases["1.1.0"])
    gate.wait()
    client.send_signal(signal.SIGINT)
    _, said = client.communicate(timeout=20)
    assert client.returncode == STILL_GOING
    number = device.last_operation()["operation"]
    assert f"show operation {number}" in said
    follower = device.client("show", "operation", number, "--follow")
    gate.open()
    out, err = follower.communicate(timeout=60)
    assert follower.returncode == DONE, out + err
    device.at_rest_on("1.1.0")


def test_a_client_that_is_killed_leaves_the_operation_running(make_device, releases):
    device = make_device()
    gate = device.gate("install")
    client = device.client("upgrade", releases["1.1.0"])
    gate.wait()
    client.kill()
    client.communicate(timeout=20)
    gate.open()
    until(lambda: device.versions()["committed"] == "1.1.0", "the operation ends")


def test_a_second_operation_is_refused_while_one_is_at_work(make_device, releases):
    device = make_device()
    gate = device.gate("prep")
    device.run("upgrade", releases["1.1.0"], "--no-wait").expect(DONE)
    gate.wait()
    refused = device.run("upgrade", releases["1.2.0"]).expect(REFUSED)
    assert "1.1.0" in refused.err or str(device.last_operation()["operation"]) in refused.err
    gate.open()
    until(lambda: device.versions()["committed"] == "1.1.0", "the operation ends")


def test_cancel_undoes_the_operation_at_work(make_device, releases):
    device = make_device()
    gate = device.gate("preinstall")
    device.run("upgrade", releases["1.1.0"], "--no-wait").expect(DONE)
    gate.wait()
    number = device.last_operation()["operation"]
    device.run("cancel").expect(DONE)
    gate.open()
    until(lambda: device.ask("show", "operation", number)["state"] == "cancelled",
          "the operation is cancelled")
    device.at_rest_on("1.0.0")


def test_cancel_is_refused_when_nothing_is_at_work(device):
    device.run("cancel").expect(REFUSED)


def test_repair_of_a_device_that_is_well_finds_nothing_to_do(upgraded):
    upgraded.run("repair").expect(DONE)
    upgraded.at_rest_on("1.1.0")


def test_two_agents_of_one_device_are_not_possible(device):
    second = Device(device.folder)
    second.launch()
    assert second.agent is not None
    assert second.agent.wait(20) != 0
    second.agent = None
    device.at_rest_on("1.0.0")


def test_an_unknown_key_of_device_toml_stops_the_agent_with_a_suggestion(make_device):
    device = make_device(start=False, configure="[trial]\ndeadlin = \"5m\"")
    device.launch()
    assert device.agent is not None
    assert device.agent.wait(20) != 0
    device.agent = None
    assert "deadline" in device.agent_log()


def test_events_can_be_followed_while_something_happens(device, releases):
    follower = device.client("events", "--follow", "--json")
    device.run("install", releases["1.1.0"]).expect(DONE)
    follower.send_signal(signal.SIGINT)
    out, _ = follower.communicate(timeout=20)
    types = {json.loads(line).get("event", "") for line in out.splitlines()}
    assert any(kind.startswith("operation.") for kind in types)


def test_bash_completion_knows_the_commands():
    said = cutover("generate", "completion").expect(DONE)
    assert all(command in said.out for command in COMMANDS)

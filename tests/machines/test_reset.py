"""A factory reset of a real machine: what was put on it is gone, and it is as it was made."""

from harness import DONE, until

from reference import OLD

SETTINGS = "hostname = changed-by-the-user"


def test_a_factory_reset_leaves_the_running_base_and_nothing_on_it(garage, reference, url, clock):
    machine = garage.new().power_on().wait_until_up()  # nobody else's: it is not as it was
    try:
        machine.run("install", url(reference.feature("1.0"))).expect(DONE)
        assert machine.page("greet.html") == "greet 1.0"
        assert machine.page("nos.conf") == SETTINGS
        clock("a feature installed")
        machine.run("reset", "--factory", "--yes")
        until(lambda: len(machine.boots()) > 1, "it restarts", 120)
        machine.wait_until_up()
        until(lambda: machine.at_rest() and machine.operations(), "the reset is over", 120)
        clock("reset")
        last = machine.last_operation()
        assert last["title"].startswith("factory reset") and last["state"] == "done", last
        assert [one["operation"] for one in machine.operations()] == [last["operation"]]
        machine.expect_at_rest_on(OLD, "a")
        assert machine.page("greet.html") == ""
        until(lambda: machine.page("nos.conf") not in ("", SETTINGS), "the factory's settings", 60)
        assert machine.alarms() == []
    except BaseException:
        print(machine.console()[-6000:])
        raise
    finally:
        machine.power_off()

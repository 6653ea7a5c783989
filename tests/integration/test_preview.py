"""--preview changes nothing, and names the plan that may then be demanded."""

from harness import DONE, REFUSED, fingerprint


def plan_of(device, *words) -> str:
    return device.run(*words, "--preview", "--json").expect(DONE).json["plan"]


def test_a_preview_changes_nothing(device, releases):
    slots = fingerprint(device.folder / "slots")
    generations = device.ask("show", "generations")
    shown = device.run("upgrade", releases["1.1.0"], "--preview").expect(DONE)
    assert "1.0.0" in shown.out and "1.1.0" in shown.out
    assert fingerprint(device.folder / "slots") == slots
    assert device.ask("show", "generations") == generations
    device.at_rest_on("1.0.0")


def test_a_preview_lists_checks_and_steps(device, releases):
    shown = device.run("upgrade", releases["1.1.0"], "--preview", "--json").expect(DONE).json
    names = {check["name"] for check in shown["checks"]}
    assert {"space", "hardware"} <= names
    assert all(check["verdict"] == "ok" for check in shown["checks"])
    assert shown["steps"] and shown["interrupts"]


def test_the_same_request_has_the_same_plan_and_another_has_another(device, releases):
    plan = plan_of(device, "upgrade", releases["1.1.0"])
    assert plan == plan_of(device, "upgrade", releases["1.1.0"])
    assert plan != plan_of(device, "upgrade", releases["1.2.0"])


def test_a_plan_that_was_previewed_can_be_demanded(device, releases):
    plan = plan_of(device, "upgrade", releases["1.1.0"])
    device.run("upgrade", releases["1.2.0"], "--plan", plan).expect(REFUSED)
    device.at_rest_on("1.0.0")
    device.run("upgrade", releases["1.1.0"], "--plan", plan).expect(DONE)
    device.at_rest_on("1.1.0")


def test_policy_can_demand_a_preview_of_the_same_plan(make_device, releases):
    device = make_device(configure="[policy]\nrequire-preview = true")
    device.run("upgrade", releases["1.1.0"]).expect(REFUSED)
    plan_of(device, "upgrade", releases["1.2.0"])
    device.run("upgrade", releases["1.1.0"]).expect(REFUSED)
    plan_of(device, "upgrade", releases["1.1.0"])
    device.run("upgrade", releases["1.1.0"]).expect(DONE)
    device.at_rest_on("1.1.0")


def test_a_preview_of_what_would_be_refused_says_so(device, releases):
    shown = device.run("upgrade", releases["2.0.0"], "--preview").expect(REFUSED)
    assert "1.1" in shown.out + shown.err


def test_stage_scripts_see_the_preview(make_device, releases, workplace):
    device = make_device()
    device.script("prep", "10-mode.sh", f'echo "$CUTOVER_MODE" >> {workplace}/modes\n')
    device.run("upgrade", releases["1.1.0"], "--preview").expect(DONE)
    if (workplace / "modes").exists():
        assert (workplace / "modes").read_text() == "preview\n"
    assert device.status_lines()[-1].endswith("preview:ended   (preview ended successfully)")

"""Scripts, INI files and evidence of the nine stages."""

from harness import DONE, FAILED, fingerprint

STAGES = ("init", "prep", "preremove", "preinstall", "install", "postinstall", "postremove",
          "configure", "postexecute")


def test_scripts_run_in_the_order_of_stages_and_prefixes(make_device, releases, workplace):
    device = make_device()
    trail = workplace / "trail"
    for stage in reversed(STAGES):
        for prefix in ("80-late", "10-early"):
            device.script(stage, f"{prefix}.sh", f'echo "$CUTOVER_STAGE {prefix}" >> {trail}\n')
    device.run("upgrade", releases["1.1.0"]).expect(DONE)
    assert trail.read_text().splitlines() == [f"{stage} {prefix}" for stage in STAGES
                                              for prefix in ("10-early", "80-late")]


def test_a_script_is_told_what_happens(make_device, releases, workplace):
    device = make_device()
    device.script("prep", "10-env.sh", f"env | grep ^CUTOVER_ > {workplace}/env\n")
    device.run("upgrade", releases["1.1.0"]).expect(DONE)
    told = dict(line.split("=", 1) for line in (workplace / "env").read_text().splitlines())
    number = device.last_operation()["operation"]
    assert told["CUTOVER_OPERATION"] == str(number)
    assert told["CUTOVER_MODE"] == "upgrade"
    assert told["CUTOVER_STAGE"] == "prep"
    assert "1.0.0" in told["CUTOVER_FROM"]
    assert "1.1.0" in told["CUTOVER_TO"]


def test_a_script_that_fails_stops_and_undoes(make_device, releases):
    device = make_device()
    device.script("postinstall", "50-no.sh", "echo the licence server says no\nexit 3\n")
    failed = device.run("upgrade", releases["1.1.0"]).expect(FAILED)
    assert "50-no.sh" in failed.err
    device.at_rest_on("1.0.0")
    number = device.last_operation()["operation"]
    log = device.run("show", "operation", number, "--log").expect(DONE)
    assert "the licence server says no" in log.out


def test_a_script_that_hangs_is_ended(make_device, releases):
    device = make_device(configure='[policy]\nscript-timeout = "500ms"')
    device.script("prep", "50-hang.sh", "sleep 600\n")
    device.run("upgrade", releases["1.1.0"], timeout=30).expect(FAILED)
    device.at_rest_on("1.0.0")


def test_hooks_of_the_package_run_in_their_stage(device, releases, workplace):
    package = releases.make(
        "1.1.0-hooks", "1.1.0", extra='\n[hooks]\npreinstall = "hooks/stop.sh"\n',
        hooks={"hooks/stop.sh": f'echo "$CUTOVER_STAGE $CUTOVER_MODE" >> {workplace}/hook\n'})
    device.run("upgrade", package).expect(DONE)
    assert (workplace / "hook").read_text() == "preinstall upgrade\n"


def test_a_hook_that_fails_leaves_the_device_as_it_was(device, releases):
    package = releases.make("1.1.0-bad-hook", "1.1.0",
                            extra='\n[hooks]\nconfigure = "hooks/no.sh"\n',
                            hooks={"hooks/no.sh": "echo cannot migrate\nexit 1\n"})
    failed = device.run("upgrade", package).expect(FAILED)
    assert "hooks/no.sh" in failed.err or "cannot migrate" in failed.err
    device.at_rest_on("1.0.0")


INI = """; an INI file as upgrade-ux reads it
[preinstall]
  command[0] = /bin/sh
  options[0] = {workplace}/tool
  source[0]  = "-s $(touch {workplace}/evaluated)"
  bundle[0]  = "NosBundle"
  version[0] = "1.1"
"""


def test_ini_files_run_their_commands_without_a_shell(make_device, releases, workplace):
    tool = workplace / "tool"
    tool.write_text(f'printf "%s\\n" "$@" > {workplace}/arguments\n')
    (workplace / "upgrade.ini").write_text(INI.format(workplace=workplace))
    device = make_device(configure=f'[stages]\nini = ["{workplace}/upgrade.ini"]')
    device.run("upgrade", releases["1.1.0"]).expect(DONE)
    arguments = (workplace / "arguments").read_text()
    assert "NosBundle" in arguments and "1.1" in arguments
    assert not (workplace / "evaluated").exists()


def test_a_command_of_an_ini_file_that_fails_stops_and_undoes(make_device, releases, workplace):
    (workplace / "upgrade.ini").write_text("[install]\ncommand[0] = /bin/false\n")
    device = make_device(configure=f'[stages]\nini = ["{workplace}/upgrade.ini"]')
    device.run("upgrade", releases["1.1.0"]).expect(FAILED)
    device.at_rest_on("1.0.0")


def test_evidence_tells_what_changed_besides_what_was_asked_for(make_device, releases, workplace):
    watched = workplace / "routes"
    watched.write_text("10.0.0.0/8 via 192.0.2.1\n")
    device = make_device(configure=f'[evidence]\nfiles = ["{watched}"]\n'
                                   'commands = [["/bin/echo", "always the same"]]')
    device.script("install", "90-route.sh", f'echo "10.9.0.0/16 via 192.0.2.9" >> {watched}\n')
    device.run("upgrade", releases["1.1.0"]).expect(DONE)
    operation = device.last_operation()["operation"]
    shown = device.run("show", "operation", operation, "--log").expect(DONE)
    assert "10.9.0.0/16 via 192.0.2.9" in shown.out
    assert "always the same" not in "\n".join(line for line in shown.out.splitlines()
                                              if line.startswith(("+", "-")))


def test_a_failed_operation_is_told_by_the_status_file(make_device, releases):
    device = make_device()
    device.script("prep", "50-no.sh", "exit 1\n")
    before = fingerprint(device.folder / "slots")
    device.run("upgrade", releases["1.1.0"]).expect(FAILED)
    assert fingerprint(device.folder / "slots") == before
    last = device.status_lines()[-1]
    assert "upgrade:ended" in last and "success" not in last

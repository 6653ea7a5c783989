"""Users and the audit log, by the commands that administer them."""

import json
import os
import pty
import re
import select
import signal
import stat
import subprocess
import time

import pytest

from harness import DONE, FAILED, PATIENCE, REFUSED, ROOT, USAGE, Outcome, cutover, program

PASSWORD = "correct horse battery"


@pytest.fixture
def folder(workplace):
    """A device's folder, as far as these commands look at it."""
    made = workplace / "device"
    made.mkdir()
    (made / "device.toml").write_text("")
    return made


def typed(folder, *words, text="") -> Outcome:
    line = tuple(str(word) for word in words)
    done = subprocess.run([program("cutover"), "--device", str(folder), *line], check=False,
                          input=text, capture_output=True, text=True, timeout=PATIENCE)
    return Outcome(line, done.returncode, done.stdout, done.stderr)


def add(folder, name="alice", role="operator", password=PASSWORD) -> Outcome:
    return typed(folder, "user", "add", name, "--role", role, text=password + "\n")


def shown(folder) -> list[dict]:
    return typed(folder, "audit", "show", "--json").expect(DONE).json["lines"]


class Terminal:
    """A person at a terminal."""

    def __init__(self, *words) -> None:
        self.said = ""
        self.child, self.screen = pty.fork()
        if self.child == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # who runs the tests may ignore it
            os.execve(program("cutover"), ["cutover", *map(str, words)], os.environ)

    def wait_for(self, text: str) -> None:
        end = time.monotonic() + PATIENCE
        while text not in self.said:
            left = max(0, end - time.monotonic())
            assert select.select([self.screen], [], [], left)[0], self.said
            self.said += os.read(self.screen, 4096).decode()

    def type(self, text: str) -> None:
        os.write(self.screen, text.encode())

    def end(self) -> int:
        try:
            while more := os.read(self.screen, 4096):
                self.said += more.decode()
        except OSError:  # the other end is closed
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])

    def shows_what_is_typed(self) -> bool:
        import termios
        return bool(termios.tcgetattr(self.screen)[3] & termios.ECHO)


def test_a_user_is_added_listed_changed_and_removed(folder):
    assert "alice, operator" in add(folder).expect(DONE).out
    assert add(folder, "bob", "viewer").expect(DONE)
    listed = typed(folder, "user", "list", "--json").expect(DONE).json["users"]
    assert [(user["name"], user["role"]) for user in listed] == [("alice", "operator"),
                                                                 ("bob", "viewer")]
    before = (folder / "access" / "users.json").read_text()
    typed(folder, "user", "password", "bob", text="another one\n").expect(DONE)
    assert (folder / "access" / "users.json").read_text() != before
    typed(folder, "user", "remove", "alice").expect(DONE)
    assert "alice" not in typed(folder, "user", "list").expect(DONE).out


def test_the_password_is_nowhere(folder):
    add(folder).expect(DONE)
    for file in (folder / "access").iterdir():
        assert PASSWORD not in file.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert stat.S_IMODE((folder / "access").stat().st_mode) == 0o700


@pytest.mark.parametrize("password", ["", "\n", "short\n", "schlüssel-wort\n", " leading space\n",
                                      "x" * 1025 + "\n"])
def test_a_password_that_cannot_be_one_is_refused(folder, password):
    refused = typed(folder, "user", "add", "alice", "--role", "viewer", text=password)
    assert refused.expect(REFUSED).error_id == "access.bad_user"
    assert not typed(folder, "user", "list", "--json").json["users"]


def test_a_mistyped_role_or_name_is_suggested(folder):
    wrong = add(folder, role="operater").expect(REFUSED)
    assert "did you mean 'operator'" in wrong.err
    add(folder).expect(DONE)
    wrong = typed(folder, "user", "remove", "alise").expect(REFUSED)
    assert wrong.error_id == "access.no_such_user"
    assert "did you mean 'alice'" in wrong.err
    assert add(folder, "a b").expect(REFUSED).error_id == "access.bad_user"
    assert add(folder).expect(REFUSED).error_id == "access.user_exists"


def test_a_device_must_be_named(workplace):
    assert cutover("user", "list", folder=workplace).expect(USAGE)
    assert typed(workplace, "user", "list").expect(REFUSED).error_id == "device.not_found"


def test_damaged_users_are_neither_shown_nor_changed(folder):
    add(folder).expect(DONE)
    file = folder / "access" / "users.json"
    file.write_text(file.read_text()[:-10])
    before = file.read_text()
    assert typed(folder, "user", "list").expect(FAILED).error_id == "access.users_damaged"
    assert add(folder, "bob").expect(FAILED).error_id == "access.users_damaged"
    assert file.read_text() == before


def test_a_terminal_does_not_show_the_password_and_asks_twice(folder):
    person = Terminal("--device", folder, "user", "add", "alice", "--role", "admin")
    person.wait_for("Password:")
    assert not person.shows_what_is_typed()
    person.type(PASSWORD + "\n")
    person.wait_for("Again:")
    person.type(PASSWORD + "\n")
    assert person.end() == DONE, person.said
    assert PASSWORD not in person.said
    assert "Added user alice, admin." in person.said


def test_two_passwords_that_differ_are_refused(folder):
    person = Terminal("--device", folder, "user", "add", "alice", "--role", "admin")
    person.wait_for("Password:")
    person.type(PASSWORD + "\n")
    person.wait_for("Again:")
    person.type(PASSWORD + "!\n")
    assert person.end() == REFUSED, person.said
    assert "not the same" in person.said


def test_ctrl_c_at_the_password_leaves_the_terminal_as_it_was(folder):
    person = Terminal("--device", folder, "user", "add", "alice", "--role", "admin")
    person.wait_for("Password:")
    os.kill(person.child, signal.SIGINT)
    end = time.monotonic() + PATIENCE
    while not person.shows_what_is_typed():
        assert time.monotonic() < end
        time.sleep(0.02)
    assert person.end() == -signal.SIGINT
    assert not (folder / "access" / "users.json").exists()


def test_what_is_done_to_users_is_in_the_account(folder):
    add(folder).expect(DONE)
    add(folder, "bob", "viewer").expect(DONE)
    typed(folder, "user", "password", "bob", text=PASSWORD + "\n").expect(DONE)
    typed(folder, "user", "remove", "alice").expect(DONE)
    assert [(line["line"], line["method"], line["result"], line["detail"])
            for line in shown(folder)] == [
        (1, "cutover user add", "ok", "alice, operator"),
        (2, "cutover user add", "ok", "bob, viewer"),
        (3, "cutover user password", "ok", "bob"),
        (4, "cutover user remove", "ok", "alice")]
    last = typed(folder, "audit", "show", "-n", "1").expect(DONE).out
    assert "cutover user remove" in last and "cutover user add" not in last
    assert all(len(line) <= 100 for line in last.splitlines())


def test_the_account_of_a_new_device_is_empty_and_whole(folder):
    assert "Nothing" in typed(folder, "audit", "show").expect(DONE).out
    typed(folder, "audit", "verify").expect(DONE)
    assert typed(folder, "audit", "show", "-n", "0").expect(USAGE)


def test_a_changed_account_is_found(folder):
    for number in range(4):
        add(folder, f"user{number}").expect(DONE)
    whole = typed(folder, "audit", "verify", "--json").expect(DONE).json
    assert (whole["whole"], whole["lines"], whole["last"]) == (True, 4, 4)
    file = folder / "access" / "audit.log"
    good = file.read_text()

    file.write_text(good.replace("user2", "user7"))
    broken = typed(folder, "audit", "verify").expect(REFUSED)
    assert broken.error_id == "access.audit_broken"
    assert "audit.log line 3: its content does not fit its hash" in broken.err
    assert "not as it was written" in typed(folder, "audit", "show").expect(DONE).out

    lines = good.splitlines(keepends=True)
    file.write_text("".join(lines[:-1]))
    broken = typed(folder, "audit", "verify", "--json").expect(REFUSED)
    assert "went to line 4, and ends with line 3" in broken.json["error"]["message"]

    file.write_text(good)
    typed(folder, "audit", "verify").expect(DONE)


def test_many_at_a_time_write_one_account(folder):
    running = [subprocess.Popen([program("cutover"), "--device", str(folder), "user", "add",
                                 f"user{number}", "--role", "viewer"],
                                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True) for number in range(8)]
    for child in running:
        _, said = child.communicate(PASSWORD + "\n", timeout=PATIENCE)
        assert child.returncode == DONE, said
    assert len(typed(folder, "user", "list", "--json").json["users"]) == 8
    assert typed(folder, "audit", "verify", "--json").expect(DONE).json["lines"] == 8


def test_the_guides_commands_make_certificates_that_work(workplace):
    guide = (ROOT / "docs" / "security.md").read_text()
    commands = re.search(r"```sh\n(openssl.*?)```", guide, re.DOTALL).group(1)
    done = subprocess.run(["sh", "-e"], input=commands, cwd=workplace, check=False,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for purpose, file in (("sslserver", "device.crt"), ("sslclient", "ems.crt")):
        subprocess.run(["openssl", "verify", "-CAfile", "ca.crt", "-purpose", purpose, file],
                       cwd=workplace, check=True, capture_output=True)
    assert stat.S_IMODE((workplace / "device.key").stat().st_mode) == 0o600
    told = json.dumps(subprocess.run(["openssl", "x509", "-in", "device.crt", "-noout", "-ext",
                                      "subjectAltName"], cwd=workplace, check=True,
                                     capture_output=True, text=True).stdout)
    assert "olt-7.example.net" in told

"""Packages over HTTP."""

import pytest

from harness import DONE, FAILED, REFUSED, USAGE, FileServer


def test_an_upgrade_from_a_url(device, releases):
    with FileServer(releases["1.1.0"].parent) as server:
        device.run("upgrade", f"{server.url}/{releases['1.1.0'].name}").expect(DONE)
    device.at_rest_on("1.1.0")


def test_a_transfer_that_breaks_is_resumed(device, releases):
    package = releases.make("1.1.0-big", "1.1.0", ballast_mb=8)
    with FileServer(package.parent, break_after=4_000_000) as server:
        device.run("upgrade", f"{server.url}/{package.name}").expect(DONE)
        assert server.breaks_left == 0
        assert server.sent < package.stat().st_size * 2
    device.at_rest_on("1.1.0")


def test_a_url_that_is_not_found_is_refused(device, releases):
    with FileServer(releases["1.1.0"].parent) as server:
        missing = device.run("upgrade", f"{server.url}/no-such.cc")
    assert missing.code in (FAILED, REFUSED)
    assert "404" in missing.err
    device.at_rest_on("1.0.0")


def test_a_server_that_is_not_there_is_told(device):
    gone = device.run("upgrade", "http://127.0.0.1:9/nos.cc")
    assert gone.code in (FAILED, REFUSED)
    assert gone.error_id
    device.at_rest_on("1.0.0")


@pytest.mark.parametrize("source", ["ftp://127.0.0.1/nos.cc", "http://", "http://user@/x"])
def test_other_sources_are_refused(device, source):
    assert device.run("upgrade", source).code in (USAGE, REFUSED)
    device.at_rest_on("1.0.0")


def test_a_password_in_a_url_is_not_told(device, releases):
    with FileServer(releases["1.1.0"].parent) as server:
        url = server.url.replace("http://", "http://me:secret-word@") + "/no-such.cc"
        said = device.run("upgrade", url)
    assert "secret-word" not in said.out + said.err
    assert "secret-word" not in device.run("show", "operations", "--json").out
    assert "secret-word" not in device.run("show", "log").out
    assert "secret-word" not in device.agent_log()

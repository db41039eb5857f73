# SPDX-License-Identifier: ISC
"""gwkey: secrets of routes, their exit codes, and that they are nowhere to be
read: not in the log, not in keys/."""
import glob

import pytest

import godwit

SECRET = "tr0ub4dor-and-3"


@pytest.fixture(scope="module")
def g():
    with godwit.Instance() as g:
        g.start()
        yield g


def gwkey(g, *args, input=None):
    p = g.tool("gwkey", *args, input=input)
    return p.returncode, p.stdout, p.stderr


def test_life_of_a_secret(g):
    assert gwkey(g, "secret", "set", "news", "--password-stdin", input=SECRET + "\n") == (0, "", "")
    assert gwkey(g, "secret", "list") == (0, "news\n", "")
    g.kill("keyd")
    g.wait_ready()
    assert gwkey(g, "secret", "list") == (0, "news\n", "")
    for path in [g.log, *glob.glob(f"{g.root}/keys/*")]:
        with open(path, "rb") as f:
            assert SECRET.encode() not in f.read(), path
    assert gwkey(g, "secret", "del", "news") == (0, "", "")
    assert gwkey(g, "secret", "list") == (0, "", "")


def test_keys_of_cmtp(g):
    code, out, err = gwkey(g, "cmtp", "list")
    assert (code, err) == (0, "")
    serial, begins, ends, key = out.removeprefix("cmtp2 ").split()
    assert serial == "1" and begins < ends and len(key) == 44
    _, out, _ = gwkey(g, "cmtp", "dns")
    assert f'_cmtp.example.test. IN TXT "v=CMTP2; p={key}"\n' in out
    code, out, err = gwkey(g, "cmtp", "rotate")
    lines = out.splitlines()
    assert (code, err, len(lines)) == (0, "", 2)
    assert lines[0].startswith("cmtp2 2 ") and lines[1].endswith(key) and key not in lines[0]
    g.kill("keyd")
    g.wait_ready()
    assert gwkey(g, "cmtp", "list")[1] == out


@pytest.mark.parametrize("args, password, code, text", [
    (("secret", "del", "nobody"), None, 67, "nobody: no such secret"),
    (("secret", "set", "x", "--password-stdin"), "", 65, "no password"),
    (("secret", "set", "x", "--password-stdin"), "\n", 65, "the password is empty"),
    (("secret", "set", "x", "--password-stdin"), "y" * 1025 + "\n", 65, "longer than 1024"),
    (("secret", "set"), None, 64, "usage"),
    (("secret", "list", "x"), None, 64, "usage"),
    (("secret", "list", "--password-stdin"), None, 64, "usage"),
    (("secret",), None, 64, "usage"),
    (("public", "list"), None, 64, "usage"),
    (("cmtp", "list", "x"), None, 64, "usage"),
    (("cmtp", "set"), None, 64, "usage"),
    (("cmtp", "forget", "peer.example"), None, 67, "peer.example: no key of it is remembered"),
])
def test_refused(g, args, password, code, text):
    status, out, err = gwkey(g, *args, input=password or "")
    assert (status, out) == (code, "")
    assert text in err

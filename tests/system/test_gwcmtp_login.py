# SPDX-License-Identifier: ISC
"""gwcmtp register, login: the ring of a device, kept by the server sealed, comes to
another device by the password of the key alone."""
import os

import pytest
from mailtools import message, send, without_trace
from test_gwcmtp_read import BOB, Tool, gwuser

import godwit

USAGE, NOINPUT, CANTCREAT, TEMPFAIL, PROTOCOL, NOPERM = 64, 66, 73, 75, 76, 77


@pytest.fixture(scope="module")
def g():
    with godwit.Instance('domain "law.test" { sealing = client }\n') as g:
        g.add_config(f'listen "cmtps" {{ service = cmtp  address = {{"127.0.0.1:{g.port("cmtps")}"}}  tls = implicit }}\n'
                     'cmtpd { processes = 1 }\nkeyd { cmtp_login_rate = 1000/s  cmtp_login_user_rate = 1000/s }')
        g.start()
        yield g


def device(g, tmp_path, name):
    os.mkdir(tmp_path / name)
    return Tool(g, tmp_path / name)


def over(tool, where, command, *words):
    return tool.run("-s", where, command, BOB, words=words)


@pytest.mark.parametrize("where", ["cmtps", "smtp"])
def test_from_device_to_device(g, tmp_path, where):
    where = f"cmtps://localhost:{g.port('cmtps')}" if where == "cmtps" else f"localhost:{g.port('smtp')}"
    first, second = device(g, tmp_path, "first"), device(g, tmp_path, "second")
    gwuser(g, "add", BOB, "--sealing", "client", "--key", first.keygen(), "--password-stdin", input="first\n")
    try:
        data = message("hidden heron", "an egret\r\n", to=BOB)
        send(g, data, to=BOB)
        # Nothing is kept yet, and what is not registered does not come.
        assert over(second, where, "login", "key word")[0] == NOPERM
        assert over(first, where, "register", "key word", "wrong")[0] == NOPERM
        assert over(first, where, "register", "wrong", "first")[0] == NOPERM
        assert over(second, where, "login", "key word")[0] == NOPERM
        assert over(first, where, "register", "key word", "first") == (0, b"", "")
        code, _, err = over(second, where, "login", "first")
        assert code == NOPERM and "wrong" in err and not os.path.exists(f"{second.folder}/pins/ring-{BOB}")
        assert over(second, where, "login", "key word") == (0, b"", "")
        assert without_trace(second.read("--raw", 1)[1]) == data
        code, _, err = over(second, where, "login", "key word")
        assert code == CANTCREAT and "it has keys" in err
        # Another key and another password: what was kept is replaced.
        gwuser(g, "sealing", BOB, "client", "--key", first.keygen("--next"))
        assert first.run("passwd", BOB, words=("key word", "other word"))[0] == 0
        assert over(first, where, "register", "other word", "first")[0] == 0
        third = device(g, tmp_path, "third")
        assert over(third, where, "login", "key word")[0] == NOPERM
        assert over(third, where, "login", "other word")[0] == 0
        assert third.run("public", BOB)[1] == first.run("public", BOB)[1] != second.run("public", BOB)[1]
        assert without_trace(third.read("--raw", 1, words=("other word", "first"))[1]) == data
    finally:
        gwuser(g, "del", BOB)
    assert over(device(g, tmp_path, "late"), where, "login", "other word")[0] == NOPERM


def test_not_the_password_of_the_mailbox(g, tmp_path):
    """The server would know it."""
    where = f"cmtps://localhost:{g.port('cmtps')}"
    tool = device(g, tmp_path, "one")
    gwuser(g, "add", BOB, "--sealing", "client", "--key", tool.keygen(), "--password-stdin", input="key word\n")
    try:
        code, _, err = over(tool, where, "register", "key word", "key word")
        assert code == NOPERM and "may not be" in err
        assert over(device(g, tmp_path, "two"), where, "login", "key word")[0] == NOPERM
    finally:
        gwuser(g, "del", BOB)


def test_bad_input(g, tmp_path):
    where = f"cmtps://localhost:{g.port('cmtps')}"
    tool = device(g, tmp_path, "one")
    assert over(tool, where, "register", "key word", "first")[0] == NOINPUT
    for args in (("login",), ("register",), ("login", "bob"), ("login", BOB, "x"), ("register", "b/b@law.test")):
        assert tool.run("-s", where, *args, words=("x", "y"))[0] == USAGE, args
    # A certificate that nobody accepted gets no password.
    code, _, err = tool.run("-s", where, "login", BOB, words=("key word",), ca=False)
    assert code == NOPERM and "--accept" in err
    # No TLS is there.
    assert over(tool, f"cmtps://localhost:{g.port('cmtp')}", "login", "key word")[0] in (PROTOCOL, TEMPFAIL)
    assert over(tool, where, "login", "key word")[0] == NOPERM

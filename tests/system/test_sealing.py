# SPDX-License-Identifier: ISC
"""sealing = password: only the owner's credentials open the mail; modes,
passwords and codes change, bodies stay as they are."""
import imaplib
import os
import re

import pytest
from mailtools import message, send

import godwit

LAW = 'domain "law.test" { sealing = password }\n'


@pytest.fixture
def g():
    with godwit.Instance(LAW) as g:
        g.start()
        p = g.tool("gwuser", "add", "bob@law.test", "--password-stdin", input="first\n", check=True)
        g.code = re.fullmatch(r"recovery code: (\S+)\n", p.stdout).group(1)
        yield g


def gwuser(g, *args, input=None, code=0):
    p = g.tool("gwuser", *args, input=input)
    assert p.returncode == code, (args, p.stdout, p.stderr)
    return p.stdout


def subjects(g, password):
    """Of all mail that opens."""
    m = g.imap("bob@law.test", password)
    _, (count,) = m.select()
    found = []
    for n in range(1, int(count) + 1):
        ok, data = m.fetch(str(n), "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        if ok == "OK" and isinstance(data[0], tuple):
            found += re.findall(rb"(?m)^Subject: (\S+)", data[0][1])
    m.logout()
    return [s.decode() for s in found]


def can_log_in(g, password):
    try:
        g.imap("bob@law.test", password).logout()
    except imaplib.IMAP4.error:
        return False
    return True


def bodies(g):
    """The segments, bytes and all: no change of credentials touches them."""
    folder = os.path.join(g.root, "mail")
    return {name: open(os.path.join(folder, name), "rb").read()
            for name in os.listdir(folder) if name.startswith("body.")}


def test_life_of_an_owner(g):
    send(g, message("one", to="bob@law.test"), to="bob@law.test")
    assert subjects(g, "first") == ["one"]
    before = bodies(g)
    # a new password, by who knows the old one
    gwuser(g, "passwd", "bob@law.test", "--password-stdin", input="second\n", code=65)
    gwuser(g, "passwd", "bob@law.test", "--old", "--password-stdin", input="wrong\nsecond\n", code=77)
    gwuser(g, "passwd", "bob@law.test", "--old", "--password-stdin", input="first\nsecond\n")
    assert not can_log_in(g, "first")
    assert subjects(g, "second") == ["one"]
    # a password for a phone outlives the next change
    phone = gwuser(g, "app", "add", "bob@law.test", "phone", "--password-stdin", input="second\n").strip()
    gwuser(g, "passwd", "bob@law.test", "--old", "--password-stdin", input="second\nthird\n")
    assert subjects(g, phone) == ["one"]
    assert "phone" in gwuser(g, "app", "list", "bob@law.test")
    gwuser(g, "app", "del", "bob@law.test", "phone")
    assert not can_log_in(g, phone)
    # forgotten: what comes from now on is readable, the rest waits for its code
    out = gwuser(g, "passwd", "bob@law.test", "--reset", "--password-stdin", input="fourth\n")
    assert out.startswith("recovery code: ") and g.code not in out
    send(g, message("two", to="bob@law.test"), to="bob@law.test")
    assert subjects(g, "fourth") == ["two"]
    gwuser(g, "recover", "bob@law.test", "--password-stdin", input=f"fourth\n{'0' * 32}\n", code=77)
    assert gwuser(g, "recover", "bob@law.test", "--password-stdin",
                  input=f"fourth\n{g.code}\n") == "1 earlier key opened\n"
    assert subjects(g, "fourth") == ["one", "two"]
    after = bodies(g)
    assert all(after[name].startswith(data) for name, data in before.items())


def test_modes(g):
    send(g, message("one", to="bob@law.test"), to="bob@law.test")
    gwuser(g, "sealing", "bob@law.test", "escrow", code=65)
    gwuser(g, "sealing", "bob@law.test", "escrow", "--password-stdin", input="first\n")
    assert "escrow" in gwuser(g, "list")
    # as escrow says: the operator sets a password, nothing is lost
    gwuser(g, "passwd", "bob@law.test", "--password-stdin", input="second\n")
    assert subjects(g, "second") == ["one"]
    out = gwuser(g, "sealing", "bob@law.test", "password", "--password-stdin", input="second\n")
    assert out.startswith("recovery code: ")
    send(g, message("two", to="bob@law.test"), to="bob@law.test")
    assert subjects(g, "second") == ["one", "two"]


def test_keyd_dies(g):
    """It forgets what the password opened; a session is told to log in again."""
    send(g, message("one", to="bob@law.test"), to="bob@law.test")
    m = g.imap("bob@law.test", "first")
    m.select()
    assert m.fetch("1", "(BODY.PEEK[])")[0] == "OK"
    g.kill("keyd")
    g.wait_ready()
    with pytest.raises((imaplib.IMAP4.error, imaplib.IMAP4.abort)):
        m.fetch("1", "(BODY.PEEK[])")
        m.noop()
        m.noop()
    assert subjects(g, "first") == ["one"]


def test_nothing_tells_the_password(g):
    """Not the log, not the files; nor the codes that were told once."""
    send(g, message("one", to="bob@law.test"), to="bob@law.test")
    gwuser(g, "passwd", "bob@law.test", "--old", "--password-stdin", input="first\nZebulonquartz\n")
    phone = gwuser(g, "app", "add", "bob@law.test", "phone", "--password-stdin", input="Zebulonquartz\n").strip()
    assert subjects(g, phone) == ["one"]
    g.stop()
    for folder, _, names in os.walk(g.root):
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.isfile(path):
                continue
            with open(path, "rb") as f:
                data = f.read().lower()
            for secret in ("zebulonquartz", phone, phone.replace("-", ""), g.code, g.code.replace("-", "")):
                assert secret.encode() not in data, (path, secret)

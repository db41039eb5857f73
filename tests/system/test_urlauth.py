# SPDX-License-Identifier: ISC
"""URLs that authorize others to read one message (RFC 4467), between real
processes: who may, what expires, what RESETKEY ends, and whose mail a server
that holds no password of his cannot open."""
import re

import pytest
from mailtools import message, send

import godwit

CONF = """domain "law.test" { sealing = password }
keyd { url_submitters = "submit@example.test" }
"""


@pytest.fixture(scope="module")
def g():
    with godwit.Instance(CONF) as g:
        g.start()
        for user in ("alice@example.test", "submit@example.test", "bob@law.test"):
            g.tool("gwuser", "add", user, "--password-stdin", input="secret\n", check=True)
        send(g, message("one"))
        send(g, message("two", to="bob@law.test"), to="bob@law.test")
        yield g


class Client:
    def __init__(self, g, user, password="secret"):
        self.c = g.imap(user, password)
        self.n = 0

    def command(self, text):
        """All that is answered, up to and with the tagged response."""
        self.n += 1
        tag = b"u%d" % self.n
        self.c.send(tag + b" " + text.encode() + b"\r\n")
        got = b""
        while True:
            line = self.c.readline()
            assert line, got
            got += line
            if m := re.search(rb"\{(\d+)\}\r\n$", line):
                got += self.c.read(int(m.group(1)))
            elif line.startswith(tag + b" "):
                return got

    def make(self, rump):
        got = self.command(f'GENURLAUTH "{rump}" INTERNAL')
        return re.search(rb'\* GENURLAUTH "(\S+)"\r\n', got).group(1).decode()

    def read(self, url):
        """The text, or None."""
        got = self.command(f'URLFETCH "{url}"')
        m = re.match(rb'\* URLFETCH "([^"]*)" (NIL|\{(\d+)\}\r\n)', got)
        assert m and m.group(1).decode() == url, got
        return None if m.group(2) == b"NIL" else got[m.end():m.end() + int(m.group(3))].decode()


RUMP = "imap://alice%40example.test@HOST/INBOX/;UID=1/;SECTION=TEXT;URLAUTH="


def test_binary(g):
    """RFC 5524: another's text as it is, and what it is."""
    alice, other = Client(g, "alice@example.test"), Client(g, "bob@law.test")
    url = alice.make(RUMP.replace("HOST", "example.test").replace("SECTION=TEXT", "SECTION=1") + "anonymous")
    text = other.read(url)
    got = other.command(f'URLFETCH ("{url}" BINARY BODYPARTSTRUCTURE)')
    m = re.search(rb' \(BODYPARTSTRUCTURE \("text" .*\)\) \(BINARY \{(\d+)\}\r\n', got, re.I)
    assert text and m and got[m.end():].startswith(text.encode() + b")\r\nu"), got


def test_who_may_read(g):
    alice, other, submit = (Client(g, u) for u in ("alice@example.test", "bob@law.test", "submit@example.test"))
    assert b" URLAUTH" in alice.command("CAPABILITY")
    rump = RUMP.replace("HOST", "example.test")
    text = alice.command("EXAMINE INBOX") + alice.command("FETCH 1 BODY.PEEK[TEXT]")
    urls = {who: alice.make(rump + who) for who in
            ("authuser", "anonymous", "user+bob%40law.test", "user+alice%40example.test", "submit+alice%40example.test")}
    table = {
        "authuser": (True, True, True), "anonymous": (True, True, True), "user+bob%40law.test": (False, True, False),
        "user+alice%40example.test": (True, False, False), "submit+alice%40example.test": (False, False, True),
    }
    for who, may in table.items():
        for client, allowed in zip((alice, other, submit), may):
            got = client.read(urls[who])
            assert (got is not None) == allowed, (who, client.c, got)
            assert got is None or got.encode() in text
    # altered: whom, which message, which part, the token
    url = urls["authuser"]
    for old, new in (("UID=1", "UID=2"), ("TEXT", "HEADER"), ("authuser", "anonymous"), ("INBOX", "inbox"),
                     (url[-8:], "00000000")):
        assert other.read(url.replace(old, new)) is None, new
    # not made for others' mail, nor without an access
    assert b"NO [NOPERM]" in other.command(f'GENURLAUTH "{rump}authuser" INTERNAL')
    assert b"BAD" in alice.command(f'GENURLAUTH "{rump.split(";URLAUTH")[0]}" INTERNAL')


def test_end_of_a_url(g):
    alice, other = Client(g, "alice@example.test"), Client(g, "bob@law.test")
    plain = RUMP.replace("HOST", "example.test")
    past = alice.make(plain.replace(";URLAUTH", ";EXPIRE=2020-01-01T00:00:00Z;URLAUTH") + "authuser")
    future = alice.make(plain.replace(";URLAUTH", ";EXPIRE=2099-01-01T00:00:00Z;URLAUTH") + "authuser")
    assert other.read(past) is None and alice.read(past) is None
    assert other.read(future)
    # a message that goes
    alice.command("CREATE Out")
    alice.command("SELECT INBOX")
    alice.command("COPY 1 Out")
    copy = alice.make(plain.replace("INBOX", "Out") + "authuser")
    assert other.read(copy)
    alice.command("RENAME Out Gone")
    assert other.read(copy) is None
    alice.command("RENAME Gone Out")
    assert other.read(copy)
    # other keys: of one mailbox, then of all; known to the next keyd too
    assert b"OK [URLMECH INTERNAL]" in alice.command("RESETKEY Out")
    assert other.read(copy) is None and other.read(future)
    copy = alice.make(plain.replace("INBOX", "Out") + "authuser")
    g.kill("keyd")
    g.wait_ready()
    other = Client(g, "bob@law.test")
    assert other.read(copy) and other.read(future)
    assert b"OK [URLMECH INTERNAL]" in Client(g, "alice@example.test").command("RESETKEY")
    assert other.read(copy) is None and other.read(future) is None


def test_password_sealed(g):
    """Nobody but the owner opens his mail; he himself does by URL as well."""
    bob, alice = Client(g, "bob@law.test"), Client(g, "alice@example.test")
    url = bob.make("imap://bob%40law.test@law.test/INBOX/;UID=1;URLAUTH=anonymous")
    assert "Subject: two" in bob.read(url)
    assert alice.read(url) is None

# SPDX-License-Identifier: ISC
"""SCRAM-SHA-256 and -PLUS at IMAP and submission, by a client of ours."""
import base64
import imaplib
import unicodedata

import pytest
import scram
from mailtools import message

import godwit


@pytest.fixture(scope="module")
def g():
    with godwit.Instance() as g:
        g.start()
        g.add_user("alice@example.test", "secret")
        yield g


class Imap:
    def __init__(self, g):
        self.m = g.imap()

    def socket(self):
        return self.m.socket()

    def login(self, client, plus):
        """imaplib asks for one response after another; what it sends is base64."""
        heard = []

        def respond(challenge):
            heard.append(challenge)
            if len(heard) == 1:
                return client.first()
            return client.final(challenge) if len(heard) == 2 else b""
        try:
            self.m.authenticate("SCRAM-SHA-256-PLUS" if plus else "SCRAM-SHA-256", respond)
        except imaplib.IMAP4.error as e:
            assert "AUTHENTICATIONFAILED" in str(e)
            return False
        assert client.is_server(heard[2])
        return self.m.select()[0] == "OK"

    def close(self):
        self.m.shutdown()


class Submission:
    def __init__(self, g):
        self.s = g.smtp("submissions")

    def socket(self):
        return self.s.sock

    def login(self, client, plus):
        assert "SCRAM-SHA-256-PLUS" in self.s.esmtp_features["auth"].split()
        name = "SCRAM-SHA-256-PLUS" if plus else "SCRAM-SHA-256"
        code, text = self.s.docmd(f"AUTH {name}", base64.b64encode(client.first()).decode())
        if code != 334:
            assert code == 535
            return False
        code, text = self.s.docmd(base64.b64encode(client.final(base64.b64decode(text))).decode())
        if code != 334:
            assert code == 535
            return False
        assert client.is_server(base64.b64decode(text))
        assert self.s.docmd("")[0] == 235
        assert self.s.sendmail(client.user, ["alice@example.test"], message("by SCRAM")) == {}
        return True

    def close(self):
        self.s.close()


@pytest.mark.parametrize("service", [Imap, Submission])
@pytest.mark.parametrize("password, plus, spoil, fine", [
    ("secret", False, False, True),
    ("wrong", False, False, False),
    ("secret", True, False, True),
    ("wrong", True, False, False),
    ("secret", True, True, False),
])
def test_login(g, service, password, plus, spoil, fine):
    c = service(g)
    binding = scram.end_point(c.socket()) if plus else None
    if spoil:   # another certificate than the client saw: somebody is in between
        binding = bytes(b ^ 1 for b in binding)
    assert c.login(scram.Client("alice@example.test", password, binding), plus) == fine
    c.close()


def test_prepared(g):
    """A password that is no ASCII is one password, whatever its Unicode form (RFC 5802 s5.1)."""
    composed, decomposed = (unicodedata.normalize(form, "Grüß Gött") for form in ("NFC", "NFD"))
    g.add_user("zoe@example.test", decomposed)
    for service in Imap, Submission:    # a client prepares: composed
        c = service(g)
        assert c.login(scram.Client("zoe@example.test", composed), False)
        c.close()
    for password in composed, decomposed:
        m = g.imap()
        m.authenticate("PLAIN", lambda _, p=password: f"\0zoe@example.test\0{p}".encode())
        assert m.select()[0] == "OK"
        m.logout()
    m = g.imap()
    with pytest.raises(imaplib.IMAP4.error):
        m.authenticate("PLAIN", lambda _: "\0zoe@example.test\0Gruß Gott".encode())
    m.logout()


@pytest.mark.parametrize("service", [Imap, Submission])
def test_offer_taken_away(g, service):
    """RFC 5802 s6: a client that could bind and saw no -PLUS says so."""
    c = service(g)
    assert not c.login(scram.Client("alice@example.test", "secret", flag="y"), False)
    c.close()


def test_broken_off(g):
    """Between proof and last line: the token is given back, another login works."""
    m = g.imap()
    client = scram.Client("alice@example.test", "secret")
    answers = iter([lambda c: client.first(), client.final, lambda c: None])   # None: "*"
    with pytest.raises(imaplib.IMAP4.error):
        m.authenticate("SCRAM-SHA-256", lambda challenge: next(answers)(challenge))
    m.login("alice@example.test", "secret")
    m.logout()


def test_switched_off(g):
    g.add_config("auth_scram = no\n")
    g.godwit("reload")
    m = g.imap()
    assert not any("SCRAM" in c for c in m.capabilities)
    with pytest.raises(imaplib.IMAP4.error):
        m.authenticate("SCRAM-SHA-256", lambda challenge: b"n,,n=alice,r=12345678")
    m.shutdown()

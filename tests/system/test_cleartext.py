# SPDX-License-Identifier: ISC
"""auth_cleartext: who may log in without TLS, by IMAP and for submission."""
import imaplib
import smtplib

import pytest

import godwit

USER = "alice@example.test", "secret"


@pytest.fixture
def g():
    with godwit.Instance() as g:
        g.start()
        g.add_user(*USER)
        yield g


def imap(g):
    return imaplib.IMAP4("localhost", g.port("imap"), timeout=godwit.WAIT_S)


def smtp(g):
    s = smtplib.SMTP("localhost", g.port("submission"), timeout=godwit.WAIT_S)
    s.ehlo("client.example")
    return s


def is_refused(g):
    m, s = imap(g), smtp(g)
    assert "LOGINDISABLED" in m.capabilities and not any(c.startswith("AUTH=") for c in m.capabilities)
    with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
        m.login(*USER)
    with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
        m.authenticate("PLAIN", lambda _: b"\0alice@example.test\0secret")
    assert "auth" not in s.esmtp_features
    assert s.docmd("AUTH PLAIN", "AGFsaWNlQGV4YW1wbGUudGVzdABzZWNyZXQ=")[0] == 530
    m.logout()
    s.quit()


def test_no_by_default(g):
    is_refused(g)


@pytest.mark.parametrize("value", ["local", "yes"])
def test_logins_without_tls(g, value):
    """On the listeners as shipped, where TLS is required otherwise."""
    since = g.mark()
    g.add_config(f"auth_cleartext = {value}\n")
    g.godwit("reload", check=True)
    m, s = imap(g), smtp(g)
    assert {"STARTTLS", "AUTH=PLAIN", "AUTH=LOGIN", "AUTH=SCRAM-SHA-256"} <= set(m.capabilities)
    assert not {"LOGINDISABLED", "AUTH=SCRAM-SHA-256-PLUS", "AUTH=EXTERNAL"} & set(m.capabilities)
    assert s.esmtp_features["auth"].split() == ["PLAIN", "LOGIN", "SCRAM-SHA-256"]
    m.login(*USER)
    g.wait_log("auth", since=since, sasl_method="LOGIN", sasl_username=USER[0], tls="none")
    assert m.select()[0] == "OK"
    s.login(*USER)
    g.wait_log("auth", since=since, sasl_method="PLAIN", sasl_username=USER[0], tls="none")
    s.sendmail(USER[0], USER[0], "Subject: x\r\n\r\ny\r\n")
    assert m.noop()[0] == "OK" and m.fetch("1", "(BODY.PEEK[HEADER])")[1][0][1].count(b"with ESMTPA id") == 1
    m.logout()
    s.quit()
    # Others still have TLS, and a wrong password is one.
    m = g.imap(*USER)
    m.logout()
    m = imap(g)
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        m.login(USER[0], "wrong")
    m.logout()

# SPDX-License-Identifier: ISC
"""EXTERNAL: a login by the client's TLS certificate, for IMAP and SMTP.  It
sends mail and handles mailboxes; it opens none."""
import base64
import imaplib
import os
import re
import smtplib
import subprocess
import time

import pytest
from device import Device
from mailtools import message, send, tls

import godwit

ALICE = "alice@example.test"


def make(folder, name, *more):
    """NAME.pem and NAME.key"""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem", "-subj", f"/CN={name}",
                    "-days", "30", *more], check=True, capture_output=True, timeout=60)


def client(folder, name, names, ca="ca", usage="clientAuth", *more):
    make(folder, name, "-CA", f"{folder}/{ca}.pem", "-CAkey", f"{folder}/{ca}.key", "-addext",
         f"subjectAltName={names}", "-addext", f"extendedKeyUsage={usage}",
         "-addext", "basicConstraints=critical,CA:FALSE", *more)


@pytest.fixture
def g():
    with godwit.Instance('domain "law.test" { sealing = password }\n') as g:
        for ca in ("ca", "other"):
            make(g.root, ca, "-addext", "keyUsage=critical,keyCertSign")
        client(g.root, "alice", f"email:{ALICE}")
        edit(g, r"\ntls \{", f'\ntls {{\n    client_ca = "{g.root}/ca.pem"')
        edit(g, r"(service = (?:imap|submission) [^\n]*) \}", r"\1  client_certificate = yes }")
        g.start()
        g.add_user(ALICE, "secret")
        yield g


def edit(g, pattern, text):
    with open(g.conf, encoding="utf-8") as f:
        old = f.read()
    new, n = re.subn(pattern, text, old)
    assert n > 0
    with open(g.conf, "w", encoding="utf-8") as f:
        f.write(new)


def context(g, name):
    c = tls()
    if name:
        c.load_cert_chain(f"{g.root}/{name}.pem", f"{g.root}/{name}.key")
    return c


def imap(g, name="alice"):
    return imaplib.IMAP4_SSL("127.0.0.1", g.port("imaps"), ssl_context=context(g, name), timeout=60)


def external(g, name="alice", user=""):
    m = imap(g, name)
    assert "AUTH=EXTERNAL" in m.capabilities
    m.authenticate("EXTERNAL", lambda _: user.encode())
    return m


def refused(g, name, user=""):
    try:
        external(g, name, user).logout()
    except imaplib.IMAP4.error as e:
        return "AUTHENTICATIONFAILED" in str(e)
    return False


def is_offered(g, name):
    m = imap(g, name)
    offered = "AUTH=EXTERNAL" in m.capabilities
    m.logout()
    return offered


def test_imap(g):
    send(g, message("one", "the body\r\n"))
    send(g, message("two", "the body\r\n"))
    for user in ("", ALICE, "ALICE@example.test", "alice"):
        external(g, user=user).logout()
    m = external(g)
    assert "AUTH=EXTERNAL" not in m.capability()[1][0].decode()
    # what needs no key
    assert m.select("INBOX")[1] == [b"2"]
    assert b"INBOX" in b" ".join(m.list()[1])
    assert m.store("1", "+FLAGS", r"(\Seen)")[0] == "OK"
    assert m.search(None, "SEEN")[1] == [b"1"]
    assert m.fetch("1:2", "(UID FLAGS RFC822.SIZE INTERNALDATE)")[0] == "OK"
    assert m.status("Sent", "(MESSAGES UIDNEXT)")[0] == "OK"
    assert m.append("Sent", None, None, message("kept"))[0] == "OK"
    assert m.copy("1", "Archive")[0] == "OK"
    # what does
    for what in ("(BODY.PEEK[])", "(ENVELOPE)", "(BODYSTRUCTURE)", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])"):
        ok, data = m.fetch("1:2", what)
        assert ok == "NO" and b"[NOPERM]" in data[0], (what, data)
    for args in (("SUBJECT", "one"), ("TEXT", "body")):
        with pytest.raises(imaplib.IMAP4.error, match="NOPERM"):
            ok, data = m.search(None, *args)
            raise imaplib.IMAP4.error(data)
    m.logout()
    # by password as ever, on the same listener, with a certificate and without
    for name in ("alice", None):
        m = imap(g, name)
        m.login(ALICE, "secret")
        m.select("INBOX")
        assert b"the body" in m.fetch("1", "(BODY.PEEK[])")[1][0][1]
        m.logout()
    # each of the two sessions opened something, and none before them
    g.stop()
    log = g.log_text()
    assert f"sasl_method=EXTERNAL sasl_username={ALICE}" in log
    assert len(re.findall(r"keyd\[\d+\]: open .* result=first\n", log)) == 2, log


def test_who_is_refused(g):
    client(g.root, "stranger", f"email:{ALICE}", "other")
    client(g.root, "server", f"email:{ALICE}", "ca", "serverAuth")
    client(g.root, "nameless", "DNS:alice.example.test")
    client(g.root, "nobody", "email:nobody@example.test")
    client(g.root, "two", f"email:nobody@example.test,email:bob@example.test,email:{ALICE}")
    client(g.root, "subject", "DNS:x", "ca", "clientAuth", "-subj", f"/CN=x/emailAddress={ALICE}")
    assert is_offered(g, "alice")
    for name in (None, "stranger", "server", "nameless", "subject"):
        assert not is_offered(g, name), name
        m = imap(g, name)
        with pytest.raises(imaplib.IMAP4.error):
            m.authenticate("EXTERNAL", lambda _: b"")
        m.logout()
    assert refused(g, "nobody")
    assert refused(g, "alice", "bob@example.test")
    assert refused(g, "alice", "not an address")
    g.add_user("bob@example.test", "secret")
    assert refused(g, "alice", "bob@example.test")
    m = external(g, "two")
    m.logout()
    external(g, "two", ALICE).logout()
    g.tool("gwuser", "disable", ALICE, check=True)
    with pytest.raises(imaplib.IMAP4.error):
        external(g)


def test_smtp(g):
    for port, user in ((465, b""), (587, ALICE.encode())):
        if port == 465:
            s = smtplib.SMTP_SSL("127.0.0.1", g.base + port, context=context(g, "alice"), timeout=60)
        else:
            s = smtplib.SMTP("127.0.0.1", g.base + port, timeout=60)
            s.ehlo("client.example")
            assert "EXTERNAL" not in s.esmtp_features.get("auth", "")
            s.starttls(context=context(g, "alice"))
        s.ehlo("client.example")
        assert "EXTERNAL" in s.esmtp_features["auth"].split()
        if port == 465:
            assert s.docmd("AUTH", "EXTERNAL " + base64.b64encode(b"bob@example.test").decode())[0] == 535
            assert s.docmd("AUTH", "EXTERNAL")[0] == 334
            assert s.docmd(base64.b64encode(user).decode())[0] == 235
        else:
            assert s.docmd("AUTH", "EXTERNAL " + (base64.b64encode(user).decode() or "="))[0] == 235
        s.sendmail(ALICE, [ALICE], message(f"by {port}", sender=ALICE))
        with pytest.raises(smtplib.SMTPResponseException):
            s.mail("bob@example.test")
            raise smtplib.SMTPResponseException(*s.rcpt("x@elsewhere.example"))
        s.close()
    s = smtplib.SMTP_SSL("127.0.0.1", g.base + 465, context=context(g, None), timeout=60)
    s.ehlo("client.example")
    assert "EXTERNAL" not in s.esmtp_features["auth"].split()
    assert s.docmd("AUTH", "EXTERNAL =")[0] == 504
    s.quit()
    assert external(g).select("INBOX")[1] == [b"2"]


def test_every_sealing(g):
    """Neither a vault that another session opened nor escrow helps; what only a
    device opens is served, since no key is in it."""
    device = Device()
    path = os.path.join(g.root, "device.key")
    with open(path, "w", encoding="ascii") as f:
        f.write(device.pem())
    g.tool("gwuser", "add", "carol@law.test", "--key", path, "--password-stdin", input="secret\n", check=True)
    g.tool("gwuser", "add", "dave@law.test", "--password-stdin", input="secret\n", check=True)
    client(g.root, "both", "email:carol@law.test,email:dave@law.test")
    for user in ("carol@law.test", "dave@law.test"):
        send(g, message("mine", "the body\r\n", to=user), to=user)
    open_one = g.imap("dave@law.test", "secret")
    open_one.select("INBOX")
    assert b"the body" in open_one.fetch("1", "(BODY.PEEK[])")[1][0][1]
    m = external(g, "both", "dave@law.test")
    m.select("INBOX")
    ok, data = m.fetch("1", "(BODY.PEEK[])")
    assert ok == "NO" and b"[NOPERM]" in data[0]
    m = external(g, "both", "carol@law.test")
    m.select("INBOX")
    assert b"the body" in device.open(m.fetch("1", "(BODY.PEEK[])")[1][0][1])
    # the session that had it open still does
    assert b"the body" in open_one.fetch("1", "(BODY.PEEK[])")[1][0][1]


def test_reload_takes_the_authority_away(g):
    """No session is resumed behind its back."""
    assert is_offered(g, "alice")
    edit(g, r"client_ca = [^\n]*", f'client_ca = "{g.root}/other.pem"')
    assert g.godwit("reload").returncode == 0
    until, fresh = time.monotonic() + godwit.WAIT_S, 0
    while fresh < 8:            # keyd tells each of the others behind the reload
        fresh = 0 if is_offered(g, "alice") else fresh + 1
        assert time.monotonic() < until
    client(g.root, "new", f"email:{ALICE}", "other")
    external(g, "new").logout()


def test_configuration(g):
    def says(text):
        p = g.tool("godwit", "check")
        assert p.returncode != 0
        assert text in p.stderr + p.stdout, p.stderr + p.stdout

    with open(g.conf, encoding="utf-8") as f:
        good = f.read()
    edit(g, r"client_ca = [^\n]*", "")
    says("client_certificate")
    with open(g.conf, "w", encoding="utf-8") as f:
        f.write(good)
    edit(g, r"(service = smtp [^\n]*) \}", r"\1  client_certificate = yes }")
    says("nobody logs in here")

# SPDX-License-Identifier: ISC
"""EXTERNAL: a login by the client's TLS certificate, for IMAP and SMTP, by what
an authority says or by its fingerprint.  It sends mail and handles mailboxes; it
opens none."""
import base64
import hashlib
import imaplib
import os
import re
import smtplib
import ssl
import subprocess
import threading
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
    # a fingerprint counts only where any certificate does
    g.tool("gwuser", "cert", "add", ALICE, fingerprint(g, "stranger"), check=True)
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
    edit(g, "client_certificate = yes", "client_certificate = any")
    assert g.tool("godwit", "check").returncode == 0
    with open(g.conf, "w", encoding="utf-8") as f:
        f.write(good)
    for word in ("yes", "any"):
        edit(g, r"(service = smtp [^\n]*?)(  client_certificate = \w+)? \}", rf"\1  client_certificate = {word} }}")
        says("nobody logs in here")


# ---- by fingerprint

@pytest.fixture
def any_g():
    with godwit.Instance() as g:
        edit(g, r"(service = (?:imap|submission) [^\n]*) \}", r"\1  client_certificate = any }")
        for name in ("phone", "tablet"):
            make(g.root, name, "-addext", f"subjectAltName=email:{ALICE}")
        g.start()
        g.add_user(ALICE, "secret")
        g.add_user("bob@example.test", "secret")
        yield g


def fingerprint(g, name):
    with open(f"{g.root}/{name}.pem", encoding="ascii") as f:
        der = ssl.PEM_cert_to_DER_cert(f.read())
    digest = hashlib.sha256(der).hexdigest()
    return ":".join(digest[i:i + 2] for i in range(0, 64, 2)).upper()


def key_fingerprint(g, name):
    """As the man page has operators make it."""
    key = subprocess.run(["openssl", "x509", "-in", f"{g.root}/{name}.pem", "-noout", "-pubkey"], check=True,
                         capture_output=True, timeout=60).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key, check=True,
                         capture_output=True, timeout=60).stdout
    return hashlib.sha256(der).hexdigest()


def cert(g, *args, code=0):
    p = g.tool("gwuser", "cert", *args)
    assert p.returncode == code, p.stderr
    return p.stdout + p.stderr


def submits(g, name, port):
    """Logged in by certificate."""
    s = smtplib.SMTP_SSL("127.0.0.1", g.base + 465, context=context(g, name), timeout=60) if port == 465 else \
        smtplib.SMTP("127.0.0.1", g.base + 587, timeout=60)
    s.ehlo("client.example")
    if port == 587:
        s.starttls(context=context(g, name))
        s.ehlo("client.example")
    assert "EXTERNAL" in s.esmtp_features["auth"].split()
    return s, s.docmd("AUTH", "EXTERNAL =")[0]


def until(fn):
    """keyd tells the others that tokens are void, and waits for none of them."""
    step, end = threading.Event(), time.monotonic() + godwit.WAIT_S
    while not fn():
        assert time.monotonic() < end
        step.wait(0.05)


def is_out(m):
    try:
        return m.status("INBOX", "(MESSAGES)")[0] != "OK"
    except imaplib.IMAP4.error:
        return True


def test_by_fingerprint(any_g):
    g = any_g
    # what it says of itself, nobody vouches for
    for name in ("phone", "tablet"):
        assert is_offered(g, name) and refused(g, name) and refused(g, name, ALICE)
    assert not is_offered(g, None)
    cert(g, "add", "alice", fingerprint(g, "phone"), "my phone")
    for user in ("", "alice", ALICE):
        external(g, "phone", user).logout()
    assert refused(g, "phone", "bob@example.test") and refused(g, "tablet")
    for port in (465, 587):
        s, code = submits(g, "tablet", port)
        assert code == 535
        s.close()
        s, code = submits(g, "phone", port)
        assert code == 235
        s.sendmail(ALICE, [ALICE], message(f"by {port}", sender=ALICE))
        s.quit()
    m = external(g, "phone")
    assert m.select("INBOX")[1] == [b"2"]
    ok, data = m.fetch("1", "(BODY.PEEK[])")
    assert ok == "NO" and b"[NOPERM]" in data[0]
    m.logout()
    # a new certificate of the same key goes by the key's fingerprint
    cert(g, "add", "bob", key_fingerprint(g, "tablet"))
    os.link(f"{g.root}/tablet.key", f"{g.root}/again.key")
    subprocess.run(["openssl", "req", "-x509", "-key", f"{g.root}/tablet.key", "-out", f"{g.root}/again.pem", "-subj",
                    "/CN=again", "-days", "30"], check=True, capture_output=True, timeout=60)
    for name in ("tablet", "again"):
        external(g, name, "bob").logout()
    g.restart()
    external(g, "phone", "alice").logout()
    external(g, "again", "bob").logout()
    assert f"sasl_method=EXTERNAL sasl_username={ALICE}" in g.log_text()


def test_fingerprint_is_taken_back(any_g):
    """At once: what it had opened ends, and nothing new begins."""
    g = any_g
    cert(g, "add", "alice", fingerprint(g, "phone"))
    m = external(g, "phone")
    assert m.status("INBOX", "(MESSAGES)")[0] == "OK"
    s, code = submits(g, "phone", 465)
    assert code == 235 and s.mail(ALICE)[0] == 250
    s.rset()
    cert(g, "del", "alice", fingerprint(g, "phone"))
    assert refused(g, "phone")
    t, code = submits(g, "phone", 465)
    assert code == 535
    t.close()
    until(lambda: is_out(m))

    def is_refused():
        s.rset()
        return s.mail(ALICE)[0] // 100 != 2
    until(is_refused)
    # the password is as good as ever
    g.imap(ALICE, "secret").logout()


def test_fingerprint_tool(any_g):
    g = any_g
    cert(g, "add", ALICE, "00" * 32, "an old one")
    for i in range(1, 16):
        cert(g, "add", "alice", f"{i:064x}")
    assert "too many" in cert(g, "add", "alice", f"{16:064x}", code=65)
    assert "somebody's" in cert(g, "add", "bob", "00:" * 31 + "00", code=73)
    assert "SHA-256" in cert(g, "add", "bob", "00" * 31, code=65)
    assert "no such user" in cert(g, "add", "nobody", f"{17:064x}", code=67)
    assert "no such fingerprint" in cert(g, "del", "bob", "00" * 32, code=65)
    lines = cert(g, "list", "alice").splitlines()
    assert len(lines) == 16
    assert any(re.fullmatch(r"\d{4}-\d\d-\d\d (00:){31}00 an old one", line) for line in lines)
    cert(g, "del", "alice", "00" * 32)
    cert(g, "add", "bob", "00" * 32)
    assert "usage" in cert(g, "list", code=64) and "usage" in cert(g, code=64)
    g.tool("gwuser", "del", "bob", check=True)
    g.restart()
    assert len(cert(g, "list", "alice").splitlines()) == 15
    cert(g, "add", "alice", "00" * 32)

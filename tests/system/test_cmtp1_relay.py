# SPDX-License-Identifier: ISC
"""Mail that leaves by CMTP 1: to a host that speaks nothing newer, and to
another suite."""
import email
import email.policy
import json
import re
import threading

import pytest
from mailtools import send

import cmtp1host
import godwit

CMTPD = "cmtpd { processes = 1 }\ndeliver { processes = 1 }\nimapd { processes = 1 }\n"
ROUTE = 'route "there" {{ to = {{"there.test"}}  relay = "[127.0.0.1]:{port}"  tls = may  cmtp = {cmtp}  cmtp1 = yes }}\n'
MAIL = (b"From: =?iso-8859-1?Q?J=F6rg?= <alice@example.test>\r\nTo: bob@there.test\r\nCc: carol@there.test\r\n"
        b"Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html; charset=iso-8859-1\r\n\r\n"
        b"<p>the \xe4 text</p><p>two</p>\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\nUERGAA==\r\n--b--\r\n")


def submit(g, to="bob@there.test", data=MAIL):
    send(g, data, to=[to], sender="alice@example.test", port=587, user="alice")


def flush(g):
    """Once queue knows that the attempt is over: the line in the log is relay's."""
    for _ in range(600):
        rows = [json.loads(row) for row in g.tool("gwqueue", "-j", check=True).stdout.splitlines()]
        if {row["queue_name"] for row in rows} == {"deferred"}:
            break
        threading.Event().wait(0.05)
    else:
        raise godwit.Failed(f"{rows}\n{g.log_tail()}")
    g.tool("gwqueue", "-f", check=True)


@pytest.fixture
def host():
    with cmtp1host.Host() as h:
        h.add_user(b"bob")
        yield h


@pytest.fixture
def here(host):
    with godwit.Instance(config=ROUTE.format(port=host.port, cmtp="require")) as g:
        g.start()
        g.add_user("alice@example.test", "secret")
        yield g


def test_sent(here, host):
    mark = here.mark()
    submit(here)
    line = here.wait_log(r"relay\[\d+\]: sent ", since=mark, to="<bob@there.test>")
    assert " proto=cmtp1 tls=none dsn=2.0.0 " in line and "SUCCESS" in line, line
    m = host.wait_mail(0)
    assert (m.to, m.sender) == (b"bob@there.test", b"alice@example.test")
    assert re.fullmatch(rb"by mx1\.example\.test with CMTP id [0-9A-Z]{13}; .* \+0000", m.log[0])
    assert m.created == 1700000000
    assert m.subject == "Grüße".encode()
    assert m.reply_to == '"Jörg" <alice@example.test>'.encode()
    assert m.copies == [b"carol@there.test"]
    assert m.text == "the ä text\n\ntwo\n".encode()
    assert m.attachments == [(b"a.pdf", b"PDF\0")]
    assert not [x for x in host.lines if x[:4] == b"MAIL"]


def test_to_another_suite():
    """Behind EHLO on its port for mail, in the clear: sealed, and opened in the mailbox."""
    with godwit.Instance(domain="there.test", hostname="mx.there.test") as there:
        there.add_config(CMTPD)
        there.start()
        there.add_user("bob@there.test", "secret")
        route = ROUTE.format(port=there.port("smtp"), cmtp="require").replace("tls = may", "tls = none")
        with godwit.Instance(config=route) as here:
            here.start()
            here.add_user("alice@example.test", "secret")
            mark = there.mark()
            submit(here)
            assert " proto=cmtp1" in here.wait_log(r"relay\[\d+\]: sent ", to="<bob@there.test>")
        there.find_log(r"deliver\[\d+\]: sent .*to=<bob@there\.test>", mark)
        m = there.imap("bob@there.test", "secret")
        assert m.select()[1] == [b"1"]
        got = email.message_from_bytes(m.fetch("1", "(BODY.PEEK[])")[1][0][1], policy=email.policy.default)
        m.logout()
    assert got["Authentication-Results"] == "mx.there.test; cmtp=none (CMTP 1)"
    assert (got["From"], got["To"], got["Reply-To"], got["Cc"], got["Subject"]) == \
        ("alice@example.test", "bob@there.test", "Jörg <alice@example.test>", "carol@there.test", "Grüße")
    assert got["Date"].datetime.timestamp() == 1700000000
    by = [" ".join(r.split()) for r in got.get_all("Received")]
    assert len(by) == 2 and "by mx.there.test with CMTP id " in by[0]
    assert re.fullmatch(r"by mx1\.example\.test with CMTP id [0-9A-Z]{13}; .* \+0000", by[1]), by
    assert got.get_body().get_content().replace("\r\n", "\n") == "the ä text\n\ntwo\n"
    (part,) = got.iter_attachments()
    assert (part.get_filename(), part.get_content_type(), part.get_payload(decode=True)) == \
        ("a.pdf", "application/pdf", b"PDF\0")


def test_no_key(here, host):
    """With require nobody gets it who has no key, and the sender is told why."""
    mark = here.mark()
    submit(here, "nobody@there.test")
    line = here.wait_log(r"relay\[\d+\]: bounced ", since=mark, to="<nobody@there.test>")
    assert "dsn=5.7.4" in line and "the recipient has no key" in line, line


def test_other_key(here, host):
    """The first key stays the known one, until the operator lets it go."""
    submit(here)
    host.wait_mail(0)
    first = host.users[b"bob"]
    host.add_user(b"bob")
    mark = here.mark()
    submit(here)
    line = here.wait_log(r"relay\[\d+\]: deferred ", since=mark, to="<bob@there.test>")
    assert "dsn=4.7.5" in line and "another than the one that was known" in line, line
    assert len(host.mails) == 1
    here.tool("gwkey", "cmtp", "forget", "bob@there.test", check=True)
    mark = here.mark()
    flush(here)
    assert " proto=cmtp1" in here.wait_log(r"relay\[\d+\]: sent ", since=mark, to="<bob@there.test>")
    assert host.wait_mail(1).text == host.mails[0].text
    host.users[b"bob"] = first
    mark = here.mark()
    submit(here)
    assert "dsn=4.7.5" in here.wait_log(r"relay\[\d+\]: deferred ", since=mark, to="<bob@there.test>")

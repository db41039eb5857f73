# SPDX-License-Identifier: ISC
"""Mail that comes by CMTP 1: taken, refused, limited, and what queue makes of it."""
import contextlib
import os
import re
import signal

import pytest
from cmtptools import Client, mail, server_key

import godwit

ATTACHMENTS = (b"c" * 61, b"d" * 0x40404)      # their lengths are ASCII: gwcat shows text


@pytest.fixture(scope="module")
def g():
    with godwit.Instance() as g:
        g.add_config('cmtpd { processes = 1  cmtp_mail = yes }\ndeliver { processes = 1 }\n')
        g.start()
        g.add_user("alice@example.test", "secret")
        yield g


@contextlib.contextmanager
def no_deliver(g):
    """Mail stays in the queue, whatever deliver could do with it."""
    pid = g.pids("deliver")[0]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def send(g, **how):
    server = server_key(g)
    mark = g.mark()
    with Client(g) as c:
        c.s.sendall(mail(**how))
        c.succeeded(server)
        # SUCCESS is said when it is durable, and so when it is logged.
        return re.search(r" m=(\S+)", g.find_log(r"queue\[\d+\]: queued ", mark)[0])[1]


def cat(g, *args):
    return g.tool("gwcat", *args, check=True).stdout


def test_what_is_kept(g):
    with no_deliver(g):
        ident = send(g, attachments=ATTACHMENTS[:1])
        assert re.search(rf"^{ident}.* bob@peer\.example  \(CMTP 1\)$", g.tool("gwqueue", "-p").stdout, re.M)
        assert '"kind": "CMTP 1"' in g.tool("gwqueue", "-j").stdout
        envelope = cat(g, "-e", "-q", ident)
        assert "kind: CMTP 1\n" in envelope and "recipient: alice@example.test\n" in envelope
        assert "client: 127.0.0.1\n" in envelope
        trace = cat(g, "-h", "-q", ident)
        assert re.match(r"Received: from \[127\.0\.0\.1\] \(\[127\.0\.0\.1\]\)\r?\n\tby mx1\.example\.test with CMTP id "
                        + ident + r"\r?\n\tfor <alice@example\.test>;\r?\n\t.*\r?\n"
                        r"Authentication-Results: mx1\.example\.test; cmtp=none \(CMTP 1\)\r?\n$", trace.rstrip("\r\n") + "\n")
        body = cat(g, "-b", "-q", ident)
        assert re.search(r"by client\0from \[127\.0\.0\.1\] by mx1\.example\.test with CMTP id " + ident, body)
        assert body.endswith("c" * 61)


def test_large(g):
    """Over what a memfd takes: a file of queue's."""
    with no_deliver(g):
        ident = send(g, attachments=ATTACHMENTS)
        body = cat(g, "-b", "-q", ident)
        assert body.endswith("d" * 0x40404)


def test_is_not_lost(g):
    """Durable when SUCCESS is said."""
    with no_deliver(g):
        ident = send(g)
        mark = g.mark()
        g.kill("queue")
    g.wait_ready()
    assert "to=<alice@example.test>" in g.find_log(rf"\]: (sent|deferred) .*m={ident} ", mark)[0]


def test_refused(g):
    server = server_key(g)
    for how, dsn in (({"to": b"nobody@example.test"}, "5.1.1"), ({"to": b"alice+tag@example.test"}, "5.1.1"),
                     ({"to": b"x@elsewhere.example"}, "5.1.1"), ({"to": b"@elsewhere.example"}, "5.1.2"),
                     ({"to": b"a b@example.test"}, "5.1.3"), ({"sender": b"bob@"}, "5.1.7")):
        mark = g.mark()
        with Client(g) as c:
            c.s.sendall(mail(**how, attachments=ATTACHMENTS) + b"NOOP\0")
            c.failed(server)
            assert c.read(2) == b"1\0"      # it is in step
        assert f"dsn={dsn}" in g.wait_log(r"cmtpd\[\d+\]: reject ", since=mark)


def test_limits():
    """Messages of one client, their size, and text that nobody sealed."""
    with godwit.Instance() as g:
        g.add_config("cmtpd { processes = 1  cmtp_mail = yes  cmtp_plaintext = yes }\n"
                     "smtpd { client_message_rate_limit = 2  message_size_limit = 64K }\n")
        g.start()
        g.add_user("alice@example.test", "secret")
        server = server_key(g)
        with Client(g) as c:
            c.s.sendall(mail(body=b"text\0of version 0", version=0) + mail(body=b"b" * 40000, attachments=[b"a" * 20000]))
            c.succeeded(server)
            c.succeeded(server)
            mark = g.mark()
            c.s.sendall(mail())
            c.failed(server)
        assert "dsn=4.7.1" in g.wait_log(r"cmtpd\[\d+\]: reject ", since=mark)
        g.advance(60)
        with Client(g) as c:
            mark = g.mark()
            # The second length is one byte too many for what the log and the body left.
            c.s.sendall(mail(log=b"", body=b"b" * 40000, attachments=[b"a" * 25537])[:41000])
            c.failed(server)
            assert c.read_end() == b""
        assert "reason=size" in g.wait_log(r"cmtpd\[\d+\]: garbled ", since=mark)
        assert "queued" not in g.log_text(mark)


def test_off():
    """Not taken where it is not wanted."""
    with godwit.Instance() as g:
        g.add_config("cmtpd { processes = 1  cmtp_mail = no }\n")
        g.start()
        g.add_user("alice@example.test", "secret")
        server = server_key(g)
        mark = g.mark()
        with Client(g) as c:
            c.s.sendall(mail())
            c.failed(server)
        assert "dsn=5.3.2" in g.wait_log(r"cmtpd\[\d+\]: reject ", since=mark)

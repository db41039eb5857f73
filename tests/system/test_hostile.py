# SPDX-License-Identifier: ISC
"""Mail that is made to hurt its reader: every structure that a stranger can
make large is delivered, appended, fetched, searched, sorted and threaded.
Daemons live, and their time and memory stay within bounds that have nothing to
do with how bad the letter is; the numbers at which parsers stop are those of
the unit tests of lib/mail (limit and limit+1)."""
import base64
import imaplib
import os
import random
import re

import pytest
from mailtools import PASSWORD, imap, sendmail, smtp

import godwit

ALICE = "alice@example.test"
imaplib._MAXLINE = 64 << 20     # a BODYSTRUCTURE is one line
HEAD = b"From: a@b.example\r\nSubject: hostile\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
CPU_S = 4               # of one letter and all that is asked of it (0.4 measured)
MEMORY_KIB = 64 << 10   # peak of a daemon after all letters (17 MiB measured)
SLOW = 8 if os.environ.get("GODWIT_VARIANT") == "san" else 1


def nested(count, close=True):
    out = [HEAD]
    for i in range(count):
        out.append(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i))
    out.append(b"\r\ninnermost\r\n")
    if close:
        out += [b"--b%d--\r\n" % i for i in reversed(range(count))]
    return b"".join(out)


def letters():
    """{name: bytes}"""
    r = random.Random(2231)
    mixed = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    garbage = bytes(r.randrange(1, 256) for _ in range(1 << 18)).replace(b"\r", b" ").replace(b"\n", b"\r\n")
    return {
        "depth 50": nested(50), "depth 51": nested(51), "depth 20000": nested(20000),
        "depth 20000, open": nested(20000, False),
        "messages in messages": HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 20000 + b"x\r\n",
        "parts 10000": mixed + b"--b\r\n\r\nx\r\n" * 9999 + b"--b--\r\n",
        "parts 10001": mixed + b"--b\r\n\r\nx\r\n" * 10000 + b"--b--\r\n", "parts 500000": mixed + b"--b\r\n" * 500000,
        "the same boundary in itself": HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 5000,
        "boundaries that begin as each other": HEAD + b"".join(
            b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n" % (b"a" * i, b"a" * i) for i in range(1, 70)),
        "fields 1000": HEAD + b"X-F: y\r\n" * 990 + b"\r\nx\r\n", "fields 1001": HEAD + b"X-F: y\r\n" * 1001 + b"\r\nx\r\n",
        "fields 200000": HEAD + b"X-F: y\r\n" * 200000 + b"\r\nx\r\n",
        "one field of 4 MiB": HEAD + b"X-Long: " + b"word " * 800000 + b"\r\n\r\nx\r\n",
        "folded 200000 times": HEAD + b"X-Long: a" + b"\r\n b" * 200000 + b"\r\n\r\nx\r\n",
        "100,000 addresses": HEAD + b"To: " + b",\r\n ".join(b"user%d@domain.example" % i for i in range(100000)) + b"\r\n\r\nx\r\n",
        "100,000 addresses in a line": HEAD + b"Cc: " + b",".join(b"Name <u%d@d.example>" % i for i in range(100000)) + b"\r\n\r\nx\r\n",
        "groups in groups": HEAD + b"To: " + b"g:" * 100000 + b"\r\n\r\nx\r\n",
        "comments in comments": HEAD + b"To: " + b"(" * 500000 + b"a@b" + b")" * 500000 + b"\r\n\r\nx\r\n",
        "a quote without end": HEAD + b'To: "' + b"\\\"" * 400000 + b"\r\n\r\nx\r\n",
        "100,000 parameters": HEAD + b"Content-Type: text/plain" + b"".join(b"; p%d=v" % i for i in range(100000)) + b"\r\n\r\nx\r\n",
        "100,000 continuations": HEAD + b"Content-Type: text/plain" + b"".join(
            b";\r\n name*%d*=%%41" % i for i in range(100000)) + b"\r\n\r\nx\r\n",
        "the same parameter": HEAD + b"Content-Disposition: attachment" + b"; filename*0=x" * 100000 + b"\r\n\r\nx\r\n",
        "continuations backwards": HEAD + b"Content-Type: text/plain" + b"".join(
            b"; name*%d=x" % i for i in reversed(range(5000))) + b"\r\n\r\nx\r\n",
        "100,000 encoded words": HEAD + b"Subject: " + b" ".join([b"=?utf-8?B?4oKs?="] * 100000) + b"\r\n\r\nx\r\n",
        "stateful charset": HEAD + b"Subject: =?iso-2022-jp?B?" + base64.b64encode(b"\x1b$B" * 200000) + b"?=\r\n\r\nx\r\n",
        "100,000 references": HEAD + b"References: " + b"\r\n ".join(b"<%d@r.example>" % i for i in range(100000)) + b"\r\n\r\nx\r\n",
        "a line of 8 MiB": HEAD + b"\r\n" + b"x" * (8 << 20) + b"\r\n",
        "300000 empty lines": HEAD + b"\r\n" + b"\r\n" * 300000, "bytes of all kinds": HEAD + b"\r\n" + garbage,
        "bytes of all kinds as a header": garbage, "base64 that is none": HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + garbage,
        "quoted-printable without end": HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=\r\n" * 300000 + b"=",
        "ends in its header": HEAD + b"Content-Type: multipart/mixed; bound", "a boundary and no more": mixed + b"--b",
        "only a colon": b":", "only line ends": b"\r\n\r\n\r\n",
    }


LETTERS = letters()


@pytest.fixture(scope="module")
def g():
    with godwit.Instance() as g:
        g.start()
        g.add_user(ALICE, PASSWORD)
        yield g


def cpu_s(g, role):
    """Of all processes of a role, so far."""
    total = 0
    for pid in g.pids(role):
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def peak_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmHWM:\s+(\d+) kB", f.read()).group(1))


def ask_everything(m):
    """Of the one message in the mailbox, all that makes a server look into it."""
    for what in ("(ENVELOPE BODYSTRUCTURE BODY RFC822.SIZE INTERNALDATE)", "(BODY.PEEK[HEADER.FIELDS (To Subject)])",
                 "(BODY.PEEK[1] BODY.PEEK[1.MIME] BODY.PEEK[1.1.1.1] BODY.PEEK[10001] BODY.PEEK[HEADER]<0.100>)",
                 "(BODY.PEEK[]<100.200>)"):
        assert m.fetch("1", what)[0] == "OK", what
    for key in ("SUBJECT needle", "TEXT needle", "BODY hostile", "TO u99999", "HEADER X-F z", "SENTSINCE 1-Jan-2020"):
        assert m.search(None, *key.split(" "))[0] == "OK", key
    assert m.sort("(SUBJECT FROM TO DATE)", "UTF-8", "ALL")[0] == "OK"
    assert m.thread("REFERENCES", "UTF-8", "ALL")[0] == "OK"


def empty(m):
    m.store("1:*", "+FLAGS.SILENT", "(\\Deleted)")
    m.expunge()


def bring(g, letter):
    """RFC 9755 s4: 8-bit header fields are refused from other clients."""
    m = imap(g, select=False)
    assert m.enable("UTF8=ACCEPT")[0] == "OK"
    assert m.append("INBOX", None, None, letter)[0] == "OK"
    m.logout()


@pytest.mark.parametrize("name", LETTERS)
def test_appended(g, name):
    mark, before = g.mark(), cpu_s(g, "imapd")
    bring(g, LETTERS[name])
    m = imap(g)
    ask_everything(m)
    empty(m)
    m.logout()
    spent = cpu_s(g, "imapd") - before
    assert spent < CPU_S * SLOW, f"{spent} s"
    assert " exit daemon=" not in g.log_text(mark)


@pytest.mark.parametrize("name", LETTERS)
def test_delivered(g, name):
    """Taken or refused by smtpd; what is taken is delivered whole."""
    mark, before = g.mark(), cpu_s(g, "deliver") + cpu_s(g, "smtpd")
    s = smtp(g)
    code = 250
    try:
        sendmail(s, "x@else.example", [ALICE], LETTERS[name])
    except OSError as e:
        code = getattr(e, "smtp_code", 0)
    assert code == 250 or 500 <= code < 600, code
    if code == 250:
        g.wait_empty_queue()
        m = imap(g)
        ask_everything(m)
        empty(m)
        m.logout()
    spent = cpu_s(g, "deliver") + cpu_s(g, "smtpd") - before
    assert spent < CPU_S * SLOW, f"{spent} s"
    assert " exit daemon=" not in g.log_text(mark)


def test_memory_is_bounded(g):
    """After all of them: what the worst took, of any process that reads mail."""
    for role in ("imapd", "deliver", "smtpd"):
        for pid in g.pids(role):
            assert peak_kib(pid) < MEMORY_KIB * SLOW, f"{role}: {peak_kib(pid)} KiB"

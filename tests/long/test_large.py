# SPDX-License-Identifier: ISC
"""A message of more than 2 GiB, in by APPEND and by SMTP: every size is right
(31 bits are not enough for them), every part can be read, and no process needs
more memory for it than for others."""
import hashlib
import random
import re

import pytest

import godwit

ANN, BOB, PASSWORD = "ann@example.test", "bob@example.test", "secret"
LINE = 992                  # with its CRLF
POOL_LINES = 8192           # more than a compressor looks back
BLOCK_LINES = 1024
BLOCKS = 2130               # of that: 2.16 GB, or 2.01 GiB
LIMIT = 3 << 30
MEMORY = 150 << 20          # of one process


class Letter:
    """Two parts: one that nothing compresses, of more than 2 GiB, and a short one."""

    def __init__(self, to):
        r = random.Random(1)
        table = bytes(c if c not in b"\0\r\n." else ord("x") for c in range(256))
        pool = r.randbytes(POOL_LINES * (LINE - 2)).translate(table)
        self.pool = b"".join(pool[n * (LINE - 2):(n + 1) * (LINE - 2)] + b"\r\n" for n in range(POOL_LINES)) * 2
        self.starts = [r.randrange(POOL_LINES) * LINE for _ in range(BLOCKS)]
        self.head = (f"From: ann@example.test\r\nTo: {to}\r\nSubject: large\r\nMessage-ID: <large-{to}>\r\nMIME-Version: 1.0\r\n"
                     "Date: Fri, 20 Nov 2026 10:00:00 +0000\r\n"
                     "Content-Type: multipart/mixed; boundary=frontier\r\n\r\n--frontier\r\n"
                     "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n").encode()
        self.tail = b"\r\n--frontier\r\nContent-Type: text/plain\r\n\r\nthe end\r\n--frontier--\r\n"
        self.body_bytes = BLOCKS * BLOCK_LINES * LINE
        self.bytes = len(self.head) + self.body_bytes + len(self.tail)

    def blocks(self):
        for s in self.starts:
            yield self.pool[s:s + BLOCK_LINES * LINE]

    def body(self, offset, n):
        """Of the first part."""
        size = BLOCK_LINES * LINE
        out = b""
        while len(out) < n and offset < self.body_bytes:
            block, at = divmod(offset, size)
            piece = self.pool[self.starts[block] + at:self.starts[block] + size][:n - len(out)]
            out += piece
            offset += len(piece)
        return out

    def digest(self):
        h = hashlib.blake2b(self.head)
        for b in self.blocks():
            h.update(b)
        h.update(self.tail)
        return h.hexdigest()


@pytest.fixture(scope="module")
def g():
    with godwit.Instance("imapd { append_size_limit = 3G }\nsmtpd { message_size_limit = 3G }") as g:
        g.start(env={"GODWIT_IMAP_TRANSCRIPT": ""})      # of gigabytes
        for user in (ANN, BOB):
            g.add_user(user, PASSWORD)
        yield g


def high_water(g):
    """{role: bytes} of resident memory, of the largest process of each."""
    out = {}
    for role, pids in g.pids().items():
        for pid in pids:
            with open(f"/proc/{pid}/status", encoding="ascii") as f:
                out[role] = max(out.get(role, 0), int(re.search(r"VmHWM:\s+(\d+) kB", f.read()).group(1)) << 10)
    return out


def check_memory(g):
    large = {role: n >> 20 for role, n in high_water(g).items() if n > MEMORY}
    assert not large, f"MiB: {large}"


def say(m, line, tag=b"t"):
    """The command's responses; literals are read into them."""
    m.send(tag + b" " + line + b"\r\n")
    out = b""
    while True:
        row = m.readline()
        out += row
        literal = re.search(rb"\{(\d+)\}\r\n$", row)
        if literal:
            out += m.read(int(literal.group(1)))
        elif row.startswith(tag + b" "):
            assert row.startswith(tag + b" OK"), row
            return out


def check_mailbox(g, user, letter, prefix):
    """prefix: bytes that delivery put on top."""
    m = g.imap(user, PASSWORD)
    m.sock.settimeout(600)
    total = letter.bytes + prefix
    assert total > 1 << 31
    say(m, b"SELECT INBOX")
    assert b"RFC822.SIZE %d)" % total in say(m, b"FETCH 1 RFC822.SIZE")
    structure = say(m, b"FETCH 1 BODYSTRUCTURE")
    assert b'"8bit" %d %d ' % (letter.body_bytes, letter.body_bytes // LINE) in structure, structure
    assert b"* SEARCH 1\r\n" in say(m, b"SEARCH LARGER %d SMALLER %d" % (total - 1, total + 1))
    assert b"SIZE %d)" % total in say(m, b"STATUS INBOX (SIZE)")
    # Pieces, round both places where a number of 31 bits would go over.
    for offset, n in ((0, 100), ((1 << 31) - 50, 100), (1 << 31, 10), (letter.body_bytes - 30, 100), (letter.body_bytes, 9)):
        want = letter.body(offset, n)
        got = say(m, b"FETCH 1 BODY.PEEK[1]<%d.%d>" % (offset, n))
        assert b"BODY[1]<%d> " % offset in got and (want in got if want else b'""' in got or b"{0}" in got), (offset, got[:200])
    for at in ((1 << 31) - 50, (1 << 31) + 7):
        inner = at - prefix - len(letter.head)
        assert letter.body(inner, 100) in say(m, b"FETCH 1 BODY.PEEK[]<%d.100>" % at)
    assert b"the end" in say(m, b"FETCH 1 BODY.PEEK[2]")
    # All of it.
    m.send(b"a FETCH 1 BODY.PEEK[]\r\n")
    left = int(re.search(rb"BODY\[\] \{(\d+)\}\r\n$", m.readline()).group(1))
    assert left == total
    m.read(prefix)
    left -= prefix
    h = hashlib.blake2b()
    while left:
        piece = m.read(min(left, 1 << 20))
        h.update(piece)
        left -= len(piece)
    assert h.hexdigest() == letter.digest()
    assert m.readline() == b")\r\n" and m.readline().startswith(b"a OK")
    m.logout()


def test_append(g):
    letter = Letter(ANN)
    m = g.imap(ANN, PASSWORD)
    m.sock.settimeout(600)
    m.send(b"x APPEND INBOX {%d}\r\n" % (LIMIT + 1))
    assert b"x NO [TOOBIG]" in m.readline()
    m.send(b"a APPEND INBOX {%d}\r\n" % letter.bytes)
    assert m.readline().startswith(b"+")
    m.send(letter.head)
    for b in letter.blocks():
        m.send(b)
    m.send(letter.tail + b"\r\n")
    row = m.readline()
    while not row.startswith(b"a "):
        row = m.readline()
    assert row.startswith(b"a OK"), row
    check_mailbox(g, ANN, letter, 0)
    # A copy is another name for it; both go.
    say(m, b"SELECT INBOX")
    say(m, b"COPY 1 Archive")
    assert b"SIZE %d)" % letter.bytes in say(m, b"STATUS Archive (SIZE)")
    m.logout()
    check_memory(g)


def test_smtp(g):
    letter = Letter(BOB)
    s = g.smtp()
    s.sock.settimeout(600)
    assert s.docmd("MAIL", f"FROM:<x@else.example> SIZE={LIMIT + 1}")[0] == 552
    assert s.docmd("MAIL", f"FROM:<x@else.example> SIZE={letter.bytes}")[0] == 250
    assert s.docmd("RCPT", f"TO:<{BOB}>")[0] == 250
    assert s.docmd("DATA")[0] == 354
    s.sock.sendall(letter.head)
    for b in letter.blocks():
        s.sock.sendall(b)
    s.sock.sendall(letter.tail + b".\r\n")
    code, text = s.getreply()
    assert code == 250, text
    s.quit()
    g.wait_log(r"deliver\[\d+\]: sent ", to=f"<{BOB}>", seconds=300)
    m = g.imap(BOB, PASSWORD)
    say(m, b"SELECT INBOX")
    head = say(m, b"FETCH 1 BODY.PEEK[HEADER]")
    m.logout()
    prefix = head.index(b"From: ann@") - head.index(b"Return-Path:")
    check_mailbox(g, BOB, letter, prefix)
    check_memory(g)

# SPDX-License-Identifier: ISC
"""COMPRESS=DEFLATE (RFC 4978) against zlib as clients use it: one stream in
each direction, flushed after each command, however the pieces fall.
"""
import os
import zlib

import pytest

import godwit

USER, PASSWORD = "alice@example.test", "secret"


class Client:
    """A connection that can change to compression and back."""

    def __init__(self, g):
        self.sock = g.imap(USER, PASSWORD).sock
        self.data = b""
        self.into = self.out = None
        self.flush = zlib.Z_SYNC_FLUSH

    def start(self):
        self.send(b"z COMPRESS DEFLATE\r\n")
        assert self.line().startswith(b"z OK")
        self.compress()

    def compress(self):
        assert self.data == b""
        self.out = zlib.compressobj(6, zlib.DEFLATED, -15)
        self.into = zlib.decompressobj(-15)

    def send(self, data):
        if self.out is not None:
            data = self.out.compress(data) + self.out.flush(self.flush)
        self.sock.sendall(data)

    def more(self):
        got = self.sock.recv(65536)
        assert got, "the server hung up"
        self.data += got if self.into is None else self.into.decompress(got)

    def end_of_compression(self, tag):
        """To the end of the flush behind the answer; then plain text."""
        raw, text = b"", b""
        while not (text.startswith(tag + b" OK") and text.endswith(b"\r\n") and raw.endswith(b"\0\0\xff\xff")):
            byte = self.sock.recv(1)
            assert byte, "the server hung up"
            raw += byte
            text += self.into.decompress(byte)
        self.into = None

    def line(self):
        while b"\r\n" not in self.data:
            self.more()
        line, self.data = self.data.split(b"\r\n", 1)
        return line

    def exactly(self, n):
        while len(self.data) < n:
            self.more()
        got, self.data = self.data[:n], self.data[n:]
        return got

    def until(self, tag):
        lines = []
        while not (lines and lines[-1].startswith(tag + b" ")):
            lines.append(self.line())
        return lines

    def command(self, text):
        self.send(text + b"\r\n")
        lines = self.until(text.split()[0])
        assert lines[-1].split()[1] == b"OK", lines
        return lines


@pytest.fixture(scope="module")
def server():
    with godwit.Instance() as g:
        g.start()
        g.add_user(USER, PASSWORD)
        yield g


@pytest.mark.parametrize("flush", [zlib.Z_SYNC_FLUSH, zlib.Z_PARTIAL_FLUSH, zlib.Z_FULL_FLUSH])
def test_both_ways(server, flush):
    c = Client(server)
    c.start()
    c.flush = flush
    # large and incompressible, large and not
    for body in (os.urandom(300000).hex().encode(), b"all the same " * 100000):
        text = b"Subject: x\r\n\r\n" + body + b"\r\n"
        c.command(b"a NOOP")
        c.send(b"b APPEND INBOX {%d+}\r\n" % len(text) + text + b"\r\n")
        assert c.until(b"b")[-1].startswith(b"b OK")
        c.command(b"c SELECT INBOX")
        c.send(b"d FETCH * BODY.PEEK[]\r\n")
        assert c.line().endswith(b"{%d}" % len(text))
        assert c.exactly(len(text)) == text
        assert c.until(b"d")[-1].startswith(b"d OK")
    for i in range(200):
        c.command(b"e%d NOOP" % i)
    c.send(b"f COMPRESS DEFLATE\r\n")
    assert b"COMPRESSIONACTIVE" in c.line()


def test_piece_by_piece(server):
    """Every byte in its own record, several commands in one flush."""
    c = Client(server)
    c.start()
    data = c.out.compress(b"a NOOP\r\nb NOOP\r\nc NOO") + c.out.flush(zlib.Z_SYNC_FLUSH)
    data += c.out.compress(b"P\r\n") + c.out.flush(zlib.Z_SYNC_FLUSH)
    for byte in data:
        c.sock.sendall(bytes([byte]))
    assert [c.line()[:4] for _ in range(3)] == [b"a OK", b"b OK", b"c OK"]


def test_and_back(server):
    """UNAUTHENTICATE ends compression in both directions (RFC 8437 s4.1)."""
    c = Client(server)
    for finish in (zlib.Z_SYNC_FLUSH, zlib.Z_FINISH):
        c.start()
        c.command(b"a SELECT INBOX")
        last = c.out.compress(b"b UNAUTHENTICATE\r\n") + c.out.flush(finish)
        c.out = None
        # the next login may follow at once
        c.send(last + b"c LOGIN %s %s\r\n" % (USER.encode(), PASSWORD.encode()))
        c.end_of_compression(b"b")
        assert c.until(b"c")[-1].startswith(b"c OK")


def test_damaged(server):
    c = Client(server)
    c.start()
    c.sock.sendall(b"\x07\xff\xff\xff")
    with pytest.raises((AssertionError, OSError)):
        while True:
            c.more()
    server.wait_log(r"imapd\[\d+\]: disconnect", reason="compression")


def test_bomb(server):
    """Forty kilobytes that become forty megabytes are taken piece by piece."""
    c = Client(server)
    c.start()
    size = 40 << 20
    c.sock.sendall(c.out.compress(b"m APPEND INBOX {%d+}\r\nA: b\r\n\r\n" % size))
    sent = 8
    while sent < size:
        piece = b"x" * min(1 << 20, size - sent)
        c.sock.sendall(c.out.compress(piece))
        sent += len(piece)
    c.send(b"\r\nn NOOP\r\n")
    assert c.until(b"m")[-1].startswith(b"m OK [APPENDUID ")
    assert c.line().startswith(b"n OK")

# SPDX-License-Identifier: ISC
"""What is wrong with a CMTP 1 or CMTP 2 message: FAILURE or a refusal, a line in
the log, and nothing in the queue; and sessions that end at any byte."""
import re
import struct

import pytest
from cmtp2tools import Client2, mail2, seal
from cmtptools import Client, mail, server_key

import godwit

SEED = bytes(range(32))
HEAD = struct.pack(">IIQQ", 1, 0, 0, 60)
NAMES = b"alice\0example.test\0bob\0peer.example\0"
LARGE = b"\xff" * 8


@pytest.fixture(scope="module")
def g():
    with godwit.Instance() as g:
        g.add_config(f'listen "cmtps" {{ service = cmtp  address = {{"127.0.0.1:{g.port("cmtps")}"}}  tls = implicit }}\n'
                     'cmtpd { processes = 1 }')
        g.start()
        g.add_user("alice@example.test", "secret")
        yield g


def peak(g):
    """The most memory that cmtpd ever had, in KiB."""
    with open(f"/proc/{g.pids('cmtpd')[0]}/status", encoding="ascii") as f:
        return int(re.search(r"^VmHWM:\s+(\d+) kB$", f.read(), re.M).group(1))


def is_empty(g):
    return g.tool("gwqueue", "-j", check=True).stdout == ""


def test_messages_that_lie(g):
    server, before = server_key(g), peak(g)
    for sent, reason in (
            (struct.pack(">I", 2) + HEAD[4:], "version"), (bytes(4) + HEAD[4:], "plaintext"),
            (LARGE[:4] + HEAD[4:], "version"), (HEAD[:4] + LARGE[:4] + HEAD[8:], "attachments"),
            (HEAD[:4] + struct.pack(">I", 1001) + HEAD[8:], "attachments"), (HEAD[:8] + LARGE + HEAD[16:], "log_length"),
            (HEAD[:16] + LARGE, "size"), (HEAD[:16] + struct.pack(">Q", 47), "body_length"),
            (HEAD + b"a" * 256, "parameter_length"), (HEAD + b"alice\0\xc3(\0", "utf8"),
            (HEAD + NAMES.replace(b"\0", b"n") + b"b" * 256, "parameter_length"),
            (HEAD[:8] + struct.pack(">QQ", 3, 60) + NAMES + b"log", "log"),
            (HEAD[:4] + struct.pack(">I", 1) + HEAD[8:] + NAMES + b"b" * 60 + LARGE, "size"),
            (HEAD[:4] + struct.pack(">I", 1) + HEAD[8:] + NAMES + b"b" * 60 + struct.pack(">Q", 47), "attachment_length")):
        mark = g.mark()
        with Client(g) as c:
            c.s.sendall(b"MAIL\0" + sent)
            c.failed(server)
            assert c.read_end() == b""
        g.wait_log(r"cmtpd\[\d+\]: garbled ", since=mark, reason=reason)
    assert is_empty(g)
    assert peak(g) < before + 4096      # whatever was announced


def ends(g, client, whole, step):
    """The client goes away after each number of bytes."""
    count = 0
    mark = g.mark()
    for n in range(1, len(whole), step):
        with client(g) as c:
            c.s.sendall(whole[:n])
        count += 1
    for _ in range(count):
        _, mark = g.find_log(r"cmtpd\[\d+\]: disconnect ", mark)


def test_ends_anywhere(g):
    server = server_key(g)
    whole = mail(attachments=[b"c" * 60])
    ends(g, Client, whole, 1)
    assert is_empty(g)
    record = _alice(g)
    ends(g, Client2, mail2(SEED, content=seal(b"text\r\n", [record])).bytes, 9)
    assert is_empty(g)
    with Client(g) as c:        # it is all right
        c.say(b"KEYREQUEST", b"nobody", b"")
        c.failed(server)


def _alice(g):
    with Client2(g) as c:
        host = c.ask_keys(b"", b"example.test")[1][-1]
        return c.ask_keys(b"alice", b"example.test", by=host.sign)[1][-1]


def test_replayed(g):
    """A reply to one request is none to another."""
    record = _alice(g)
    with Client2(g) as c:
        host = c.ask_keys(b"", b"example.test")[1][-1]
        first, second = (mail2(SEED, content=seal(text, [record])) for text in (b"one\r\n", b"two\r\n"))
        c.send_mail(first)
        c.send_mail(second)
        assert c.answer(first, host.sign)[0] == 3
        with pytest.raises(AssertionError):
            c.answer(first, host.sign)          # that was the second's

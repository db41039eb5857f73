# SPDX-License-Identifier: ISC
"""CMTP 2 inside TLS: keys, and mail of servers that nobody knows."""
import struct

import pytest
from cmtp2tools import Client2, is_verified, mail2, statuses
from cmtptools import Client, server_key
from mailtools import address

import godwit

SEED = bytes(range(32))


@pytest.fixture(scope="module")
def g():
    with godwit.Instance() as g:
        g.add_config(f'listen "cmtps" {{ service = cmtp  address = {{"127.0.0.1:{g.port("cmtps")}"}}  tls = implicit }}\n'
                     'cmtpd { processes = 1  junk_command_limit = 20 }\n'
                     'keyd { cmtp_key_rate = "8/h" }')
        g.start()
        g.add_user(address("alice"), "secret")
        yield g


def server_record(g, domain=b"example.test"):
    with Client2(g) as c:
        status, records = c.ask_keys(b"", domain)
    assert status == 0 and records[-1].user == b"" and is_verified(records[-1], records[-1].sign)
    return records[-1]


def test_only_inside_tls(g):
    failure = server_key(g)
    with Client2(g) as c:
        c.say(b"OHAI", b"NOOP", b"HELP")
        assert c.read(9 + 4) == b"OHAI 1 2\0" + b"1 2\0"
        assert c.read(92) == (b"OHAI NOOP HELP KEYREQUEST LOGIN MAIL KEYREQUEST2 MAIL2 LOGIN2 PROOF2 REGISTER2 "
                              b"RECORD2 OBAI\0")
    for words in ((b"KEYREQUEST2",), (b"MAIL2",), (b"LOGIN2",), (b"REGISTER2",)):
        mark = g.mark()
        with Client(g) as c:
            c.say(*words)
            c.failed(failure)
            assert c.read_end() == b""
        g.wait_log(r"cmtpd\[\d+\]: garbled ", since=mark, reason="unknown_command")


def test_keys(g):
    server = server_record(g)
    assert server.domain == b"example.test" and server.sign != server_key(g)
    with Client2(g) as c:
        status, records = c.ask_keys(b"alice", b"example.test", by=server.sign)
        assert status == 0 and (records[0].user, records[0].domain) == (b"alice", b"example.test")
        assert records[0].serial == 1 and is_verified(records[0], server.sign)
        assert c.ask_keys(b"alice", b"", by=server.sign)[1][0].body == records[0].body
        # Known already: the newest comes all the same.
        status, again = c.ask_keys(b"alice", b"example.test", known=1, by=server.sign)
        assert status == 0 and [r.body for r in again] == [records[0].body]
        assert c.ask_keys(b"nobody", b"example.test", by=server.sign) == (1, [])
        assert c.ask_keys(b"alice", b"elsewhere.example", by=server.sign)[0] in (1, 2)
        # The host's own: as KEYREQUEST without a domain.
        assert c.ask_keys(b"", b"")[0] == 0
    g.kill("keyd")
    g.wait_ready()
    assert server_record(g).body == server.body


def test_requests_are_counted(g):
    g.advance(3600)
    server = server_record(g)
    with Client2(g) as c:
        for _ in range(2):              # the same ones are not counted again
            for n in range(8):
                assert c.ask_keys(b"nobody%d" % n, b"example.test", by=server.sign) == (1, [])
        assert c.ask_keys(b"alice", b"example.test", by=server.sign) == (3, [])
        assert c.ask_keys(b"", b"example.test")[0] == 0         # the server's is not counted
    g.advance(3600)
    with Client2(g) as c:
        assert c.ask_keys(b"alice", b"example.test", by=server.sign)[0] == 0


def test_mail_that_is_not_taken(g):
    server = server_record(g)
    for mail, kind, status, log in (
            (mail2(SEED), 3, (4, "4.7.5 No key of the sending server is known"), "4.7.5"),
            (mail2(SEED, sender=b"alice@example.test"), 5, (5, "5.7.1 That is a domain of this host"), "5.7.1"),
            (mail2(SEED, domain=b"elsewhere.example"), 3, (5, "5.1.2 Not a domain of this host"), "5.1.2"),
            (mail2(SEED, ahead=-90000), 3, (4, "4.7.0 The time of sending is too far from ours"), "4.7.0")):
        mark = g.mark()
        with Client2(g) as c:
            c.send_mail(mail)
            c.say(b"NOOP")
            what, content = c.answer(mail, server.sign)
            assert (what, statuses(content)) == (kind, [status])
            assert c.read(4) == b"1 2\0"
        g.wait_log(r"cmtpd\[\d+\]: reject ", since=mark, verb="MAIL2", dsn=log)
    assert g.tool("gwqueue", "-j", check=True).stdout == ""


def test_mail_that_is_none(g):
    failure = server_key(g)
    head = struct.pack(">IIQQQH", 2, 1, 0, 1, 300, 0)
    for sent, reason in ((struct.pack(">I", 1) + head[4:], "version"), (head[:4] + bytes(4) + head[8:], "destinations"),
                         (head[:4] + b"\xff" * 4 + head[8:], "destinations"), (head[:24] + b"\xff" * 8 + b"\0\0", "size"),
                         (head[:24] + bytes(8) + b"\0\0", "object_length"), (head[:32] + b"\0\1", "postage_length"),
                         (head + b"a" * 256, "parameter_length"), (head + b"\xff\0", "utf8"),
                         (head + b"a\0" * 4 + bytes(300) + b"\3", "proof")):
        mark = g.mark()
        with Client2(g) as c:
            c.s.sendall(b"MAIL2\0" + sent)
            c.failed(failure)
            assert c.read_end() == b""
        g.wait_log(r"cmtpd\[\d+\]: garbled ", since=mark, reason=reason)

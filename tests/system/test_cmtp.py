# SPDX-License-Identifier: ISC
"""CMTP 1 on its own port, by a client written from the specification byte by byte."""
import contextlib
import socket

import pytest
from cmtptools import BANNER, Client, is_signed, server_key
from mailtools import address

import godwit


@pytest.fixture(scope="module")
def g():
    with godwit.Instance() as g:
        g.add_config('cmtpd { processes = 1  junk_command_limit = 20 }\n'
                     'keyd { cmtp_key_rate = "8/h" }')
        g.start()
        g.add_user(address("alice"), "secret")
        yield g


def test_words(g):
    with Client(g) as c:
        c.say(b"OHAI", b"", b"NOOP", b"HELP")
        assert c.read(7) == b"OHAI 1\0"
        assert c.read(2) == b"1\0"
        assert c.read(42) == b"OHAI NOOP HELP KEYREQUEST LOGIN MAIL OBAI\0"
        c.say(b"OBAI")
        assert c.read_end() == b""


def test_keys(g):
    server = server_key(g)
    with Client(g) as c:
        assert c.ask_key(b"", b"")[0] == server
        alice, sig = c.ask_key(b"alice", b"example.test")
        assert is_signed(server, alice, sig) and alice != server
        assert not is_signed(server, alice[:-1] + b"x", sig)
        assert c.ask_key(b"alice", b"")[0] == alice
        for words in ((b"nobody", b"example.test"), (b"alice", b"elsewhere.example")):
            c.say(b"KEYREQUEST", *words)
            c.failed(server)
        c.say(b"LOGIN", b"alice")
        c.failed(server)
    g.kill("keyd")
    g.wait_ready()
    with Client(g) as c:
        assert c.ask_key(b"alice", b"example.test")[0] == alice
    assert server_key(g) == server


def test_requests_are_counted(g):
    g.advance(3600)
    server = server_key(g)
    with Client(g) as c:
        for n in range(9):
            c.say(b"KEYREQUEST", b"nobody%d" % n, b"example.test")
            c.failed(server)
        c.say(b"KEYREQUEST", b"alice", b"example.test")
        c.failed(server)                # there is one, but not this often
    g.advance(3600)
    with Client(g) as c:
        c.ask_key(b"alice", b"example.test")


def test_nothing_that_is_garbled(g):
    server = server_key(g)
    for sent, reason in ((b"EHLO host.example\r\n", "unknown_command"), (b"LOGIN\0\xff\0", "utf8"),
                         (b"LOGIN\0" + b"a" * 256 + b"\0", "parameter_length"),
                         (b"MAIL\0" + b"\0\0\0\2" + bytes(20), "version"), (b"MAIL\0" + bytes(24), "plaintext"),
                         (b"MAIL\0" + b"\0\0\0\1" + bytes(12) + b"\xff" * 8, "size")):
        mark = g.mark()
        with Client(g) as c:
            c.s.sendall(sent)
            c.failed(server)
            assert c.read_end() == b""
        line = g.wait_log(r"cmtpd\[\d+\]: garbled ", since=mark)
        assert f"reason={reason}" in line


def test_limits(g):
    server = server_key(g)
    with Client(g) as c:
        for _ in range(20):
            c.say(b"NOOP")
            assert c.read(2) == b"1\0"
        c.say(b"NOOP")
        c.failed(server)
        assert c.read_end() == b""


def test_how_many():
    """One too many of an address, of a network, of all."""
    def come(g, host):
        s = socket.create_connection(("127.0.0.1", g.port("cmtp")), timeout=godwit.WAIT_S, source_address=(host, 0))
        held.callback(s.close)
        return s.recv(len(BANNER))
    with godwit.Instance() as g, contextlib.ExitStack() as held:
        g.add_config('cmtpd { processes = 1  client_limit = 5  client_connection_limit = 3  client_network_limit = 4 }')
        g.start()
        for good, bad, name in ((["127.0.0.1"] * 3, "127.0.0.1", "client_connection_limit"),
                                (["127.0.0.2"], "127.0.0.3", "client_network_limit"),
                                (["127.0.1.1"], "127.0.2.1", "client_limit")):
            for host in good:
                assert come(g, host) == BANNER
            mark = g.mark()
            assert come(g, bad) == b""
            g.wait_log(r"cmtpd\[\d+\]: limit ", since=mark, name=name)


def test_who_says_nothing(g):
    mark = g.mark()
    with Client(g) as c:
        g.advance(301)
        assert c.read_end() == b""
    g.wait_log(r"cmtpd\[\d+\]: disconnect ", since=mark, reason="timeout")


def test_tls_and_the_configuration():
    with godwit.Instance() as g:
        g.add_config(f'listen "cmtps" {{ service = cmtp  address = {{"127.0.0.1:{g.port("cmtps")}"}}  tls = implicit }}')
        g.start()
        with g.tls().wrap_socket(g.raw("cmtps"), server_hostname="localhost") as s:
            assert s.recv(100) == BANNER
            s.sendall(b"OHAI\0")
            assert s.recv(100) == b"OHAI 1 2\0"
        status = {d["daemon"]: d for d in g.status()["daemons"]}
        assert status["cmtpd"]["state"] == "ready"
        g.stop()
    with godwit.Instance() as g:
        g.add_config('listen "late" { service = cmtp  address = {"127.0.0.1:9001"}  tls = may }')
        done = g.godwit("check")
        assert done.returncode != 0 and "CMTP has no STARTTLS; allowed: no, implicit" in done.stderr + done.stdout


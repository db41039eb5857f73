# SPDX-License-Identifier: ISC
"""The change from SMTP to CMTP on one port: plain, behind EHLO, inside TLS."""
import os
import re
import select
import signal
import ssl

import pytest
from cmtptools import Client, is_signed, mail, offer_cmtp

import godwit

BIG = b"d" * 700000


@pytest.fixture(scope="module")
def g():
    with godwit.Instance() as g:
        offer_cmtp(g)
        g.add_config("cmtpd { processes = 1  cmtp_mail = yes  client_connection_limit = 3 }\nsmtpd { processes = 1 }\n"
                     "deliver { processes = 1 }\n")
        g.start()
        g.add_user("alice@example.test", "secret")
        yield g


def connect(g):
    s = g.raw("smtp")
    assert line(s).startswith(b"220 ")
    return s


def line(s):
    data = b""
    while not data.endswith(b"\n"):
        more = s.recv(1)
        assert more, f"closed after {data!r}"
        data += more
    return data


def ehlo(s):
    s.sendall(b"EHLO client.example\r\n")
    lines = []
    while not lines or lines[-1][3:4] == b"-":
        lines.append(line(s))
    return lines


def start_tls(g):
    s = connect(g)
    ehlo(s)
    s.sendall(b"STARTTLS\r\n")
    assert line(s).startswith(b"220 ")
    return g.tls().wrap_socket(s, server_hostname="localhost")


def speaks(g, s, versions=b"1"):
    """From OHAI's answer on: keys, mail, the end."""
    c = Client(g, s)
    assert c.read(6 + len(versions)) == b"OHAI " + versions + b"\0"
    key, sig = c.ask_key(b"")
    assert is_signed(key, key, sig)
    c.s.sendall(mail(attachments=[BIG]) + b"OBAI\0")
    c.succeeded(key)
    assert c.read_end() == b""


def test_first_bytes(g):
    mark = g.mark()
    with connect(g) as s:
        s.sendall(b"OHAI\0")
        speaks(g, s)
    smtp = g.wait_log(r"smtpd\[\d+\]: disconnect ", since=mark, reason="cmtp")
    session = re.search(r" s=(\S+)", smtp)[1]
    assert "client=[127.0.0.1]:" in g.wait_log(r"cmtpd\[\d+\]: connect ", since=mark, s=session)
    g.wait_log(r"queue\[\d+\]: queued ", since=mark, s=session)
    assert "messages=1" in g.wait_log(r"cmtpd\[\d+\]: disconnect ", since=mark, s=session)


def test_byte_by_byte(g):
    with connect(g) as s:
        for byte in b"OHAI\0":
            s.sendall(bytes([byte]))
        speaks(g, s)


@pytest.mark.parametrize("size", [len(BIG), 45000])
def test_pipelined(g, size):
    """With the EHLO in one piece, and behind it more than can be handed over at once."""
    with connect(g) as s:
        s.sendall(b"EHLO client.example\r\nOHAI\0" + mail(attachments=[BIG[:size]]) + b"OHAI\0")
        while line(s)[3:4] == b"-":
            pass
        c = Client(g, s)
        assert c.read(7) == b"OHAI 1\0"
        assert c.read(72)[:7] == b"SUCCESS"
        speaks(g, s)


def test_after_ehlo(g):
    with connect(g) as s:
        assert b"250-CMTP 1\r\n" in ehlo(s)
        s.sendall(b"RSET\r\n")
        line(s)
        s.sendall(b"OHAI\0")
        speaks(g, s)


def test_inside_tls(g):
    with start_tls(g) as s:
        assert b"250-CMTP 1 2\r\n" in ehlo(s)
        mark = g.mark()
        s.sendall(b"OHAI\0" + mail(attachments=[BIG]))
        c = Client(g, s)
        assert c.read(9) == b"OHAI 1 2\0"
        assert c.read(72)[:7] == b"SUCCESS"
    g.wait_log(r"cmtpd\[\d+\]: disconnect ", since=mark)
    g.wait_log(r"smtpd\[\d+\]: disconnect ", since=mark)


def test_not_inside_a_message(g):
    """It is a line like others there, and one without an end."""
    with connect(g) as s:
        ehlo(s)
        s.sendall(b"MAIL FROM:<x@else.example>\r\nOHAI\0\r\nQUIT\r\n")
        assert line(s).startswith(b"250 ")
        assert line(s).startswith(b"500 ")
        assert line(s).startswith(b"221 ")


@pytest.mark.parametrize("tls", [False, True])
def test_kill(g, tls):
    """cmtpd dies: its client hears of it, and SMTP goes on."""
    s = start_tls(g) if tls else connect(g)
    with s:
        s.sendall(b"OHAI\0")
        assert Client(g, s).read(6) == b"OHAI 1"
        g.kill("cmtpd")
        try:
            while s.recv(100):
                pass
        except (ConnectionError, ssl.SSLError):
            pass        # reset
    g.wait_ready()
    with connect(g) as s:
        ehlo(s)


def handed(g, s, since):
    """cmtpd has it, or the answer is that it is not there."""
    while not select.select([s], [], [], 0.1)[0]:
        if re.search(r"cmtpd\[\d+\]: connect .*\n", g.log_text(since)):
            return True
    assert line(s).startswith(b"421 ")
    return False


def test_before_it_knows_its_key(g):
    """A new cmtpd has a client before keyd has told it what it signs with."""
    (keyd,), (cmtpd,) = g.pids("keyd"), g.pids("cmtpd")
    mark = g.mark()
    os.kill(keyd, signal.SIGSTOP)
    try:
        os.kill(cmtpd, signal.SIGKILL)
        g.find_log(r"\]: exit daemon=cmtpd ", mark)
        while True:
            mark, s = g.mark(), connect(g)
            s.sendall(b"OHAI\0")
            if handed(g, s, mark):
                break
            s.close()
    finally:
        os.kill(keyd, signal.SIGCONT)
    with s:
        speaks(g, s)


def test_limits(g):
    """Counted by cmtpd, as its own clients are."""
    held = []
    try:
        for _ in range(3):
            s = connect(g)
            held.append(s)
            s.sendall(b"OHAI\0")
            assert s.recv(7) == b"OHAI 1\0"
        mark = g.mark()
        with connect(g) as s:
            s.sendall(b"OHAI\0")
            assert s.recv(1) == b""
        g.wait_log(r"cmtpd\[\d+\]: limit ", since=mark, name="client_connection_limit")
        with connect(g) as s:
            ehlo(s)
    finally:
        for s in held:
            s.close()


def test_not_offered():
    """No cmtpd, no CMTP: where listeners stand and none is for it."""
    with godwit.Instance() as g:
        with open(g.conf, encoding="ascii") as f:
            lines = f.readlines()
        with open(g.conf, "w", encoding="ascii") as f:
            f.writelines(line for line in lines if "service = cmtp" not in line)
        g.start()
        assert not g.pids("cmtpd")
        with connect(g) as s:
            assert not [x for x in ehlo(s) if b"CMTP" in x]
            s.sendall(b"OHAI\0")
            assert line(s).startswith(b"421 4.3.2 ")
            assert s.recv(1) == b""

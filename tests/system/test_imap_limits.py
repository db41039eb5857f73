# SPDX-License-Identifier: ISC
"""Limits of imapd that count connections: at the limit and one more; and
sessions that outlive the store."""
import imaplib
import threading
import time

import pytest

import godwit

USER, PASSWORD = "alice@example.test", "secret"
MESSAGE = b"Subject: x\r\n\r\nbody\r\n"


def when_free(g):
    """A session of the user, once one that ends no longer counts."""
    until, step = time.monotonic() + godwit.WAIT_S, threading.Event()
    while True:
        try:
            return g.imap(USER, PASSWORD)
        except imaplib.IMAP4.error as e:
            assert "LIMIT" in str(e) and time.monotonic() < until, e
        step.wait(0.05)


def test_user_connection_limit():
    with godwit.Instance(config='imapd { processes = 2  user_connection_limit = 2 }') as g:
        g.start()
        for user in (USER, "bob@example.test"):
            g.add_user(user, PASSWORD)
        held = [g.imap(USER, PASSWORD) for _ in range(2)]
        with pytest.raises(imaplib.IMAP4.error, match="LIMIT"):
            g.imap(USER, PASSWORD)
        g.imap("bob@example.test", PASSWORD).logout()
        g.wait_log("limit", name="user_connection_limit")
        held.pop().logout()
        # Another imapd may ask keyd before it has heard of the end.
        when_free(g).logout()


def test_hang_up_during_login():
    """A login that nobody waits for any more does not count."""
    with godwit.Instance(config="imapd { processes = 1  user_connection_limit = 2 }") as g:
        g.start()
        g.add_user(USER, PASSWORD)
        held = [g.imap() for _ in range(6)]
        for m in held:
            m.send(b"a LOGIN %s %s\r\n" % (USER.encode(), PASSWORD.encode()))
        for m in held:
            m.shutdown()
        # Also those that were answered end with their connections.
        held = [when_free(g), when_free(g)]
        with pytest.raises(imaplib.IMAP4.error, match="LIMIT"):
            g.imap(USER, PASSWORD)
        for m in held:
            m.logout()


def test_client_limit():
    with godwit.Instance(config='imapd { processes = 1  client_limit = 2 }') as g:
        g.start()
        held = [g.raw("imap") for _ in range(2)]
        for s in held:
            assert s.recv(1000).startswith(b"* OK")
        with g.raw("imap") as s:
            assert s.recv(1000).startswith(b"* BYE [UNAVAILABLE]")
        held.pop().close()
        g.wait_log("disconnect", reason="eof")
        with g.raw("imap") as s:
            assert s.recv(1000).startswith(b"* OK")
        for s in held:
            s.close()


def test_store_restart():
    with godwit.Instance() as g:
        g.start()
        g.add_user(USER, PASSWORD)
        m, idle = g.imap(USER, PASSWORD), g.imap(USER, PASSWORD)
        m.select("INBOX")
        idle.select("INBOX")
        idle.send(b"i IDLE\r\n")
        assert idle.readline().startswith(b"+")
        for count in (1, 2):
            g.kill("store")
            g.wait_ready()
            # Both may be a moment late: the new store waits for keyd's token key.
            assert append(m) == "OK"
            assert m.fetch(str(count), "(BODY.PEEK[])")[1][0][1] == MESSAGE
            while idle.readline() != b"* %d EXISTS\r\n" % count:
                pass
        idle.send(b"DONE\r\n")
        while not (line := idle.readline()).startswith(b"i "):
            pass
        assert line.startswith(b"i OK")


def test_store_dies_with_reads_under_way():
    """imapd asks for many bodies ahead; the answers that the store owes come from
    its successor, through memory of that one, or not at all."""
    with godwit.Instance("imapd { processes = 1 }") as g:
        g.start()
        g.add_user(USER, PASSWORD)
        m = g.imap(USER, PASSWORD)
        letters = [b"Subject: %d\r\n\r\n" % i + (b"%d " % i) * 9000 + b"\r\n" for i in range(60)]
        for letter in letters:
            assert m.append("INBOX", None, None, letter)[0] == "OK"
        m.select("INBOX")
        imapd = g.pids("imapd")
        g.control("crash", "store", "store.read:30,store.read:90")
        g.kill("store")
        for dies in (True, False, True, False):
            g.wait_ready()
            # The session has its mailbox back; no body is read for that.
            while m.fetch("1:*", "(FLAGS)")[0] != "OK":
                threading.Event().wait(0.02)
            typ, data = m.fetch("1:*", "(BODY.PEEK[])")
            if dies:
                assert typ == "NO"
                assert "signal=SIGKILL" in g.wait_exit("store")
                g.advance(6)
            else:
                # What came before the death is kept by imaplib, in front.
                assert typ == "OK"
                assert [d[1] for d in data if isinstance(d, tuple)][-60:] == letters
        assert g.pids("imapd") == imapd


def append(m):
    until, step = time.monotonic() + godwit.WAIT_S, threading.Event()
    while True:
        typ, data = m.append("INBOX", None, None, MESSAGE)
        if b"UNAVAILABLE" not in data[0] or time.monotonic() > until:
            return typ
        step.wait(0.02)

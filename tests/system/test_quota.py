# SPDX-License-Identifier: ISC
"""Full mailboxes: 452 before a message is taken, bounced or kept waiting behind it."""
import re
import time

import pytest
from mailtools import address, message

import godwit

CONFIG = "deliver { quota_full_defer = %s }\n"


def add_user(g, user):
    g.add_user(address(user), "secret")
    g.tool("gwuser", "quota", user, "20K", check=True)


@pytest.fixture(scope="module")
def g():
    with godwit.Instance(CONFIG % "yes") as g:
        g.start()
        for user in ("alice", "bob", "carol"):
            add_user(g, user)
        yield g


def rcpt(g, user):
    with g.smtp() as s:
        s.ehlo()
        assert s.mail("stranger@elsewhere.example")[0] == 250
        return s.rcpt(address(user))


def becomes(g, user, code):
    """queue hears of it a moment later than who changed it."""
    until = time.monotonic() + godwit.WAIT_S
    while (answer := rcpt(g, user))[0] != code:
        assert time.monotonic() < until, answer
    return answer[1]


def fill(g, user, size):
    with g.imap(user, "secret") as m:
        body = b"Subject: x\r\n\r\n" + b"x" * (size - 14)
        return m.append("INBOX", None, None, body)


def test_full_is_said_at_rcpt_and_room_helps(g):
    assert rcpt(g, "alice")[0] == 250
    since = g.mark()
    assert fill(g, "alice", 20 * 1024)[0] == "OK"
    g.wait_log("quota", since=since, user=address("alice"))
    assert becomes(g, "alice", 452).startswith(b"4.2.2")
    assert rcpt(g, "bob")[0] == 250
    answer = fill(g, "alice", 100)
    assert answer[0] == "NO" and b"OVERQUOTA" in answer[1][0]
    # Another limit, by the operator.
    assert g.tool("gwuser", "quota", "alice").stdout == "20480\n"
    g.tool("gwuser", "quota", "alice", "1M", check=True)
    assert g.tool("gwuser", "quota", "alice").stdout == "1048576\n"
    becomes(g, "alice", 250)
    g.tool("gwuser", "quota", "alice", "20K", check=True)
    becomes(g, "alice", 452)
    with g.imap("alice", "secret") as m:
        m.select()
        m.store("1", "+FLAGS", r"\Deleted")
        m.expunge()
    becomes(g, "alice", 250)
    assert g.tool("gwuser", "quota", "alice", "lots").returncode == 64


def test_who_is_full_outlives_the_store(g):
    assert fill(g, "carol", 20 * 1024)[0] == "OK"
    becomes(g, "carol", 452)
    g.kill("store")
    g.wait_ready()
    becomes(g, "carol", 452)
    with g.imap("carol", "secret") as m:
        m.select()
        m.store("1", "+FLAGS", r"\Deleted")
        m.expunge()
    becomes(g, "carol", 250)


def send(g, user, size):
    with g.smtp() as s:
        s.sendmail("stranger@elsewhere.example", [address(user)],
                   message(subject="big", body=("x" * 70 + "\r\n") * (size // 72)))


def test_too_big_for_what_is_left_waits(g):
    assert fill(g, "bob", 15 * 1024)[0] == "OK"
    since = g.mark()
    send(g, "bob", 10 * 1024)
    line = g.wait_log("deferred", since=since, to="<bob@example.test>")
    assert "dsn=4.2.2" in line


def test_or_goes_back():
    with godwit.Instance(CONFIG % "no") as g:
        g.start()
        add_user(g, "bob")
        assert fill(g, "bob", 15 * 1024)[0] == "OK"
        since = g.mark()
        send(g, "bob", 10 * 1024)
        line = g.wait_log("bounced", since=since, to="<bob@example.test>")
        assert re.search(r"dsn=5\.2\.2", line)

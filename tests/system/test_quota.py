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


ADMIN = '''
domain "other.test" { class = mailbox  quota = "1M"  quota_admins = {"boss@example.test"} }
domain "few.test" { class = mailbox  quota_messages = 2 }
domain "small.test" { class = mailbox  quota_total = "20K" }
'''


def test_setquota_by_whom_the_operator_names():
    with godwit.Instance(ADMIN) as g:
        g.start()
        for user in ("boss@example.test", "ann@other.test"):
            g.add_user(user, "secret")
        with g.imap("ann@other.test", "secret") as m:
            assert m.append("INBOX", None, None, b"x" * 2000)[0] == "OK"
            assert m.setquota("ann@other.test", "(STORAGE 5)")[0] == "NO"
        with g.imap("boss", "secret") as m:
            assert m.getquota("ann@other.test")[1][0].startswith(b'"ann@other.test" (STORAGE 2 1024')
            assert m.setquota("boss@example.test", "(STORAGE 5)")[0] == "NO"
            assert m.setquota("ann@other.test", "(STORAGE 5)")[1][0].startswith(b'"ann@other.test" (STORAGE 2 5')
            g.wait_log("account", action="quota", by="boss@example.test")
        assert g.tool("gwuser", "quota", "ann@other.test").stdout == "5120\n"
        with g.imap("ann@other.test", "secret") as m:
            assert b"OVERQUOTA" in m.append("INBOX", None, None, b"x" * 4000)[1][0]
        with g.imap("boss", "secret") as m:
            assert m.setquota("ann@other.test", "()")[0] == "OK"
        assert g.tool("gwuser", "quota", "ann@other.test").stdout == "1048576\n"


def test_limits_of_a_domain():
    with godwit.Instance(ADMIN) as g:
        g.start()
        for user in ("ann@few.test", "bob@small.test", "carl@small.test"):
            g.add_user(user, "secret")
        with g.imap("ann@few.test", "secret") as m:
            assert [m.append("INBOX", None, None, b"x")[0] for _ in range(3)] == ["OK", "OK", "NO"]
            assert b"MESSAGE 2 2" in b"".join(m.getquotaroot("INBOX")[1][1])
        assert fill(g, "bob@small.test", 15 * 1024)[0] == "OK"
        assert b"OVERQUOTA" in fill(g, "carl@small.test", 10 * 1024)[1][0]


def test_an_admin_is_an_address():
    with godwit.Instance('domain "other.test" { quota_admins = {"boss"} }') as g:
        p = g.godwit("check")
        assert p.returncode == 78 and 'boss: not an address; allowed: ' in p.stderr, p.stderr

# SPDX-License-Identifier: ISC
"""Mail is between two suites by CMTP 2 when a process of one of them dies at a
numbered step: what was acknowledged to the sender is in the mailbox, and more
than once only where SMTP would bring it twice, for want of an answer that the
sending host had."""
import collections
import json
import re
import smtplib
import threading
import time

import pytest
from mailtools import fetch_all, message, send

import cmtp2tools
import dnstools
import godwit

ROLES = ("smtpd", "cmtpd", "deliver", "imapd")     # relay: the pair has one
SPOOL = "queue { direct_timeout = 0s }\n"
BODY = "0123456789abcdef" * 4 + "\r\n"
# At a, who sends, or at b; and how often the message may be there then.  In turn, for
# who dies again must wait.
CASES = [
    ("a", "queue.synced", 1),
    ("a", "relay.mail2-signed", 1),
    ("a", "queue.finish", 2),
    ("a", "relay.mail2-answered", 2),
    ("a", "queue.removed", 1),
    ("a", "relay.done", 2),
    ("b", "cmtpd.commit", 1),
    ("b", "queue.open", 1),
    ("b", "deliver.append", 1),
    ("b", "store.journal-written", 1),
    ("b", "cmtpd.committed", 2),
    ("b", "queue.direct", 2),
    ("b", "deliver.appended", 1),
    ("b", "store.journal-synced", 1),
    ("b", "queue.delivered", 2),
    ("b", "store.reply-sent", 1),
]
# Where b takes mail into its spool first.
SPOOLED = [
    ("b", "queue.accept", 2),
    ("b", "deliver.append", 1),
    ("b", "store.journal-synced", 1),
    ("b", "queue.synced", 2),
    ("b", "deliver.appended", 1),
    ("b", "queue.finish", 1),
    ("b", "queue.removed", 1),
]


def make_pair(tmp_path_factory, more):
    if not dnstools.has_all():
        pytest.skip("nsd or unbound is not installed")
    config = "".join(f"{role} {{ processes = 1 }}\n" for role in ROLES) + more
    with cmtp2tools.pair(tmp_path_factory.mktemp("pair"), lambda g: config) as (a, b):
        a.add_user("ann@a.test", "secret")
        b.add_user("bob@b.test", "secret")
        # The keys are known from now on: what dies has no time for more.
        assert submit(a, "first")
        settle(a, b)
        assert count(b, "first") == 1
        yield a, b


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    yield from make_pair(tmp_path_factory, "")


@pytest.fixture(scope="module")
def spooled(tmp_path_factory):
    yield from make_pair(tmp_path_factory, SPOOL)


def submit(g, name):
    """Whether it was acknowledged.  A queue that is ready may wait for keyd's word yet."""
    data, until = message(name, BODY * 500, sender="ann@a.test", to="bob@b.test"), time.monotonic() + godwit.WAIT_S
    while True:
        try:
            send(g, data, to=["bob@b.test"], sender="ann@a.test", port=587, user="ann@a.test")
            return True
        except smtplib.SMTPSenderRefused:
            assert time.monotonic() < until, g.log_tail()
        except (smtplib.SMTPException, OSError):
            return False


def settle(*all_of_them):
    """Until the queues are empty, one behind the other; what waits is tried at once."""
    step, until = threading.Event(), time.monotonic() + godwit.WAIT_S
    for g in all_of_them:
        while True:
            p = g.tool("gwqueue", "-j")
            rows = [json.loads(line) for line in p.stdout.splitlines()] if p.returncode == 0 else None
            if rows == []:
                break
            if rows and all(row["queue_name"] == "deferred" for row in rows):
                g.tool("gwqueue", "-f")
            assert time.monotonic() < until, f"{rows}\n{g.log_tail()}"
            step.wait(0.1)


def count(g, name):
    return sum(f"\r\nSubject: {name}\r\n".encode() in text for text in fetch_all(g, "bob@b.test"))


died = collections.defaultdict(set)     # since it was started


def dies_at(pair, who, step, most):
    a, b = pair
    g, role = a if who == "a" else b, step.split(".")[0]
    name = f"{step} at {who}"
    if role in died[g]:
        g.restart()
        died[g].clear()
    died[g].add(role)
    g.control("crash", role, step)
    g.kill(role)
    for one in pair:
        one.wait_ready()
    mark, sent = g.exit_mark, a.mark()
    is_acked = submit(a, name)
    assert "signal=SIGKILL" in g.wait_exit(role)
    assert re.search(rf'{role}\[\d+\]: fatal reason="?{re.escape(step)}"?\n', g.log_text(mark, g.exit_mark)), g.log_tail()
    g.wait_ready()
    settle(a, b)
    found = count(b, name)
    assert is_acked or who == "a"
    assert (1 if is_acked else 0) <= found <= most
    if found > 0:
        a.wait_log(r"relay\[\d+\]: sent .* proto=cmtp2", since=sent)
    assert b.tool("gwstore", "check", "-b").stdout == "no faults\n"


@pytest.mark.parametrize("who,step,most", CASES)
def test_dies_at(pair, who, step, most):
    dies_at(pair, who, step, most)


@pytest.mark.parametrize("who,step,most", SPOOLED)
def test_dies_at_with_the_spool(spooled, who, step, most):
    dies_at(spooled, who, step, most)


def test_all_that_was_sent_is_there(pair, spooled):
    """Once more at the end, when all have lived on for a while."""
    for two, cases in ((pair, CASES), (spooled, SPOOLED)):
        assert submit(two[0], "last")
        settle(*two)
        assert count(two[1], "last") == 1
        for who, step, most in cases:
            assert count(two[1], f"{step} at {who}") <= most

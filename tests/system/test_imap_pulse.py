# SPDX-License-Identifier: ISC
"""SELECT and NOOP that the store is not asked for (store_proto.h, the pulse): they
are answered while it stands still, and never with what somebody has changed since."""
import os
import signal

import pytest
from mailtools import message, send

import godwit

USER = ("alice@example.test", "secret")


@pytest.fixture(scope="module")
def g():
    with godwit.Instance("imapd { processes = 2 }") as g:
        g.start()
        g.add_user(*USER)
        yield g


def facts(m, box, readonly=False):
    """What SELECT says: {code or response: value}; None when there is no such mailbox."""
    if m.select(box, readonly)[0] != "OK":
        return None
    return {k: m.untagged_responses[k][-1] for k in
            ("EXISTS", "RECENT", "FLAGS", "UIDNEXT", "UIDVALIDITY", "HIGHESTMODSEQ", "UNSEEN")
            if k in m.untagged_responses}


def test_the_store_is_not_asked(g):
    send(g, message("one"))
    m = g.imap(*USER)
    while facts(m, "INBOX")["RECENT"] != b"0":      # that is written some time after the SELECT
        pass
    known = facts(m, "INBOX")
    store = g.pids("store")[0]
    os.kill(store, signal.SIGSTOP)
    try:
        for _ in range(3):
            assert facts(m, "INBOX") == facts(m, "INBOX", readonly=True) == known
            assert m.noop()[0] == m.check()[0] == "OK"
    finally:
        os.kill(store, signal.SIGCONT)
    m.logout()


def test_always_fresh(g):
    """One session changes, and each of the others, of both processes, sees it with
    its next command."""
    one, *others = [g.imap(*USER) for _ in range(5)]
    assert one.create("Box")[0] == "OK"
    count = 0

    def seen():
        found = [facts(m, "Box") for m in others for _ in range(2)]
        assert all(f == found[0] or f["RECENT"] != found[0]["RECENT"] for f in found), found
        return found[-1]

    def told():
        for m in others:
            assert m.noop()[0] == "OK"
            yield int(m.untagged_responses.get("EXISTS", [count])[-1])

    for n in range(12):
        assert one.append("Box", None, None, b"Subject: x\r\n\r\nx\r\n")[0] == "OK"
        count += 1
        assert int(seen()["EXISTS"]) == count
        assert one.append("Box", None, None, b"Subject: y\r\n\r\ny\r\n")[0] == "OK"
        count += 1
        assert set(told()) == {count}
        assert one.select("Box")[0] == "OK"
        before = seen()
        assert one.store("1:*", "+FLAGS", f"(\\Seen k{n})")[0] == "OK"
        after = seen()
        assert int(after["HIGHESTMODSEQ"]) > int(before["HIGHESTMODSEQ"])
        assert "UNSEEN" not in after and f"k{n}".encode() in after["FLAGS"]
        assert one.store("1", "+FLAGS", "(\\Deleted)")[0] == one.expunge()[0] == "OK"
        count -= 1
        assert int(seen()["EXISTS"]) == count
        assert one.rename("Box", "Other")[0] == "OK"
        assert [facts(m, "Box") for m in others] == [None] * 4
        assert one.rename("Other", "Box")[0] == "OK"
        assert int(seen()["EXISTS"]) == count
        assert one.setacl("Box", "anyone", "lr")[0] == "OK"
        assert int(seen()["EXISTS"]) == count
        send(g, message("by SMTP"))
        inbox = {facts(m, "INBOX")["EXISTS"] for m in others}
        assert len(inbox) == 1 and int(inbox.pop()) >= n + 1
    uidvalidity = seen()["UIDVALIDITY"]
    assert one.unselect()[0] == one.delete("Box")[0] == "OK"
    assert [facts(m, "Box") for m in others] == [None] * 4
    assert one.create("Box")[0] == "OK"
    new = seen()
    assert new["EXISTS"] == b"0" and new["UIDVALIDITY"] != uidvalidity
    for m in (one, *others):
        m.logout()


def selected(m, tag):
    answer = [m.readline()]
    while not answer[-1].startswith(tag):
        answer.append(m.readline())
    return answer


def test_a_dead_store_is_not_believed(g):
    """Its pulse stands still, its successor's mail is there, and the session's process
    has heard of neither."""
    m = g.imap(*USER)
    while facts(m, "INBOX")["RECENT"] != b"0":
        pass
    count = int(facts(m, "INBOX")["EXISTS"])
    pids = g.pids()
    mark = g.mark()
    for pid in pids["imapd"]:
        os.kill(pid, signal.SIGSTOP)
    try:
        os.kill(pids["store"][0], signal.SIGKILL)
        g.wait_log(r"\]: exit daemon=store ", since=mark)
        g.wait_ready()
        send(g, message("to the successor"))
        g.wait_empty_queue()
        m.send(b"x1 SELECT INBOX\r\n")
    finally:
        for pid in pids["imapd"]:
            os.kill(pid, signal.SIGCONT)
    answer = selected(m, b"x1")
    while b"[UNAVAILABLE]" in answer[-1]:       # it hears of the end before the successor
        m.send(b"x2 SELECT INBOX\r\n")
        answer = selected(m, b"x2")
    assert b" OK " in answer[-1] and b"* %d EXISTS\r\n" % (count + 1) in answer, answer
    m.shutdown()

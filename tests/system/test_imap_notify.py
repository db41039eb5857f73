# SPDX-License-Identifier: ISC
"""NOTIFY (RFC 5465) with real processes: news of several sessions, in order of
what happened, also over the death of the store and of what is too much."""
import re

import pytest

import godwit
from mailtools import PASSWORD, address, imap, sendmail, smtp

LETTER = b"Subject: news\r\n\r\nx\r\n"


ALICE = address("alice")


@pytest.fixture
def g():
    with godwit.Instance(config="imapd { notify_mailboxes = 10 }") as g:
        g.start()
        g.add_user(ALICE, PASSWORD)
        yield g


class Listener:
    """A session that only hears."""

    def __init__(self, g, *says):
        self.m = imap(g, select=None)
        for n, say in enumerate(says):
            self.m.send(b"n%d %s\r\n" % (n, say))
            assert self.until(b"n%d " % n).startswith(b"n%d OK" % n), say

    def until(self, head):
        """The first line that begins so, or matches."""
        while True:
            line = self.m.readline()
            assert line, "the connection is gone"
            if re.match(head, line):
                return line


def test_idle_begins_with_news(g):
    """What came before IDLE is told in one TLS record with the "+": there are
    clients that sleep through what comes in the moment after it."""
    m, other = imap(g), imap(g)
    for n in (1, 2, 3):
        other.append("INBOX", None, None, LETTER)
        m.send(b"i IDLE\r\n")
        assert m.sock.recv(4096).startswith(b"+ idling\r\n* %d EXISTS\r\n" % n)     # a record at a time
        m.send(b"DONE\r\n")
        assert m.readline().startswith(b"i OK")


def test_news(g):
    """Mail that is delivered, names and metadata of another session, and
    flags, each told without a command."""
    m = imap(g)
    m.create("Lists")
    n = Listener(g, b"SELECT INBOX", b"NOTIFY SET (selected (MessageNew (UID ENVELOPE) MessageExpunge FlagChange)) "
                 b"(personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange "
                 b"MailboxMetadataChange ServerMetadataChange))")
    sendmail(smtp(g), "x@else.example", [ALICE], LETTER)
    n.until(rb"\* 1 EXISTS")
    assert b'"news"' in n.until(rb"\* 1 FETCH \(UID 1 ENVELOPE ")
    m.append("Lists", None, None, LETTER)
    n.until(rb'\* STATUS "Lists" \(UIDNEXT 2 MESSAGES 1')
    m.create("Lists/a")
    n.until(rb'\* LIST \(\\HasChildren\) "/" "Lists"')
    n.until(rb'\* LIST \(\\HasNoChildren\) "/" "Lists/a"')
    m.xatom("SETMETADATA", "Lists/a", '(/shared/comment "x" /private/comment "y")')
    n.until(rb'\* METADATA "Lists/a" /shared/comment')
    n.until(rb'\* METADATA "Lists/a" /private/comment')
    m.xatom("SETMETADATA", '""', '(/private/device "x")')
    n.until(rb'\* METADATA "" /private/device')
    m.noop()
    m.store("1", "+FLAGS", r"(\Deleted)")
    n.until(rb"\* 1 FETCH \(UID 1 FLAGS \(\\Deleted")
    m.expunge()
    n.until(rb"\* 1 EXPUNGE")


def test_store_dies(g):
    """What happened while nobody listened is told when the store is back, and
    so is what happens then."""
    m = imap(g)
    m.create("Lists")
    n = Listener(g, b"SELECT INBOX", b"NOTIFY SET (selected (MessageNew MessageExpunge)) "
                 b"(subtree Lists (MessageNew MessageExpunge MailboxName))")
    g.kill("store")
    m = imap(g)
    m.append("INBOX", None, None, LETTER)
    n.until(rb"\* 1 EXISTS")
    m.append("Lists", None, None, LETTER)
    n.until(rb'\* STATUS "Lists" \(UIDNEXT 2 MESSAGES 1')
    m.delete("Lists")
    n.until(rb'\* LIST \(\\NonExistent \\HasNoChildren\) "/" "Lists"')


def test_too_many(g):
    """More mailboxes than may be watched: that is the end of it, said once; and
    then it is refused."""
    m = imap(g)
    say = b"NOTIFY SET (subtree m (MailboxName))"
    n = Listener(g, say)
    there = len(m.list()[1])
    for i in range(11 - there):
        m.create(f"m{i}" if i else "m")
    n.until(rb'\* LIST \(\\HasNoChildren\) "/" "m"')
    n.until(rb"\* OK \[NOTIFICATIONOVERFLOW\]")
    n.m.send(b"a " + say + b"\r\n")
    assert n.until(b"a ").startswith(b"a NO [NOTIFICATIONOVERFLOW]")
    m.delete("m")
    n.m.send(b"b " + say + b"\r\n")
    assert n.until(b"b ").startswith(b"b OK")


def test_server_metadata(g):
    """What the operator says of the server, and that it changed."""
    m = imap(g)
    assert m.xatom("GETMETADATA", '""', "(/shared/admin /shared/comment)")[0] == "OK"
    assert m.response("METADATA")[1] == [b'"" (/shared/admin "mailto:postmaster@example.test" /shared/comment NIL)']
    n = Listener(g, b"NOTIFY SET (personal (ServerMetadataChange))")
    with open(g.conf, encoding="utf-8") as f:
        text = f.read()
    with open(g.conf, "w", encoding="utf-8") as f:
        f.write(text.replace("notify_mailboxes = 10", 'admin_contact = "tel:+1-201-555-0123"  server_comment = "new"'))
    assert g.godwit("reload").returncode == 0
    n.until(rb'\* METADATA "" /shared/admin')
    n.until(rb'\* METADATA "" /shared/comment')
    assert m.xatom("GETMETADATA", '""', "(/shared/admin /shared/comment)")[0] == "OK"
    assert m.response("METADATA")[1] == [b'"" (/shared/admin "tel:+1-201-555-0123" /shared/comment "new")']

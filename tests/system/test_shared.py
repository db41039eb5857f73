# SPDX-License-Identifier: ISC
"""Users share mailboxes (RFC 4314): what a guest sees, may and may not; mail that goes from one account to another."""
import re

import pytest
from mailtools import address

import godwit

CONFIG = """
domain "closed.test" { class = mailbox  sealing = password }
"""
INBOX = f"user/{address('ann')}/INBOX"


@pytest.fixture(scope="module")
def g():
    with godwit.Instance(CONFIG) as g:
        g.start()
        for user in (address("ann"), address("bob"), address("eve"), "carl@closed.test"):
            g.add_user(user, "secret")
        yield g


def share(g, rights, mailbox="INBOX", who="bob", owner="ann"):
    with g.imap(owner, "secret") as m:
        assert m.setacl(mailbox, who, rights)[0] == "OK"


def put(g, owner, mailbox, subject, body=b"the body", flags=None):
    with g.imap(owner, "secret") as m:
        answer = m.append(mailbox, flags, '"01-Feb-2024 03:04:05 +0000"',
                          b"Subject: %s\r\nMessage-ID: <%s@a.test>\r\n\r\n%s\r\n" % (subject, subject, body))
        assert answer[0] == "OK", answer


def subjects(m):
    got = m.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    return [part[1].split()[1] for part in got if isinstance(part, tuple)]


def test_owner_and_guest(g):
    put(g, "ann", "INBOX", b"one")
    with g.imap("bob", "secret") as m:
        assert m.select(INBOX)[0] == "NO"
        assert not any(b"user" in row for row in m.list()[1])
    share(g, "lr")
    with g.imap("ann", "secret") as m:
        assert m.getacl("INBOX")[1][0].split()[-4:] == [
            b'"ann@example.test"', b"lrswipkxteacd", b'"bob@example.test"', b"lr"]
    with g.imap("bob", "secret") as m:
        assert m.namespace()[1][0] == b'(("" "/")) (("user/" "/")) NIL'
        assert f'(\\HasNoChildren) "/" "{INBOX}"'.encode() in m.list()[1]
        assert m.myrights(INBOX)[1][0].endswith(b" lr")
        # Python's client gives up where SELECT answers READ-ONLY; it is what a SELECT gets.
        with pytest.raises(m.readonly):
            m.select(INBOX)
        assert m.select(INBOX, readonly=True) == ("OK", [b"1"])
        assert b"the body" in m.fetch("1", "(BODY[])")[1][0][1]
        assert m.fetch("1", "(FLAGS)")[1][0].find(b"Seen") < 0
        assert m.search(None, "TEXT", "body")[1] == [b"1"]
        assert m.search(None, "SUBJECT", "one")[1] == [b"1"]
        assert m.getacl(INBOX)[0] == "NO"
        assert m.setacl(INBOX, "eve", "lr")[0] == "NO"
        assert m.append(INBOX, None, None, b"x\r\n")[0] == "NO"
        assert m.select(f"user/{address('ann')}/Drafts")[0] == "NO"
    with g.imap("eve", "secret") as m:
        assert m.select(INBOX)[0] == "NO"
        assert m.myrights(INBOX)[0] == "NO"
    # keyd says so, once for the session.
    g.wait_log("open", user=address("bob"), owner=address("ann"))


def test_what_is_taken_back_is_gone_at_once(g):
    share(g, "lr")
    with g.imap("bob", "secret") as m:
        assert m.select(INBOX, readonly=True)[0] == "OK"
        share(g, '""')
        assert m.fetch("1", "(BODY.PEEK[])")[0] == "NO"
        assert m.noop()[0] == "OK"
        assert m.select(INBOX)[0] == "NO"
        assert m.select("INBOX")[0] == "OK"


def test_changes(g):
    share(g, "lrswite")
    put(g, "bob", INBOX, b"from-bob", flags="(\\Flagged word)")
    with g.imap("bob", "secret") as m:
        n = int(m.select(INBOX)[1][0])
        assert m.store(str(n), "+FLAGS", r"(\Seen other)")[0] == "OK"
        assert m.response("READ-WRITE")[1] != [None]
    with g.imap("ann", "secret") as m:
        m.select("INBOX")
        got = m.fetch(str(n), "(FLAGS BODY.PEEK[])")[1]
        assert all(word in got[0][0] for word in (b"\\Flagged", b"\\Seen", b"word", b"other"))
        assert b"the body" in got[0][1]
    with g.imap("bob", "secret") as m:
        m.select(INBOX)
        m.store(str(n), "+FLAGS", r"\Deleted")
        assert m.expunge()[0] == "OK"
        assert m.response("EXPUNGE")[1] is not None
    with g.imap("ann", "secret") as m:
        assert int(m.select("INBOX")[1][0]) == n - 1


def test_copy_and_move_between_accounts(g):
    share(g, "lrite", "Archive")
    archive = f"user/{address('ann')}/Archive"
    for i in range(3):
        put(g, "bob", "Drafts", b"draft%d" % i, b"y" * 100_000 * i + b"end", "(\\Answered)")
    with g.imap("bob", "secret") as m:
        m.select("Drafts")
        assert m.copy("1:2", archive)[0] == "OK"
        assert re.search(rb"COPYUID", m.response("COPYUID")[0].encode())
        assert m.uid("MOVE", "3", archive)[0] == "OK"
        assert m.select("Drafts") == ("OK", [b"2"])
        # What was brought is found by its thread, dates and text there.
        assert m.select(archive) == ("OK", [b"3"])
        assert subjects(m) == [b"draft0", b"draft1", b"draft2"]
        assert b"01-Feb-2024" in m.fetch("1", "(INTERNALDATE)")[1][0].replace(b" 1-", b"01-")
        assert m.uid("MOVE", "1:*", "Sent")[0] == "OK"
        assert m.select("Sent") == ("OK", [b"3"])
        assert m.search(None, "TEXT", "end")[1] == [b"1 2 3"]
    with g.imap("ann", "secret") as m:
        assert m.select("Archive") == ("OK", [b"0"])


def test_idle_on_anothers_mailbox(g):
    share(g, "lrs")
    with g.imap("bob", "secret") as m:
        n = int(m.select(INBOX)[1][0])
        m.send(b"i IDLE\r\n")
        assert m.readline().startswith(b"+")
        put(g, "ann", "INBOX", b"news")
        assert m.readline() == b"* %d EXISTS\r\n" % (n + 1)
        m.readline()
        # The store comes back, and nobody notices.
        g.kill("store")
        g.wait_ready()
        put(g, "ann", "INBOX", b"more-news")
        assert m.readline() == b"* %d EXISTS\r\n" % (n + 2)
        m.readline()
        m.send(b"DONE\r\n")
        assert m.readline().startswith(b"i OK")
        assert b"the body" in m.fetch(str(n + 2), "(BODY.PEEK[])")[1][0][1]


def test_only_the_owner_opens_what_a_password_seals(g):
    carl = "carl@closed.test"
    put(g, carl, "INBOX", b"closed")
    share(g, "lrs", owner=carl, who=address("bob"))
    with g.imap("bob", "secret") as m:
        assert m.select(f"user/{carl}/INBOX") == ("OK", [b"1"])
        assert m.fetch("1", "(FLAGS RFC822.SIZE)")[0] == "OK"
        answer = m.fetch("1", "(BODY.PEEK[])")
        assert answer[0] == "NO" and b"Only its owner" in answer[1][0]


def test_anyone_and_those_who_are_not(g):
    share(g, "lr", "Junk", "anyone")
    share(g, "r", "Junk", "-eve")
    junk = f"user/{address('ann')}/Junk"
    with g.imap("bob", "secret") as m:
        assert m.select(junk, readonly=True)[0] == "OK"
    with g.imap("eve", "secret") as m:
        assert m.select(junk)[0] == "NO"
        assert m.subscribe(junk)[0] == "OK"
        assert f'() "/" "{junk}"'.encode() in m.lsub()[1]
    with g.imap("ann", "secret") as m:
        assert m.deleteacl("Junk", "anyone")[0] == "OK"
        assert m.deleteacl("Junk", "-eve")[0] == "OK"


def test_operator(g):
    """gwuser acl does what the owner could."""
    def acl(*args, code=0):
        p = g.tool("gwuser", "acl", *args)
        assert p.returncode == code, p.stderr
        return p.stderr if code else p.stdout

    ann, owner = address("ann"), f"{address('ann')} lrswipkxteacd\n"
    trash = f"user/{ann}/Trash"
    put(g, "ann", "Trash", b"thrown")
    assert acl("list", "ann", "Trash") == owner
    with g.imap("bob", "secret") as m:
        assert m.select(trash)[0] == "NO"
        assert acl("set", "Ann", "Trash", "BOB", "lr") == ""
        assert m.select(trash, readonly=True) == ("OK", [b"1"])
        assert b"the body" in m.fetch("1", "(BODY.PEEK[])")[1][0][1]
        acl("set", "ann", "Trash", address("bob"), "+ds")
        acl("set", "--", "ann", "Trash", "bob", "-e")
        acl("set", "--", "ann", "trash", "bob", "r", code=65)
        assert acl("list", ann, "Trash") == owner + f"{address('bob')} lrstd\n"
        acl("set", "--", "ann", "Trash", "-anyone", "r")
        assert m.fetch("1", "(BODY.PEEK[])")[0] == "NO"
        acl("del", "--", "ann", "Trash", "-anyone")
        assert m.fetch("1", "(BODY.PEEK[])")[0] == "OK"
        acl("del", "ann", "Trash", "bob")
        assert m.select(trash)[0] == "NO"
    assert acl("list", "ann", "Trash") == owner
    g.wait_log(r"store\[\d+\]: acl ", mailbox="Trash", user=address("bob"), rights="lr")
    g.kill("store")
    g.wait_ready()
    acl("set", "carl@closed.test", "INBOX", "bob@B\u00fccher.example", "lr")
    assert "bob@xn--bcher-kva.example lr\n" in acl("list", "carl@closed.test", "INBOX")
    acl("del", "carl@closed.test", "INBOX", "bob@b\u00fccher.example")


@pytest.mark.parametrize("args, code, text", [
    (("list", "nobody", "INBOX"), 67, "nobody@example.test: no such user"),
    (("list", "ann", "None"), 65, "None: no such mailbox"),
    (("list", "ann"), 64, "usage"),
    (("set", "ann", "INBOX", "bob"), 64, "usage"),
    (("set", "ann", "INBOX", "bob", "lq"), 65, "lq: not rights"),
    (("set", "ann", "INBOX", "b b", "l"), 65, "b b: not an identifier"),
    (("set", "ann", "INBOX", "ann", "l"), 65, "the owner has all rights"),
    (("set", "ann", "INBOX", "bob", "l", "--password-stdin"), 64, "usage"),
])
def test_operator_is_refused(g, args, code, text):
    p = g.tool("gwuser", "acl", *args)
    assert (p.returncode, p.stdout) == (code, "") and text in p.stderr, p.stderr


def test_a_thousand_at_once(g):
    share(g, "lri", "Sent")
    sent = f"user/{address('ann')}/Sent"
    with g.imap("bob", "secret") as m:
        assert m.create("many")[0] == "OK"
        assert m.append("many", None, None, b"Subject: x\r\n\r\nx\r\n")[0] == "OK"
        m.select("many")
        for _ in range(10):
            assert m.copy("1:*", "many")[0] == "OK"
            m.noop()
        assert m.copy("1:1000", sent)[0] == "OK"
        # No more than a transaction takes.
        answer = m.copy("1:1001", sent)
        assert answer[0] == "NO" and b"[LIMIT]" in answer[1][0]
        assert m.select(sent)[1] == [b"1000"]

# SPDX-License-Identifier: ISC
"""gwstore rekey: mail goes under the newest key pair of its account while it
is read and delivered, and no body is touched."""
import glob
import os
import re

import pytest
from crashload import Book, Load
from mailtools import address, message, send

import godwit

USERS = ("alice", "bob")
SEAL = 'domain "law.test" { sealing = password }\n'


@pytest.fixture
def g():
    with godwit.Instance(SEAL) as g:
        g.start()
        yield g


def new_pair(g, user, *options, **kw):
    assert g.tool("gwuser", "key", "new", user, *options, **kw).returncode == 0


def rekey(g, *user):
    p = g.tool("gwstore", "rekey", *user)
    assert p.returncode == 0, p.stdout + p.stderr
    return p.stdout


def rewrapped(g, *user):
    return int(re.fullmatch(r"(?:.*\n)*(\d+) epoch keys rewrapped\n", rekey(g, *user)).group(1))


def append(m, n, text="t"):
    for i in range(n):
        assert m.append("INBOX", None, None, b"Subject: %s%d\r\n\r\nbody\r\n" % (text.encode(), i))[0] == "OK"


def texts(m):
    m.noop()
    found = m.search(None, "ALL")[1][0].split()
    return [m.fetch(n, "(BODY.PEEK[])")[1][0][1] for n in found]


def bodies(g):
    """Of the segments, as far as they were written."""
    out = {}
    for path in glob.glob(f"{g.root}/mail/body.*"):
        with open(path, "rb") as f:
            out[os.path.basename(path)] = f.read().rstrip(b"\0")
    return out


def test_read_before_during_and_after(g):
    book = Book(g, USERS)
    book.add_users()
    with g.imap("alice", "secret") as m:
        append(m, 3)
        m.select()
        assert len(texts(m)) == 3
    assert rewrapped(g) == 0
    # some of it was read before, and some is read afterwards only
    new_pair(g, address("alice"))
    with Load(book, sessions=2) as load, g.imap("alice", "secret") as m:
        m.select()
        first = texts(m)
        load.wait_acked(6)
        assert rewrapped(g, address("bob")) == 0
        assert rewrapped(g) >= 1
        again = texts(m)
        assert again[:len(first)] == first
        load.wait_acked(6)
    book.settle()
    with g.imap("alice", "secret") as m:
        m.select()
        assert texts(m)[:len(again)] == again
        assert m.store("1:3", "+FLAGS", "\\Deleted")[0] == "OK" and m.expunge()[0] == "OK"
    assert rewrapped(g) == 0
    book.check()


def test_found_again_in_the_segments(g):
    """The index is lost: what repair makes of the segments is the new key."""
    g.add_user(address("alice"), "secret")
    with g.imap("alice", "secret") as m:
        append(m, 3)
    new_pair(g, address("alice"))
    with g.imap("alice", "secret") as m:
        append(m, 2, "later")
        m.select()
        before = texts(m)
    segments = bodies(g)
    assert rewrapped(g) >= 1
    # what stood in the segments stands there: keys came behind it
    assert all(text.startswith(segments.get(name, b"")) for name, text in bodies(g).items())
    g.stop()
    for path in glob.glob(f"{g.root}/mail/index.*"):
        os.unlink(path)
    for path in glob.glob(f"{g.root}/mail/journal.*"):
        with open(path, "r+b") as f:
            f.write(b"\0" * os.path.getsize(path))
    assert g.tool("gwstore", "repair").returncode == 0
    g.start()
    with g.imap("alice", "secret") as m:
        m.select()
        assert sorted(texts(m)) == sorted(before)
    assert rewrapped(g) == 0
    assert g.tool("gwstore", "check", "-b").stdout == "no faults\n"


def test_only_while_its_owner_is_there(g):
    user = "bob@law.test"
    assert g.tool("gwuser", "add", user, "--password-stdin", input="first\n").returncode == 0
    send(g, message("one", to=user), to=user)
    g.wait_empty_queue()
    assert g.tool("gwuser", "key", "new", user).returncode == 65
    new_pair(g, user, "--password-stdin", input="first\n")
    assert len(g.tool("gwuser", "key", user).stdout.splitlines()) == 2
    closed = "0 epoch keys rewrapped\n1 can only be opened by their owners, and stay\n"
    assert rekey(g, user) == closed
    with g.imap(user, "first") as m:
        m.select()
        before = texts(m)
        assert rewrapped(g, user) == 1
        assert texts(m) == before and len(before) == 1
    assert rewrapped(g, user) == 0


def test_words(g):
    p = g.tool("gwstore", "rekey", "nobody@example.test")
    assert p.returncode == 65 and "nobody@example.test: not found" in p.stderr
    assert g.tool("gwstore", "rekey", "a", "b").returncode == 64
    assert g.tool("gwuser", "key", "new", "nobody").returncode == 67
    assert g.tool("gwuser", "key", "new").returncode == 64

# SPDX-License-Identifier: ISC
"""An operator brings back what a client has expunged or deleted."""
import re

import pytest
from mailtools import address

import godwit


@pytest.fixture(scope="module")
def g():
    with godwit.Instance() as g:
        g.start()
        g.add_user(address("alice"), "secret")
        yield g


def texts(m):
    m.select()
    found = m.search(None, "ALL")[1][0].split()
    return [m.fetch(n, "(BODY.PEEK[TEXT])")[1][0][1] for n in found]


def test_expunged_mail_comes_back(g):
    with g.imap("alice", "secret") as m:
        for i in range(3):
            assert m.append("INBOX", r"(\Seen)", None, b"Subject: x\r\n\r\ntext %d" % i)[0] == "OK"
        m.select()
        m.store("1:2", "+FLAGS", r"\Deleted")
        m.expunge()
        assert texts(m) == [b"text 2"]
        done = g.tool("gwstore", "undelete", address("alice"), "INBOX", check=True)
        assert done.stdout == "2 messages brought back\n"
        assert texts(m) == [b"text 2", b"text 0", b"text 1"]
        assert b"\\Seen" in m.fetch("2", "(FLAGS)")[1][0]
    again = g.tool("gwstore", "undelete", address("alice"), "INBOX", check=True)
    assert again.stdout == "0 messages brought back\n"
    assert g.tool("gwstore", "undelete", address("nobody"), "INBOX").returncode == 65
    assert g.tool("gwstore", "undelete", address("alice"), "None").returncode == 65
    assert g.tool("gwstore", "undelete", address("alice")).returncode == 64
    assert g.tool("gwstore", "check", "-b").stdout == "no faults\n"


def test_deleted_mailbox_comes_back(g):
    with g.imap("alice", "secret") as m:
        assert m.create("Plans")[0] == "OK"
        for i in range(4):
            assert m.append("Plans", r"(\Flagged)", None, b"Subject: p\r\n\r\nplan %d" % i)[0] == "OK"
        m.select("Plans")
        validity = m.response("UIDVALIDITY")[1]
        m.unselect()
        assert m.delete("Plans")[0] == "OK"
        assert m.select("Plans")[0] == "NO"
        out = g.tool("gwstore", "stat", check=True).stdout
        assert sum(int(n) for n in re.findall(r"^shard \d+ removals (\d+)$", out, re.M)) == 1
        assert sum(int(n) for n in re.findall(r"^shard \d+ accounts (\d+)$", out, re.M)) == 1
        assert len(re.findall(r"^shard \d+ free bytes \d+$", out, re.M)) == 4
        done = g.tool("gwstore", "undelete", address("alice"), "Plans", check=True)
        assert done.stdout == "4 messages brought back\n"
        assert m.select("Plans")[0] == "OK"
        assert m.response("UIDVALIDITY")[1] == validity
        assert m.search(None, "FLAGGED")[1] == [b"1 2 3 4"]
        assert m.fetch("3", "(BODY.PEEK[TEXT])")[1][0][1] == b"plan 2"
    assert g.tool("gwstore", "check", "-b").stdout == "no faults\n"

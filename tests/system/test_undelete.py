# SPDX-License-Identifier: ISC
"""An operator brings back what a client has expunged."""
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

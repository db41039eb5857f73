# SPDX-License-Identifier: ISC
"""gwstore repair: an index that is lost or damaged is made again from the
segments, and every message is read again by IMAP with equal bytes."""
import os
import random

import pytest
from mailtools import address

import godwit

MESSAGES = 40


@pytest.fixture
def g():
    with godwit.Instance() as g:
        g.start()
        g.add_user(address("alice"), "secret")
        yield g


def body(i):
    return b"Message-ID: <%d@x.example>\r\nSubject: s%d\r\n\r\n" % (i, i) + b"text %d\r\n" % i * (1 + i * 70)


def fill(g):
    with g.imap("alice", "secret") as m:
        assert m.create("Work")[0] == "OK"
        for i in range(MESSAGES):
            assert m.append("Work" if i % 4 == 0 else "INBOX", r"(\Seen)", None, body(i))[0] == "OK"


def read(g):
    """The messages of each mailbox."""
    out = {}
    with g.imap("alice", "secret") as m:
        for line in m.list()[1]:
            box = line.decode().split(" ")[-1].strip('"')
            assert m.select(box, readonly=True)[0] == "OK"
            found = m.search(None, "ALL")[1][0].split()
            out[box] = [m.fetch(n, "(BODY.PEEK[])")[1][0][1] for n in found]
    return out


def index_files(g):
    mail = os.path.join(g.root, "mail")
    return [os.path.join(mail, f) for f in sorted(os.listdir(mail))
            if f.startswith("index.") and f[6:].isdigit()]


def wipe_journals(g):
    for i in range(2):
        path = os.path.join(g.root, "mail", f"journal.{i}")
        with open(path, "r+b") as f:
            f.write(b"\0" * os.path.getsize(path))


def repair(g, code=0):
    p = g.tool("gwstore", "repair")
    assert p.returncode == code, p.stdout + p.stderr
    return p.stdout


def test_nothing_is_wrong(g):
    fill(g)
    before = read(g)
    p = g.tool("gwstore", "repair")
    assert p.returncode == 75 and "stop godwit first" in p.stderr
    g.stop()
    assert repair(g) == "no faults\n"
    assert repair(g) == "no faults\n"
    g.start()
    assert read(g) == before
    assert g.tool("gwstore", "check", "-b").stdout == "no faults\n"


@pytest.mark.parametrize("how", ["deleted", "garbled", "one"])
def test_index_is_lost(g, how):
    fill(g)
    before = read(g)
    g.stop()
    wipe_journals(g)
    rng = random.Random(7)
    files = index_files(g)
    assert len(files) == 4
    for f in files[:1] if how == "one" else files:
        if how == "garbled":
            with open(f, "r+b") as file:
                file.write(rng.randbytes(os.path.getsize(f)))
        else:
            os.unlink(f)
    assert "made again" in repair(g)
    assert repair(g) == "no faults\n"
    g.start()
    assert read(g) == before
    with g.imap("alice", "secret") as m:
        assert m.append("Work", None, None, body(99))[0] == "OK"
    assert read(g)["Work"] == before["Work"] + [body(99)]
    assert g.tool("gwstore", "check", "-b").stdout == "no faults\n"
    kept = [f for f in os.listdir(os.path.join(g.root, "mail")) if ".damaged-" in f]
    assert len(kept) == (4 if how == "garbled" else 0)


def test_the_store_waits_for_repair(g):
    """It does not begin anew where mail was."""
    fill(g)
    before = read(g)
    g.stop()
    os.unlink(index_files(g)[1])
    mark = g.mark()
    g.start(wait=False)
    g.find_log("index.1 is missing: see gwstore repair", mark)
    g.stop(None)
    assert "index.1 was missing" in repair(g)
    g.start()
    assert read(g) == before

# SPDX-License-Identifier: ISC
"""Mail that came sealed, by CMTP 2, in mailboxes: the same bytes come out by IMAP
as were sealed, behind the lines that say how they came.  A program in the place of
cmtpd (brought.c) seals and brings it; no network is needed."""
import os
import re
import shutil
import tempfile

import pytest
from device import Device
from mailtools import fetch_all, imap, message, send, without_trace
from test_client_sealing import key_file, noise
from test_repair import index_files, repair, wipe_journals
from test_sealed import grep

import godwit

TRACE = (b"Received: from a.example by b.example with CMTP\r\n"
         b"Authentication-Results: b.example; cmtp=pass (CMTP 2) header.d=a.example\r\n")
CORPUS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fuzz/corpus/fuzz_mime")


def before(to):
    return f"Return-Path: <b@else.example>\r\nDelivered-To: {to}\r\n".encode() + TRACE


class Bringer:
    """An instance's programs with brought.c in the place of cmtpd."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="godwit-brought-")
        self.count = 0
        os.chmod(self.folder, 0o755)
        for name in os.listdir(godwit.BIN):
            shutil.copy(f"{godwit.BIN}/{name}", f"{self.folder}/{name}")
        shutil.copy(f"{os.environ['GODWIT_TESTBIN']}/brought", f"{self.folder}/cmtpd")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        shutil.rmtree(self.folder)

    def add(self, text, to="alice@example.test", flip=0, key="-", generation=0):
        self.count += 1
        with open(f"{self.folder}/brought.{self.count}", "wb") as f:
            f.write(f"{to} {flip} {key} {generation}\n".encode() + text)

    def bring(self, g, event="sent"):
        """Starts, and returns when deliver has said of each what became of it."""
        g.start(bin_dir=self.folder)
        for n in range(1, self.count + 1):
            g.wait_log(rf"brought number={n} result=taken")
        mark = g.run_mark
        for _ in range(self.count):
            _, mark = g.find_log(rf"\b{event}\b.* relay=local", mark)


@pytest.fixture
def g():
    with godwit.Instance('domain "law.test" { sealing = client }\n'
                         'domain "closed.test" { sealing = password }\ncmtpd { processes = 1 }\n') as g:
        g.start()
        g.add_user("alice@example.test", "secret")
        yield g


def corpus():
    texts = []
    for name in sorted(os.listdir(CORPUS)):
        with open(os.path.join(CORPUS, name), "rb") as f:
            texts.append(f.read())
    return texts


def sizes(m, n):
    ok, data = m.fetch(f"1:{n}", "(RFC822.SIZE)")
    assert ok == "OK", data
    return [int(re.search(rb"RFC822.SIZE (\d+)", d).group(1)) for d in data]


def test_same_bytes(g):
    """Every kind of message, small and large, before and behind the first reading,
    and when the server was restarted, checked, and compacted."""
    texts = [t for t in corpus() if b"\0" not in t] + [
        message("hidden heron", "an egret stands\r\n"), message("small", noise(30000)), message("memfd", noise(150000)),
        message("file", noise(600000)), message("long", "the same line\r\n" * 100000)]
    g.add_user("carl@closed.test", "secret")
    g.stop()
    with Bringer() as b:
        for text in texts:
            b.add(text)
        b.add(texts[-5], to="carl@closed.test")
        b.bring(g)
        want = [before("alice@example.test") + t for t in texts]
        m = imap(g)
        assert sizes(m, len(want)) == [len(w) for w in want]
        assert m.search(None, "TEXT", "egret")[1] == [str(len(want) - 4).encode()]
        assert m.search(None, "HEADER", "Authentication-Results", "header.d=a.example")[1][0].split() == \
            [str(i).encode() for i in range(1, len(want) + 1)]
        assert m.create("Copy")[0] == "OK" and m.copy("1:*", "Copy")[0] == "OK"
        m.logout()
        assert fetch_all(g) == want
        assert fetch_all(g, mailbox="Copy") == want
        assert fetch_all(g, user="carl@closed.test") == [before("carl@closed.test") + texts[-5]]
        send(g, message("ours"))
        assert g.tool("gwstore", "check", "-b").stdout == "no faults\n"
        g.stop()
        for word in ("egret", "header.d=a.example"):
            assert grep(g, word) == [], word
    g.start()
    assert g.tool("gwstore", "compact").returncode == 0
    got = fetch_all(g)
    assert got[:-1] == want and without_trace(got[-1]) == message("ours")
    g.stop()


def test_repair_keeps_the_text(g):
    """Index and journal are lost: what the segments have of it opens, without its trace."""
    texts = [message("one", "first\r\n"), message("two", noise(100000))]
    g.stop()
    with Bringer() as b:
        for text in texts:
            b.add(text)
        b.bring(g)
        g.stop()
        for path in index_files(g):
            os.unlink(path)
        wipe_journals(g)
        repair(g)
    g.start()
    assert g.tool("gwstore", "check", "-b").stdout == "no faults\n"
    assert fetch_all(g) == texts
    g.stop()


def test_device(g):
    """sealing = client: the device opens what its correspondent sealed, and the trace."""
    device = Device()
    p = g.tool("gwuser", "add", "bob@law.test", "--sealing", "client", "--key", key_file(g, device), "--password-stdin",
               input="secret\n")
    assert p.returncode == 0, p.stderr
    texts = [message("hidden heron", "an egret\r\n"), message("large", noise(400000))]
    g.stop()
    with Bringer() as b:
        for text in texts:
            b.add(text, to="bob@law.test", key=device.public.hex(), generation=1)
        b.bring(g)
        served = fetch_all(g, user="bob@law.test")
        assert [device.open(s) for s in served] == texts
        assert [device.trace(s) for s in served] == 2 * [before("bob@law.test")]
        m = imap(g, "bob@law.test")
        assert sizes(m, 2) == [len(s) for s in served]
        m.logout()
        g.stop()
        assert grep(g, "egret") == []


def test_what_does_not_open(g):
    """Turned at its end or in the middle it is told as such; the mail around it is whole."""
    good = message("good", "one\r\n")
    large = message("large", "some line of text\r\n" * 20000 + noise(200000))
    g.stop()
    with Bringer() as b:
        b.add(good)
        b.add(large, flip=1)
        b.add(large, flip=90000)
        b.add(good, flip=1)
        b.add(large)
        b.bring(g)
        got = fetch_all(g)
        assert [got[0], got[4]] == [before("alice@example.test") + good, before("alice@example.test") + large]
        for bad in got[1:4]:
            assert bad.startswith(before("alice@example.test") + b"Subject: [A message that cannot be opened]\r\n")
            assert b"some line of text" not in bad
        m = imap(g)
        assert m.search(None, "SUBJECT", "large")[1] == [b"5"]
        m.logout()
        g.stop()


def test_to_another_key(g):
    """Nothing comes into the mailbox; the sender hears why."""
    g.stop()
    with Bringer() as b:
        b.add(message("lost"), key=Device().public.hex(), generation=1)
        b.bring(g, event="bounced")
        g.wait_log(r"bounced.* dsn=5\.7\.5")
        assert fetch_all(g) == []
        g.stop()


def test_others_read_it(g):
    """A guest reads, searches and copies it into his own account, whether the owner has
    read it or not; a URL gives it to whom she names."""
    g.add_user("bob@example.test", "secret")
    texts = [message("hidden heron", "an egret\r\n"), message("large", noise(200000))]
    want = [before("alice@example.test") + t for t in texts]
    g.stop()
    with Bringer() as b:
        for text in texts:
            b.add(text)
        b.bring(g)
        m = imap(g)
        assert m.setacl("INBOX", "bob", "lr")[0] == "OK"
        rump = "imap://alice%40example.test@example.test/INBOX/;UID=1;URLAUTH=user+bob%40example.test"
        m.send(f'u GENURLAUTH "{rump}" INTERNAL\r\n'.encode())
        url = re.search(rb'"(\S+)"', m.readline()).group(1)
        assert m.readline().startswith(b"u OK")
        for name in ("Before", "Behind"):
            guest = imap(g, "bob", None)
            guest.send(b'v URLFETCH "' + url + b'"\r\n')
            size = int(re.search(rb"\{(\d+)\}\r\n$", guest.readline()).group(1))
            assert guest.read(size) == want[0]
            assert guest.readline() == b"\r\n" and guest.readline().startswith(b"v OK")
            assert guest.create(name)[0] == "OK"
            assert guest.select("user/alice@example.test/INBOX", readonly=True) == ("OK", [b"2"])
            assert guest.search(None, "TEXT", "header.d=a.example", "BODY", "egret")[1] == [b"1"]
            assert guest.copy("1:*", name)[0] == "OK"
            guest.logout()
            assert fetch_all(g, "bob", name) == want
            assert fetch_all(g) == want
        m.logout()
        g.stop()

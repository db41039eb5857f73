# SPDX-License-Identifier: ISC
"""gwuser export and import: Maildir, mbox and another IMAP server."""
import os
import pty
import re
import subprocess

import pytest
from transfertools import MAIL, PASSWORD, contents, folders, run, total, user, wire

import godwit


@pytest.fixture(scope="module")
def g():
    with godwit.Instance() as g:
        g.start()
        yield g


def make_maildir(path, mails, flags="", at=1700000000, sub="cur"):
    for d in ("cur", "new", "tmp"):
        os.makedirs(f"{path}/{d}", exist_ok=True)
    for n, data in enumerate(mails):
        name = f"{path}/{sub}/{at + n}.M{n}P1.host" + (f":2,{flags}" if sub == "cur" else "")
        with open(name, "wb") as f:
            f.write(data)
        os.utime(name, (at + n, at + n))


def test_maildir(g, tmp_path):
    """Everything that a Maildir says arrives: folders, flags, keywords, dates; twice is once."""
    ann = user(g, "ann")
    make_maildir(tmp_path, MAIL.values(), "Sa")
    make_maildir(tmp_path, [b"Message-ID: <new@x>\n\nnew\n"], sub="new", at=1700005000)
    make_maildir(tmp_path / ".Work.B&APw-ro.a\\2eb", [b"Message-ID: <w@x>\n\nw\n"], "FRTDZ")
    make_maildir(tmp_path / "nested" / "deep", [b"Message-ID: <d@x>\n\nd\n"])
    (tmp_path / "dovecot-keywords").write_text("0 $Forwarded\n1 x\n")
    (tmp_path / "cur" / ".hidden").write_text("no message")
    os.mkfifo(tmp_path / "cur" / "fifo")
    assert total(run(g, "import", ann, str(tmp_path), "-n")) == (14, 0)
    assert folders(g, ann) == {}
    assert total(run(g, "import", ann, str(tmp_path))) == (14, 0)
    got = folders(g, ann)
    inbox = list(got["INBOX"][2].values())
    assert [b for b, _, _ in inbox] == [wire(m) for m in MAIL.values()] + [b"Message-ID: <new@x>\r\n\r\nnew\r\n"]
    assert [f for _, f, _ in inbox] == [{"\\Seen", "$Forwarded"}] * len(MAIL) + [frozenset()]
    assert inbox[0][2] == "14-Nov-2023 22:13:20 +0000" and inbox[1][2] == "14-Nov-2023 22:13:21 +0000"
    work = got["Work/Büro/a.b"][2]
    assert [f for _, f, _ in work.values()] == [{"\\Flagged", "\\Answered", "\\Deleted", "\\Draft"}]
    assert set(got) == {"INBOX", "Work/Büro/a.b", "nested/deep"}
    assert total(run(g, "import", ann, str(tmp_path))) == (0, 14)
    assert folders(g, ann) == got


def test_dovecot_uids(g, tmp_path):
    """UIDs of dovecot-uidlist are kept, gaps and all; what comes later joins."""
    ann = user(g, "ann")
    make_maildir(tmp_path, [b"Message-ID: <%d@x>\n\n\n" % n for n in range(3)])
    base = [f"{1700000000 + n}.M{n}P1.host" for n in range(4)]
    (tmp_path / "dovecot-uidlist").write_text(
        f"3 V1234567 N500 Gabc\n7 :{base[2]}\n12 W5 :{base[0]}\n499 :{base[1]}\nnonsense\n")
    assert total(run(g, "import", ann, str(tmp_path))) == (3, 0)
    validity, following, got = folders(g, ann)["INBOX"]
    assert (validity, following) == (1234567, 500)
    assert {u: m[0][13:14] for u, m in got.items()} == {7: b"2", 12: b"0", 499: b"1"}
    make_maildir(tmp_path, [b"Message-ID: <3@x>\n\n\n"], at=1700000003)
    os.rename(tmp_path / "cur/1700000003.M0P1.host:2,", tmp_path / f"cur/{base[3]}:2,")
    with open(tmp_path / "dovecot-uidlist", "a", encoding="ascii") as f:
        f.write(f"600 :{base[3]}\n")
    assert total(run(g, "import", ann, str(tmp_path))) == (1, 3)
    validity, following, got = folders(g, ann)["INBOX"]
    assert (validity, following, sorted(got)) == (1234567, 601, [7, 12, 499, 600])
    # Another Maildir into the same folder: new UIDs, and a word about it.
    bob = user(g, "bob")
    m = g.imap(bob, PASSWORD)
    m.append("INBOX", None, None, b"Message-ID: <1@x>\r\n\r\n\r\n")
    text = run(g, "import", bob, str(tmp_path))
    assert "these get new UIDs" in text and total(text) == (4, 0)
    assert sorted(folders(g, bob)["INBOX"][2]) == [1, 2, 3, 4, 5]
    carol = user(g, "carol")
    assert total(run(g, "import", carol, str(tmp_path), "--new-uids", "--into", "old/mail")) == (4, 0)
    assert sorted(folders(g, carol)["old/mail/INBOX"][2]) == [1, 2, 3, 4]


def mbox(mails, date="Fri Nov 20 10:00:00 2026"):
    return b"".join(b"From x@y %s\n" % date.encode() + re.sub(rb"(?m)^(>*From )", rb">\1", m) +
                    (b"" if m.endswith(b"\n") else b"\n") + b"\n" for m in mails)


def test_mbox(g, tmp_path):
    ann = user(g, "ann")
    data = mbox([m.replace(b"\r\n", b"\n") for m in MAIL.values()])
    # Dates of many kinds; text that only looks like the line before a message; cut off at the end.
    data += b"From a b Sun Nov 22 1:02 +0200 2026\nStatus: RO\nX-Status: AF\nX-Keywords: $Junk  x (bad)\n" \
        b"X-Status-Not: stays\nX-UID: 7\n folded away\nMessage-ID: <s@x>\n\nFrom nobody\n\nFrom me to you\n\n"
    data += b"From z Sun Nov 22 01:02:03 UTC 2026\nMessage-ID: <cut@x>\nContent-Length: 9999\n\ncut off her"
    path = tmp_path / "box"
    path.write_bytes(data)
    assert total(run(g, "import", ann, str(path), "--into", "old")) == (13, 0)
    got = list(folders(g, ann)["old/INBOX"][2].values())
    assert [b for b, _, _ in got[:-2]] == [wire(m if m.endswith(b"\n") else m + b"\n") for m in MAIL.values()]
    assert got[0][2] == "20-Nov-2026 10:00:00 +0000"
    assert got[-2] == (b"X-Status-Not: stays\r\nMessage-ID: <s@x>\r\n\r\nFrom nobody\r\n\r\nFrom me to you\r\n",
                       {"\\Seen", "\\Answered", "\\Flagged", "$Junk", "x"}, "21-Nov-2026 23:02:00 +0000")
    assert got[-1][0] == b"Message-ID: <cut@x>\r\nContent-Length: 9999\r\n\r\ncut off her"
    assert total(run(g, "import", ann, str(path), "--into", "old")) == (0, 13)
    (tmp_path / "no").write_bytes(b"To: x\n\nno mbox\n")
    assert "no mbox" in run(g, "import", ann, str(tmp_path / "no"), code=65)
    (tmp_path / "empty").write_bytes(b"")
    assert total(run(g, "import", ann, str(tmp_path / "empty"))) == (0, 0)


@pytest.fixture(scope="module")
def full(g):
    """An account with all kinds of mail, flags and folders."""
    ann = user(g, "full")
    m = g.imap(ann, PASSWORD)
    m.enable("IMAP4rev2")
    for folder in ("INBOX", "Work", "Work/2026", "r&s.t"):
        if folder != "INBOX":
            m.create(f'"{folder}"')
        for n, data in enumerate(MAIL.values()):
            flags = ["", r"(\Seen $Forwarded)", r"(\Answered \Flagged \Draft)", "(a b c)"][n % 4]
            assert m.append(f'"{folder}"', flags, f'"{n + 1:2}-Nov-2026 10:00:00 +0000"', wire(data))[0] == "OK"
    m.select("Work")
    m.uid("STORE", "2:3,5", "+FLAGS", r"(\Deleted)")
    m.expunge()
    m.logout()
    return ann


@pytest.mark.parametrize("form", ["maildir", "mbox"])
def test_export(g, full, tmp_path, form):
    """Out and in again: nothing is lost; beginning again does nothing."""
    there = tmp_path / "out"
    n = 4 * len(MAIL) - 3
    assert total(run(g, "export", full, str(there), "--format", form, "-n")) == (n, 0)
    assert not there.exists()
    assert total(run(g, "export", full, str(there), "--format", form)) == (n, 0)
    assert total(run(g, "export", full, str(there), "--format", form)) == (0, n)
    assert not [f for _, _, files in os.walk(there) for f in files if f.endswith((".part", ".tmp"))]
    bob = user(g, "bob")
    assert total(run(g, "import", bob, str(there))) == (n, 0)
    was, now = contents(g, full), contents(g, bob)
    if form == "mbox":      # where a line has no end it gets one
        was = {k: sorted((b if b.endswith(b"\r\n") else b + b"\r\n", f, d) for b, f, d in v) for k, v in was.items()}
        assert was == now
        return
    assert was == now
    assert folders(g, bob) == folders(g, full)     # UIDs too
    # What comes later is added, what was lost is written again.
    victim = sorted(os.listdir(there / "cur"))[0]
    os.unlink(there / "cur" / victim)
    assert total(run(g, "export", full, str(there))) == (1, n - 1)


def pull(g, *args, source, code=0, password=PASSWORD, ca=True):
    return run(g, "import", *args, f"imaps://localhost:{g.port('imaps')}", "--user", source, "--password-stdin",
               *(["--ca", f"{g.etc}/certificate.pem"] if ca else []), code=code, input=password + "\n")


def test_pull(g, full):
    """From an IMAP server: UIDs, UIDVALIDITY, flags, dates, all as there; later only what is new."""
    bob = user(g, "bob")
    n = 4 * len(MAIL) - 3
    assert total(pull(g, bob, source=full)) == (n, 0)
    assert folders(g, bob) == folders(g, full)
    assert total(pull(g, bob, source=full)) == (0, n)
    m = g.imap(full, PASSWORD)
    m.append("Work", r"(\Seen)", None, b"Message-ID: <later@x>\r\n\r\nlater\r\n")
    assert total(pull(g, bob, source=full)) == (1, n)
    assert folders(g, bob) == folders(g, full)
    m.select("Work")
    m.uid("STORE", str(sorted(folders(g, full)["Work"][2])[-1]), "+FLAGS", r"(\Deleted)")
    m.expunge()
    m.logout()
    # By STARTTLS, with new UIDs, into a folder that has some of it: by Message-ID.
    carol = user(g, "carol")
    url = f"imap://{full.replace('@', '%40')}@localhost:{g.port('imap')}/"
    flags = ["--new-uids", "--ca", f"{g.etc}/certificate.pem", "--password-stdin"]
    for want in ((n, 0), (0, n)):
        assert total(run(g, "import", carol, url, *flags, input=PASSWORD + "\n")) == want
    assert contents(g, carol) == contents(g, full)


def test_pull_refused(g, full):
    bob = user(g, "bob")
    assert "Authentication failed" in pull(g, bob, source=full, password="wrong", code=65)
    assert "TLS: " in pull(g, bob, source=full, ca=False, code=75)
    assert "refused" in run(g, "import", bob, "imaps://localhost:1", "--password-stdin", code=75, input="x\n")
    assert "not a place" in run(g, "import", bob, "pop3://localhost", "--password-stdin", code=65, input="x\n")
    assert "no such user" in run(g, "import", "nobody@example.test", "/", code=67)
    assert "No such file" in run(g, "import", bob, "/nowhere", code=66)
    for bad in (["import", bob], ["export", bob, "/", "--format", "x"], ["list", "-n"], ["export", bob, "/", "--old"]):
        run(g, *bad, code=64)
    assert folders(g, bob) == {}


@pytest.mark.parametrize("uids", [True, False])
def test_interrupted(g, tmp_path, uids):
    """It ends in the middle, since there is no room, and goes on when there is: each message once."""
    ann = user(g, "ann")
    mails = [b"Message-ID: <%d@x>\n\n" % (n // 2) + b"x" * 1000 + b"\n" for n in range(40)]    # each twice
    make_maildir(tmp_path, mails)
    for n in range(40):     # the same time for two of them
        path = tmp_path / "cur" / f"{1700000000 + n}.M{n}P1.host:2,"
        os.utime(path, (1700000000 + n // 2,) * 2)
    if uids:
        (tmp_path / "dovecot-uidlist").write_text(
            "3 V77 N200\n" + "".join(f"{100 + n} :{1700000000 + n}.M{n}P1.host\n" for n in range(40)))
    g.tool("gwuser", "quota", ann, "20K", check=True)
    text = run(g, "import", ann, str(tmp_path), code=65)
    done = total(text)[0]
    assert "the server says: " in text and 0 < done < 40
    g.tool("gwuser", "quota", ann, "0", check=True)
    assert total(run(g, "import", ann, str(tmp_path))) == (40 - done, done)
    got = folders(g, ann)["INBOX"]
    assert [m[0] for m in got[2].values()] == [wire(m) for m in mails]
    if uids:
        assert sorted(got[2]) == list(range(100, 140)) and got[0] == 77


def test_large(g, tmp_path):
    """What imapd would refuse is found before anything of the folder is sent."""
    ann = user(g, "ann")
    make_maildir(tmp_path, [b"Message-ID: <1@x>\n\n1\n", b"Message-ID: <2@x>\n\n2\n"])
    with open(tmp_path / "cur/1700000000.M0P1.host:2,", "ab") as f:
        f.truncate(3 << 30)
    assert "append_size_limit" in run(g, "import", ann, str(tmp_path), code=65)
    assert folders(g, ann) == {}
    text = run(g, "import", ann, str(tmp_path), "--skip-large")
    assert total(text) == (1, 0) and "1 too large" in text


def test_depth(g, tmp_path):
    """Folders lie 20 deep in each other, not one more."""
    ann = user(g, "ann")
    path = os.path.join(tmp_path, *("d" * 20))
    make_maildir(path, [b"Message-ID: <1@x>\n\n1\n"])
    assert total(run(g, "import", ann, str(tmp_path))) == (1, 0)
    os.makedirs(f"{path}/e")
    assert "too deep" in run(g, "import", ann, str(tmp_path), code=65)
    with open(tmp_path / "x.mbox", "wb") as f:
        f.write(mbox([b"Message-ID: <2@x>\n\n1\n"]))
    assert "too deep" in run(g, "import", ann, str(tmp_path), code=65)


def test_shared(g, tmp_path):
    """What others share with an account is not its mail."""
    ann, bob = user(g, "ann"), user(g, "bob")
    m = g.imap(ann, PASSWORD)
    m.append("INBOX", None, None, b"Message-ID: <1@x>\r\n\r\n1\r\n")
    assert m.setacl("INBOX", bob, "lr")[0] == "OK"
    m.logout()
    m = g.imap(bob, PASSWORD)
    assert ann.encode() in b"".join(m.list()[1])
    m.logout()
    assert total(run(g, "export", bob, str(tmp_path / "out"))) == (0, 0)


def test_nul(g, tmp_path):
    ann = user(g, "ann")
    make_maildir(tmp_path, [b"Message-ID: <0@x>\n\na\0b\0\0\n"])
    assert "NUL" in run(g, "import", ann, str(tmp_path))
    assert [m[0] for m in folders(g, ann)["INBOX"][2].values()] == [b"Message-ID: <0@x>\r\n\r\na\x80b\x80\x80\r\n"]


def test_sealed_to_a_password(g, tmp_path):
    """Nobody but the owner gets at that mail, the operator least of all; visits are in the log."""
    ann = user(g, "sealed")
    g.tool("gwuser", "sealing", ann, "password", "--password-stdin", input=PASSWORD + "\n", check=True)
    make_maildir(tmp_path / "in", [b"Message-ID: <1@x>\n\n1\n"])
    assert "sealed to its password" in run(g, "import", ann, str(tmp_path / "in"), code=77)
    flags = ["--password", "--password-stdin"]
    assert "failed" in run(g, "import", ann, str(tmp_path / "in"), *flags, code=65, input="wrong\n")
    assert total(run(g, "import", ann, str(tmp_path / "in"), *flags, input=PASSWORD + "\n")) == (1, 0)
    assert total(run(g, "export", ann, str(tmp_path / "out"), *flags, input=PASSWORD + "\n")) == (1, 0)
    assert g.wait_log(r"\]: account action=visit ", user=ann, result='"not permitted"')
    bob = user(g, "bob")
    mark = g.mark()
    run(g, "export", bob, str(tmp_path / "out2"))
    assert g.wait_log(r"\]: account action=visit ", since=mark, user=bob, result="success")
    assert g.wait_log(r"\]: account action=visited ", since=mark, user=bob, result="success")


def test_bar(g, tmp_path):
    """On a terminal there is a bar."""
    ann = user(g, "ann")
    make_maildir(tmp_path, [b"Message-ID: <%d@x>\n\n\n" % n for n in range(20)])
    ours, theirs = pty.openpty()
    with subprocess.Popen([f"{g.bin}/gwuser", "-c", g.etc, "import", ann, str(tmp_path)], stdin=theirs, stdout=theirs,
                          stderr=theirs) as p:
        os.close(theirs)
        said = b""
        while True:
            try:
                more = os.read(ours, 4096)
            except OSError:
                break
            said += more
        assert p.wait(godwit.WAIT_S) == 0, said
    os.close(ours)
    assert re.search(rb"\r\[#*\.+\] \d+/20  .*INBOX", said) and b"20 moved, 0 there already" in said

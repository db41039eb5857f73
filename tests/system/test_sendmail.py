# SPDX-License-Identifier: ISC
"""sendmail, mailq and the drop directory, as cron and scripts use them."""
import glob
import os
import re
import signal
import stat
import subprocess

import pytest
from mailtools import address, fetch_all

import godwit


@pytest.fixture(scope="module")
def g():
    with godwit.Instance() as g:
        g.start()
        for user in ("alice", "bob"):
            g.add_user(address(user), "secret")
        yield g


def sendmail(g, *args, input="", name="sendmail", env=None):
    p = subprocess.run([f"{godwit.BIN}/sendmail", "-C", g.etc, *args], input=input.encode(), capture_output=True,
                       timeout=120, check=False, env=env)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def last(g, user="alice"):
    return fetch_all(g, user)[-1]


def test_plain_message(g):
    assert sendmail(g, "alice", input="Subject: one\n\nline\n.\nnot this\n") == (0, "", "")
    text = last(g)
    login = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    assert re.search(rb"\r\nFrom: .*<%s@example.test>\r\n" % login.encode(), text), text
    assert b"\r\nTo: undisclosed-recipients:;\r\n" in text
    assert b"\r\nMessage-ID: <" in text and b"\r\nDate: " in text
    assert text.endswith(b"\r\n\r\nline\r\n")
    assert re.search(rb"Return-Path: <%s@example.test>" % login.encode(), text)


def test_recipients_of_the_header(g):
    assert sendmail(g, "-t", "-i", "-fbounces@else.example", "-F", "Cron (daily)",
                    input="To: Alice <alice@example.test>,\n bob\nBcc: bob@example.test\nSubject: two\n\n.\nrest\n") \
        == (0, "", "")
    for user in ("alice", "bob"):
        text = last(g, user)
        assert b"Bcc" not in text
        assert b'\r\nFrom: "Cron (daily)" <bounces@else.example>\r\n' in text
        assert text.endswith(b"\r\n\r\n.\r\nrest\r\n")
        assert b"Return-Path: <bounces@else.example>" in text


def test_null_sender_and_own_fields(g):
    assert sendmail(g, "-f", "", "-oi", "-oem", "-t", input="From mbox Fri\nFrom: me@else.example\nDate: today\n"
                    "To: alice@example.test\nReturn-Path: <x@y>\nContent-Length: 5\n\nbody") == (0, "", "")
    text = last(g)
    assert b"Return-Path: <>" in text and text.count(b"Return-Path") == 1
    assert b"Content-Length" not in text and b"From mbox" not in text
    assert b"\r\nDate: today\r\n" in text and text.count(b"\r\nFrom: ") == 1
    assert text.endswith(b"\r\n\r\nbody\r\n")


@pytest.mark.parametrize("args, text, code, words", [
    ((), "x\n", 64, "usage"),
    (("-t",), "Subject: nobody\n\nx\n", 64, "no recipient"),
    (("nobody-here@example.test",), "Subject: x\n\nx\n", 67, "nobody-here@example.test: "),
    (("x" * 65,), "x\n", 65, "not a mail address"),
    (("-N", "sometimes", "alice"), "x\n", 64, "usage"),
    (("-bd",), "", 64, "usage"),
    (("--nonsense",), "", 64, "usage"),
])
def test_refused(g, args, text, code, words):
    status, _, err = sendmail(g, *args, input=text)
    assert status == code, err
    assert words in err


def test_good_recipients_get_it_beside_bad_ones(g):
    before = len(fetch_all(g, "bob"))
    status, _, err = sendmail(g, "nobody-here", "bob", input="Subject: half\n\nx\n")
    assert status == 67 and "nobody-here@example.test" in err
    assert len(fetch_all(g, "bob")) == before + 1


def test_nul_byte_is_told(g):
    status, _, err = sendmail(g, "alice", input="Subject: x\n\na\0b\n")
    assert status == 69 and "NUL" in err


def test_verify(g):
    assert sendmail(g, "-bv", "alice", "bob@example.test")[:2] == \
        (0, "alice... deliverable\nbob@example.test... deliverable\n")
    status, out, _ = sendmail(g, "-bv", "alice", "nobody-here", "a<b")
    assert status == 67
    assert out.startswith("alice... deliverable\nnobody-here... 550 5.1.1 ") and "a<b... not a mail address" in out


def test_smtp_on_standard_input(g):
    status, out, _ = sendmail(g, "-bs", input="EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<alice@example.test>\r\n"
                              "DATA\r\nSubject: bs\r\n\r\nx\r\n.\r\nQUIT\r\n")
    assert status == 0 and "\r\n250 2.0.0 Ok: queued as " in out and out.endswith("221 2.0.0 Bye\r\n")


def test_smtp_without_quit(g):
    status, out, _ = sendmail(g, "-bs", input="HELO x\r\nNOOP\r\n")
    assert status == 0 and out.endswith("\r\n250 2.0.0 Ok\r\n")


def test_mailq(g):
    assert sendmail(g, "-bp") == (0, "Mail queue is empty\n", "")
    p = subprocess.run([f"{godwit.BIN}/sendmail", "-C", g.etc], executable=f"{godwit.BIN}/sendmail",
                       capture_output=True, check=False, timeout=60)
    assert p.returncode == 64
    link = f"{g.root}/mailq"
    os.symlink(f"{godwit.BIN}/sendmail", link)
    p = subprocess.run([link, "-C", g.etc], capture_output=True, text=True, check=False, timeout=60)
    assert (p.returncode, p.stdout) == (0, "Mail queue is empty\n")
    assert sendmail(g, "-q") == (0, "", "")


def dropped(g):
    return [n for n in os.listdir(f"{g.root}/drop") if not n.startswith(".")]


def test_what_comes_while_the_suite_is_down():
    with godwit.Instance() as g:
        g.start()
        g.add_user(address("alice"), "secret")
        os.chmod(g.root, 0o755)     # what root left is handed over as nobody's
        assert stat.S_IMODE(os.stat(f"{g.root}/drop").st_mode) == 0o1733
        g.stop()
        assert sendmail(g, "-f", "alice@example.test", "alice", "nobody-here", input="Subject: late\n\nx\n") \
            == (0, "", "")
        assert sendmail(g, "-t", input="To: alice\nSubject: later\n\ny\n") == (0, "", "")
        ours = dropped(g)
        assert len(ours) == 2
        # things that are no messages
        with open(f"{g.root}/drop/0garbage", "w", encoding="ascii") as f:
            f.write("nonsense\n")
        os.mkfifo(f"{g.root}/drop/0pipe")
        os.symlink("/etc/passwd", f"{g.root}/drop/0link")
        os.link(f"{g.root}/etc/godwit.conf", f"{g.root}/drop/0hard")
        assert len(dropped(g)) == 6
        mark = g.mark()
        g.start()
        g.wait_log("drop file=0garbage", since=mark, result="refused")
        for name in ours:
            g.wait_log(rf"drop file={name} ", since=mark, result="taken")
        texts = fetch_all(g, "alice")
        subjects = [re.search(rb"Subject: (.*)\r", t).group(1) for t in texts]
        assert sorted(subjects) == [b"Mail that could not be sent", b"late", b"later"]
        assert b"nobody-here@example.test" in texts[subjects.index(b"Mail that could not be sent")]
        for name in ("0garbage", "0hard", "0link", "0pipe"):
            g.wait_log(f"drop file={name} ", since=mark, result="refused")
            assert len(glob.glob(f"{g.root}/drop/.refused-{name}-*")) == 1
        assert dropped(g) == []


def put_in_drop(g, name, text, uid):
    path = f"{g.root}/drop/{name}"
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    os.chmod(path, 0o600)
    if os.geteuid() == 0:
        os.chown(path, uid, uid)


def test_one_owner_does_not_keep_the_others_waiting():
    """1400 names that are no mail and 101 messages of one, and a message of another behind them"""
    with godwit.Instance() as g:
        g.start()
        g.add_user(address("alice"), "secret")
        os.chmod(g.root, 0o755)
        g.stop()
        for i in range(1100):
            os.symlink("nowhere", f"{g.root}/drop/.hidden-{i}")
        for i in range(300):    # so few that the log takes all at once
            os.symlink("nowhere", f"{g.root}/drop/0-{i:04}")
        for i in range(101):
            put_in_drop(g, f"1-{i:03}", "no mail\n", 4001)
        put_in_drop(g, "2-last", "godwit-drop 1\nlogin al\nrcpt alice\n\nSubject: behind\n\nx\n", 4002)
        mark = g.mark()
        g.start()
        g.wait_log("drop file=2-last ", since=mark, result="taken")
        g.wait_log("drop file=1-100 ", since=mark, result="refused")    # a round of its own, at once
        assert b"Subject: behind" in last(g)
        lines = [line for line in g.log_text(since=mark).splitlines() if " drop file=" in line]
        assert len(lines) == 300 + 101 + 1     # each is told once
        assert len({re.search(r"file=(\S+)", line).group(1) for line in lines}) == len(lines)
        assert dropped(g) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_any_user_may_drop():
    """who may not list the directory, and so not sync it either"""
    with godwit.Instance() as g:
        g.start()
        g.add_user(address("alice"), "secret")
        os.chmod(g.root, 0o755)
        g.stop()
        p = subprocess.run([f"{godwit.BIN}/sendmail", "-C", g.etc, "-f", "me@else.example", "alice"], user=4001, group=4001,
                           extra_groups=[], input=b"Subject: mine\n\nx\n", capture_output=True, timeout=120, check=False)
        assert (p.returncode, p.stderr) == (0, b"")
        name, = dropped(g)
        st = os.stat(f"{g.root}/drop/{name}")
        assert (st.st_uid, stat.S_IMODE(st.st_mode)) == (4001, 0o600)
        mark = g.mark()
        g.start()
        g.wait_log(f"drop file={name} uid=4001 ", since=mark, result="taken")
        assert b"Subject: mine" in last(g)


def test_what_takes_too_long_is_ended():
    """who stops the sendmail that runs as his keeps nobody waiting for more than MASTER_DROP_RUN_MS"""
    with godwit.Instance() as g:
        g.start()
        g.add_user(address("alice"), "secret")
        os.chmod(g.root, 0o755)
        smtpd = g.pids("smtpd")
        for pid in smtpd:
            os.kill(pid, signal.SIGSTOP)    # now none of them comes to an end
        put_in_drop(g, "1", "godwit-drop 1\nlogin al\nrcpt alice\n\nSubject: 1\n\nx\n", 4001)
        put_in_drop(g, "2", "godwit-drop 1\nlogin al\nrcpt alice\n\nSubject: 2\n\nx\n", 4001)
        mark = g.mark()
        g.advance(60)
        g.control("pids")                   # the round has begun
        g.advance(300)
        g.wait_log("drop file=1 ", since=mark, result="deferred")
        for pid in smtpd:
            os.kill(pid, signal.SIGCONT)
        g.advance(60)
        g.wait_log("drop file=1 ", since=mark, result="taken")
        g.wait_log("drop file=2 ", since=mark, result="taken")


def test_too_large(g, tmp_path):
    with open(tmp_path / "sparse", "wb") as f:
        f.truncate((1 << 30) + 1)
    with open(tmp_path / "sparse", "rb") as f:
        p = subprocess.run([f"{godwit.BIN}/sendmail", "-C", g.etc, "alice"], stdin=f, capture_output=True,
                           timeout=120, check=False)
    assert (p.returncode, p.stderr) == (65, b"sendmail: message too large\n")

# SPDX-License-Identifier: ISC
"""gwuser and keyd: every command and exit code, passwords from a terminal,
changes that outlive kill -9, a certificate that changes, another root key."""
import imaplib
import os
import pty
import ssl
import subprocess
import threading
import time

import pytest
from mailtools import fetch_all, message, send, without_trace

import godwit


@pytest.fixture(scope="module")
def g():
    with godwit.Instance() as g:
        g.start()
        g.add_user("alice@example.test", "secret")
        yield g


def gwuser(g, *args, input=None):
    p = g.tool("gwuser", *args, input=input)
    return p.returncode, p.stdout, p.stderr


def is_refused(command, *args):
    try:
        return command(*args)[0] == "NO"
    except imaplib.IMAP4.error:
        return True


def can_log_in(g, user, password):
    try:
        g.imap(user, password).logout()
        return True
    except imaplib.IMAP4.error:
        return False


def test_open_sessions_end_before_the_answer(g):
    """What a session asks for after gwuser has answered is refused, without exception."""
    g.add_user("dora@example.test", "secret")
    send(g, message("for dora"), "dora")
    for args in (("disable", "dora"), ("enable", "dora"), ("passwd", "dora", "--password-stdin"), ("del", "dora")):
        if args[0] == "enable":
            assert gwuser(g, *args)[0] == 0
            continue
        idle, busy = g.imap("dora", "secret"), g.imap("dora", "secret")
        assert busy.select("INBOX")[0] == "OK" and busy.fetch("1", "(BODY.PEEK[])")[0] == "OK"
        assert busy.fetch("1", "(ENVELOPE)")[0] == busy.fetch("1", "(ENVELOPE)")[0] == "OK"
        s, t = g.smtp("submission"), g.smtp("submission")
        for c in (s, t):
            c.login("dora@example.test", "secret")
        # Sent already, but for its end.
        assert t.mail("dora@example.test")[0] == t.rcpt("alice@example.test")[0] == 250
        assert t.docmd("DATA")[0] == 354
        t.send(message("of dora"))
        assert gwuser(g, *args, input="secret\n" if len(args) > 2 else None) == (0, "", "")
        for what in ("(ENVELOPE)", "(BODY.PEEK[])", "(FLAGS)"):
            assert is_refused(busy.fetch, "1", what)
        if args[0] == "passwd":     # what another session was told is not told to this one
            new = g.imap("dora", "secret")
            assert new.select("INBOX")[0] == new.select("INBOX")[0] == new.select("INBOX")[0] == "OK"
        assert is_refused(idle.select, "INBOX")
        assert s.mail("dora@example.test")[0] in (530, 550)
        t.send(b"\r\n.\r\n")
        assert t.getreply()[0] == 550
        for c in (s, t):
            c.close()
    assert b"of dora" not in b"".join(fetch_all(g, "alice"))


@pytest.mark.parametrize("args, password, code, text", [
    (("add", "alice@example.test", "--password-stdin"), "x\n", 73, "exists already"),
    (("add", "ALICE", "--password-stdin"), "x\n", 73, "exists already"),
    (("add", "bob@else.test", "--password-stdin"), "x\n", 65, "class mailbox"),
    (("add", "b b", "--password-stdin"), "x\n", 65, "not a mail address"),
    (("add", "bob", "--password-stdin"), "\n", 65, "empty"),
    (("add", "bob", "--password-stdin"), "", 65, "no password"),
    (("add", "bob", "--password-stdin"), "x" * 1025 + "\n", 65, "longer than 1024"),
    (("add", "bob", "--password-stdin"), "x\0y\n", 65, "NUL"),
    (("passwd", "nobody", "--password-stdin"), "x\n", 67, "no such user"),
    (("del", "nobody"), None, 67, "no such user"),
    (("disable", "nobody"), None, 67, "no such user"),
    (("alias", "del", "nobody"), None, 67, "no such alias"),
    (("alias", "add", "alice", "bob@else.test"), None, 73, "exists already"),
    (("alias", "add", "info"), None, 64, "usage"),
    (("frobnicate",), None, 64, "usage"),
    ((), None, 64, "usage"),
    (("list", "x"), None, 64, "usage"),
    (("del", "alice", "--password-stdin"), "x\n", 64, "usage"),
])
def test_refused(g, args, password, code, text):
    got, out, err = gwuser(g, *args, input=password)
    assert (got, out) == (code, "") and text in err
    assert [line.split()[0] for line in gwuser(g, "list")[1].splitlines()] == ["alice@example.test"]


def test_life_of_an_account(g):
    assert gwuser(g, "add", "--password-stdin", "Bob@Example.Test", input="one\n") == (0, "", "")
    assert can_log_in(g, "bob", "one") and can_log_in(g, "BOB@example.test", "one")
    session = g.imap("bob", "one")
    assert gwuser(g, "passwd", "bob", "--password-stdin", input="secret\n")[0] == 0
    assert not can_log_in(g, "bob", "one") and can_log_in(g, "bob", "secret")
    send(g, message("for bob"), "bob")
    # The session of the old password opens nothing any more.
    assert is_refused(session.select, "INBOX")
    assert gwuser(g, "disable", "bob")[0] == 0
    assert not can_log_in(g, "bob", "secret")
    assert "bob@example.test escrow disabled " in gwuser(g, "list")[1]
    assert gwuser(g, "enable", "bob")[0] == 0
    assert without_trace(fetch_all(g, "bob")[-1]) == message("for bob")
    assert gwuser(g, "del", "bob")[0] == 0
    assert not can_log_in(g, "bob", "secret")
    # The same name again is another account, without the old one's mail.
    assert gwuser(g, "add", "bob", "--password-stdin", input="secret\n")[0] == 0
    assert fetch_all(g, "bob") == []
    assert gwuser(g, "del", "bob")[0] == 0


def test_aliases(g):
    assert gwuser(g, "alias", "add", "info", "alice")[0] == 0
    assert gwuser(g, "alias", "list")[1] == "info@example.test: alice@example.test\n"
    mark = g.mark()
    send(g, message("for info"), "info")
    line = g.wait_log(r"\]: sent s=\w+ m=", since=mark, to="<alice@example.test>", orig_to="<info@example.test>")
    assert " relay=local " in line and " delays=" in line
    assert without_trace(fetch_all(g)[-1]) == message("for info")
    assert gwuser(g, "alias", "del", "info")[0] == 0
    assert gwuser(g, "alias", "list") == (0, "", "")


def test_password_from_the_terminal(g):
    def ask(*answers):
        pid, fd = pty.fork()
        if pid == 0:
            os.execv(f"{godwit.BIN}/gwuser", ["gwuser", "-c", g.etc, "add", "tty"])
        said = b""
        for answer in answers:
            while not said.rstrip().endswith(b":"):
                said += os.read(fd, 1000)
            os.write(fd, answer)
            said += b"|"
        while True:
            try:
                chunk = os.read(fd, 1000)
            except OSError:
                break
            if not chunk:
                break
            said += chunk
        os.close(fd)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said

    code, said = ask(b"first\n", b"second\n")
    assert code == 65 and b"differ" in said
    code, said = ask(b"typed word\n", b"typed word\n")
    assert code == 0 and b"typed" not in said
    assert can_log_in(g, "tty", "typed word")
    assert gwuser(g, "del", "tty")[0] == 0


def test_acknowledged_accounts_survive_kill(g):
    added, stop = [], threading.Event()

    def add():
        i = 0
        while not stop.is_set():
            i += 1
            if gwuser(g, "add", f"k{i}", "--password-stdin", input="x\n")[0] == 0:
                added.append(f"k{i}@example.test")

    thread = threading.Thread(target=add)
    thread.start()
    try:
        for _ in range(3):
            g.kill("keyd")
            g.wait_ready()
    finally:
        stop.set()
        thread.join()
    have = [line.split()[0] for line in gwuser(g, "list")[1].splitlines()]
    assert added and set(added) <= set(have)
    assert len(set(have)) == len(have)
    for name in have:
        if name != "alice@example.test":
            assert gwuser(g, "del", name)[0] == 0


def test_new_certificate_at_reload(g, tmp_path):
    def name():
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with imaplib.IMAP4_SSL("127.0.0.1", g.port("imaps"), ssl_context=context) as m:
            der = m.sock.getpeercert(True)
        return subprocess.run(["openssl", "x509", "-inform", "der", "-noout", "-subject"], input=der,
                              capture_output=True, check=True).stdout

    before, begin = name(), g.mark()
    for kind, args in (("RSA", ("rsa:2048",)), ("Ed25519", ("ed25519",)),
                       ("P-384", ("ec", "-pkeyopt", "ec_paramgen_curve:P-384"))):
        mark = g.mark()
        subprocess.run(["openssl", "req", "-x509", "-newkey", *args, "-nodes", "-keyout", f"{g.etc}/key.pem", "-out",
                        f"{g.etc}/certificate.pem", "-days", "90", "-subj", f"/CN={kind}.example.test"],
                       check=True, capture_output=True)
        assert g.godwit("reload").returncode == 0
        g.wait_log(rf"action=load .* result={kind}", since=mark)
        until, fresh = time.monotonic() + godwit.WAIT_S, 0
        while fresh < 8:                # keyd pushes it to every process
            fresh = fresh + 1 if kind.encode() in name() else 0
            assert time.monotonic() < until
        assert name() != before
    # A key that does not belong to it: the old pair goes on.
    mark = g.mark()
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", f"{g.etc}/key.pem"], check=True)
    assert g.godwit("reload").returncode == 0
    g.wait_log("does not belong to the certificate", since=mark)
    assert b"P-384" in name()
    # relay, which only is a client, was not sent what it cannot use
    assert "]: violation " not in g.log_text(since=begin)


def test_not_running_and_another_root_key():
    with godwit.Instance() as g:
        assert gwuser(g, "list") == (69, "", "gwuser: godwit is not running\n")
        g.start()
        g.add_user("alice@example.test", "secret")
        g.stop()
        with open(f"{g.etc}/root.key", encoding="ascii") as f:
            right = f.read()
        with open(f"{g.root}/keys/ring", "rb") as f:
            ring = f.read()
        with open(f"{g.etc}/root.key", "w", encoding="ascii") as f:
            f.write("ab" * 32 + "\n")
        g.start(wait=False)
        g.wait_log("another root key")
        g.stop(None)
        with open(f"{g.etc}/root.key", "w", encoding="ascii") as f:
            f.write(right)
        with open(f"{g.root}/keys/ring", "rb") as f:
            assert f.read() == ring
        g.start()
        assert can_log_in(g, "alice", "secret")

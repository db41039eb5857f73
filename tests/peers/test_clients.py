# SPDX-License-Identifier: ISC
"""A real message in and out by the clients that people use."""
import glob
import json
import mailbox
import os
import re
import shutil
import subprocess
import tempfile
import time

import pytest
from mailtools import PASSWORD, fetch_all, imap, without_trace

import godwit

HERE = os.path.dirname(os.path.abspath(__file__))
ALICE, BOB = "alice@example.test", "bob@example.test"
LETTER = (
    "From: Alice Example <alice@example.test>\r\nTo: Bob Example <bob@example.test>\r\n"
    "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= and figures\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\n"
    "Message-ID: <letter-1@example.test>\r\nMIME-Version: 1.0\r\n"
    'Content-Type: multipart/mixed; boundary="=_frontier"\r\n\r\nPreamble.\r\n--=_frontier\r\n'
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    "Liebe Grüße,\r\n.a line with a dot\r\n..\r\n\r\n--=_frontier\r\n"
    'Content-Type: application/octet-stream; name="data.bin"\r\nContent-Transfer-Encoding: base64\r\n'
    'Content-Disposition: attachment; filename="data.bin"\r\n\r\nAAECAwQFBgcICQ==\r\n--=_frontier--\r\n'
).encode()


def need(program):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


@pytest.fixture(scope="module")
def g():
    with godwit.Instance() as g:
        g.start()
        for user in (ALICE, BOB):
            g.add_user(user, PASSWORD)
        yield g


@pytest.fixture
def letter(tmp_path):
    path = tmp_path / "letter.eml"
    path.write_bytes(LETTER)
    return str(path)


def empty(g, user):
    m = imap(g, user)
    if m.select()[1] != [b"0"]:
        m.store("1:*", "+FLAGS", "(\\Deleted)")
        m.expunge()
    m.logout()


def run(*argv, **kw):
    p = subprocess.run(argv, capture_output=True, timeout=60, check=False, **kw)
    assert p.returncode == 0, f"{argv}: {p.stdout!r} {p.stderr!r}"
    return p.stdout


def received(g):
    mails = fetch_all(g, "bob")
    assert len(mails) == 1
    assert mails[0].startswith(b"Return-Path: <alice@example.test>\r\nDelivered-To: bob@example.test\r\nReceived: ")
    assert without_trace(mails[0]) == LETTER
    return mails[0]


def certificate(g):
    """The server's own certificate, as a client that trusts it would keep it."""
    return next(p for p in glob.glob(f"{g.root}/etc/*") if b"BEGIN CERTIFICATE" in open(p, "rb").read())


@pytest.mark.parametrize("url,flags", [("smtp://127.0.0.1:{587}", ["--ssl-reqd"]), ("smtps://127.0.0.1:{465}", [])])
def test_curl(g, letter, url, flags):
    need("curl")
    empty(g, "bob")
    url = url.replace("{587}", str(g.base + 587)).replace("{465}", str(g.base + 465))
    run("curl", "-sSk", *flags, url, "--mail-from", ALICE, "--mail-rcpt", BOB, "-u", f"{ALICE}:{PASSWORD}", "-T", letter)
    whole = received(g)
    out = run("curl", "-sSk", f"imaps://127.0.0.1:{g.base + 993}/INBOX;MAILINDEX=1", "-u", f"{BOB}:{PASSWORD}")
    assert out == whole


@pytest.mark.parametrize("port,flags", [(587, ["--tls"]), (465, ["--tls-on-connect"])])
@pytest.mark.parametrize("method", ["PLAIN", "LOGIN"])
def test_swaks(g, letter, port, flags, method):
    need("swaks")
    empty(g, "bob")
    run("swaks", "--server", "127.0.0.1", "--port", str(g.base + port), *flags, "--auth", method, "--auth-user", ALICE,
        "--auth-password", PASSWORD, "--from", ALICE, "--to", BOB, "--data", f"@{letter}")
    mails = fetch_all(g, "bob")
    assert len(mails) == 1
    # swaks ends the text with one more line end
    assert without_trace(mails[0]).rstrip(b"\r\n") == LETTER.rstrip(b"\r\n")


def test_mbsync(g, letter, tmp_path):
    need("mbsync")
    empty(g, "bob")
    run("curl", "-sSk", f"smtps://127.0.0.1:{g.base + 465}", "--mail-from", ALICE, "--mail-rcpt", BOB, "-u",
        f"{ALICE}:{PASSWORD}", "-T", letter)
    whole = received(g)
    rc = tmp_path / "mbsyncrc"
    rc.write_text(f"""IMAPAccount godwit
Host 127.0.0.1
Port {g.base + 993}
User {BOB}
Pass {PASSWORD}
SSLType IMAPS
CertificateFile {certificate(g)}

IMAPStore far
Account godwit

MaildirStore near
Path {tmp_path}/mail/
Inbox {tmp_path}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Near
Sync All
Expunge Both
""")
    (tmp_path / "mail").mkdir()
    run("mbsync", "-c", str(rc), "-a", env=dict(os.environ, HOME=str(tmp_path)))
    files = glob.glob(f"{tmp_path}/mail/INBOX/*/*")
    assert len(files) == 1
    # mbsync keeps its own id in the copy, and Unix line ends
    lines = [l for l in open(files[0], "rb").read().split(b"\n") if not l.startswith(b"X-TUID")]
    assert b"\r\n".join(lines) == whole
    assert {os.path.basename(d) for d in glob.glob(f"{tmp_path}/mail/*")} >= {"INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"}
    # a flag set here arrives there
    os.rename(files[0], files[0].replace("/new/", "/cur/").split(":2,")[0] + ":2,FS")
    run("mbsync", "-c", str(rc), "-a", env=dict(os.environ, HOME=str(tmp_path)))
    m = imap(g, "bob")
    flags = m.fetch("1", "(FLAGS)")[1][0]
    assert b"\\Seen" in flags and b"\\Flagged" in flags
    m.logout()


def neomutt(g, tmp_path, settings, keys):
    """Once, in a terminal of its own, until the keys have made it quit."""
    rc = tmp_path / "neomuttrc"
    rc.write_text(f"""set imap_user="{BOB}"
set imap_pass="{PASSWORD}"
set spool_file="imaps://127.0.0.1:{g.base + 993}/INBOX"
set folder="imaps://127.0.0.1:{g.base + 993}/"
set ssl_verify_host=no
set certificate_file="{certificate(g)}"
set confirm_append=no
set confirm_create=no
set mbox_type=mbox
set message_cachedir=""
set sleep_time=0
set quit=yes
{settings}
push "{keys}<quit>"
""")
    name = f"godwit-{os.getpid()}"
    env = dict(os.environ, HOME=str(tmp_path), TERM="screen")
    run("tmux", "-L", name, "-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30",
        f"neomutt -n -F {rc}; tmux -L {name} wait-for -S done", env=env)
    try:
        subprocess.run(["tmux", "-L", name, "wait-for", "done"], timeout=40, check=True, env=env)
    except subprocess.TimeoutExpired:
        screen = run("tmux", "-L", name, "capture-pane", "-p", env=env)
        pytest.fail(f"neomutt waits:\n{screen.decode()}")
    finally:
        subprocess.run(["tmux", "-L", name, "kill-server"], check=False, env=env, capture_output=True)


def test_neomutt_qresync(g, tmp_path):
    """It keeps headers, and asks only for what it missed meanwhile."""
    need("neomutt")
    need("tmux")
    empty(g, "bob")
    m = imap(g, "bob")
    for n in range(4):
        m.append("INBOX", None, None, f"Subject: n{n}\r\nMessage-ID: <n{n}@example.test>\r\n\r\nx\r\n".encode())
    cache, out = tmp_path / "cache", tmp_path / "copy.mbox"
    cache.mkdir()
    settings = f'set header_cache="{cache}"\nset imap_condstore=yes\nset imap_qresync=yes'
    neomutt(g, tmp_path, settings, "")
    m.select()
    m.store("2", "+FLAGS", r"(\Deleted)")
    m.store("3", "+FLAGS", r"(\Flagged)")
    m.expunge()
    m.append("INBOX", None, None, b"Subject: n4\r\nMessage-ID: <n4@example.test>\r\n\r\nx\r\n")
    m.logout()
    neomutt(g, tmp_path, settings, f"<tag-pattern>.<enter><tag-prefix><copy-message>{out}<enter>")
    saved = {s["Message-ID"]: s for s in mailbox.mbox(str(out))}
    assert sorted(saved) == [f"<n{n}@example.test>" for n in (0, 2, 3, 4)]
    said = b"".join(open(os.path.join(g.heard, f), "rb").read() for f in os.listdir(g.heard))
    assert re.search(rb"UID FETCH \S+ \(FLAGS\) \(CHANGEDSINCE \d+ VANISHED\)", said)
    assert re.search(rb"\* VANISHED \(EARLIER\) \d+\r\n", said)


def test_neomutt(g, letter, tmp_path):
    need("neomutt")
    need("tmux")
    empty(g, "bob")
    run("curl", "-sSk", f"smtps://127.0.0.1:{g.base + 465}", "--mail-from", ALICE, "--mail-rcpt", BOB, "-u",
        f"{ALICE}:{PASSWORD}", "-T", letter)
    whole = received(g)
    out = tmp_path / "copy.mbox"
    neomutt(g, tmp_path, 'set header_cache=""', f"<copy-message>{out}<enter>")
    saved = list(mailbox.mbox(str(out)))
    assert len(saved) == 1
    # neomutt writes Unix line ends and fields of its own (Status, Lines)
    body = whole.split(b"\r\n\r\n", 1)[1].replace(b"\r\n", b"\n")
    assert body.strip() in out.read_bytes()
    assert saved[0]["Message-ID"] == "<letter-1@example.test>"


def mails_in(maildir):
    """{subject: (flags, file, bytes)}"""
    out = {}
    for path in glob.glob(f"{maildir}/cur/*") + glob.glob(f"{maildir}/new/*"):
        data = open(path, "rb").read()
        out[re.search(rb"(?m)^Subject: (.*)$", data).group(1).decode()] = (path.partition(":2,")[2], path, data)
    return out


def put(g, user, *subjects):
    m = imap(g, user)
    for s in subjects:
        m.append("INBOX", None, None, f"Subject: {s}\r\nMessage-ID: <{s}@example.test>\r\n\r\n{s}\r\n".encode())
    m.logout()


def flags_of(g, user):
    """{subject: flags} in INBOX."""
    m = imap(g, user)
    out = {}
    if m.select()[1] != [b"0"]:
        for head, subject in (p for p in m.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
                              if isinstance(p, tuple)):
            out[subject.decode().split(":", 1)[1].strip()] = set(
                re.search(rb"FLAGS \(([^)]*)\)", head).group(1).decode().split()) - {"\\Recent"}
    m.logout()
    return out


def test_offlineimap(g, tmp_path):
    """Both ways: what came, went, was marked here and there meanwhile."""
    need("offlineimap")
    empty(g, "bob")
    put(g, "bob", "one", "two", "three")
    rc = tmp_path / "rc"
    rc.write_text(f"""[general]
accounts = a
metadata = {tmp_path}/meta
ui = quiet
[Account a]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {tmp_path}/mail
[Repository far]
type = IMAP
remotehost = localhost
remoteport = {g.base + 993}
ssl = yes
sslcacertfile = {g.etc}/certificate.pem
remoteuser = {BOB}
remotepass = {PASSWORD}
""")
    box = tmp_path / "mail" / "INBOX"
    env = dict(os.environ, HOME=str(tmp_path))
    run("offlineimap", "-o", "-c", str(rc), env=env)
    had = mails_in(box)
    assert set(had) == {"one", "two", "three"} and had["one"][2].endswith(b"\n\none\n")
    assert (tmp_path / "mail" / "Sent").is_dir()
    # Here: one is read, two goes, four comes.
    path = had["one"][1]
    os.rename(path, path.replace("/new/", "/cur/").partition(":2,")[0] + ":2,FS")
    os.unlink(had["two"][1])
    (box / "cur" / "1700000000_0.1.host:2,S").write_bytes(b"Subject: four\nMessage-ID: <four@x>\n\nfour\n")
    # There: three is answered, five comes.
    m = imap(g, "bob")
    m.select()
    m.store(m.search(None, "SUBJECT", "three")[1][0].decode(), "+FLAGS", r"(\Answered)")
    m.logout()
    put(g, "bob", "five")
    run("offlineimap", "-o", "-c", str(rc), env=env)
    assert flags_of(g, "bob") == {"one": {"\\Seen", "\\Flagged"}, "three": {"\\Answered"}, "four": {"\\Seen"}, "five": set()}
    had = mails_in(box)
    assert {s: "".join(sorted(h[0])) for s, h in had.items()} == {"one": "FS", "three": "R", "four": "S", "five": ""}


def test_fetchmail(g, tmp_path):
    """It takes what is new, and deletes it there."""
    need("fetchmail")
    empty(g, "bob")
    put(g, "bob", "one", "two")
    rc = tmp_path / "fetchmailrc"
    rc.write_text(f"""set no syslog
poll localhost service {g.base + 993} protocol imap user "{BOB}" password "{PASSWORD}" ssl sslproto "TLS1.2+" sslcertck
    sslcertfile "{g.etc}/certificate.pem" is nobody here mda "cat >>{tmp_path}/got"
""")
    rc.chmod(0o600)
    env = dict(os.environ, HOME=str(tmp_path), FETCHMAILHOME=str(tmp_path))
    run("fetchmail", "-f", str(rc), env=env)
    got = (tmp_path / "got").read_bytes()
    assert re.findall(rb"(?m)^Subject: (.*?)\r?$", got) == [b"one", b"two"]
    assert flags_of(g, "bob") == {}
    p = subprocess.run(["fetchmail", "-f", str(rc)], capture_output=True, timeout=60, check=False, env=env)
    assert p.returncode == 1, p      # nothing new


def test_getmail(g):
    """It leaves all there, and knows the next time what it had."""
    need("getmail")
    empty(g, "bob")
    put(g, "bob", "one", "two")
    home = tempfile.mkdtemp(prefix="godwit-getmail-")
    for d in ("cur", "new", "tmp"):
        os.makedirs(f"{home}/mail/{d}")
    shutil.copy(f"{g.etc}/certificate.pem", home)
    with open(f"{home}/getmailrc", "w", encoding="ascii") as f:
        f.write(f"""[retriever]
type = SimpleIMAPSSLRetriever
server = localhost
port = {g.base + 993}
username = {BOB}
password = {PASSWORD}
ca_certs = {home}/certificate.pem
[destination]
type = Maildir
path = {home}/mail/
[options]
read_all = false
delete = false
""")
    who = {}
    if os.geteuid() == 0:       # it delivers nothing as root
        who = {"user": 65534, "group": 65534, "extra_groups": []}
        for top, dirs, files in os.walk(home):
            for name in (".", *dirs, *files):
                os.chown(os.path.join(top, name), 65534, 65534)
    for new in ({"one", "two"}, {"one", "two", "three"}):
        run("getmail", "-g", home, env=dict(os.environ, HOME=home), **who)
        assert set(mails_in(f"{home}/mail")) == new and len(os.listdir(f"{home}/mail/new")) == len(new)
        put(g, "bob", "three")
    shutil.rmtree(home)


def test_imapflow(g):
    """QRESYNC, LIST with special uses, COPYUID, IDLE, CHANGEDSINCE, as programs for the web use them."""
    p = subprocess.run(["sh", f"{HERE}/imapflow/install.sh"], capture_output=True, text=True, timeout=150, check=False)
    if p.returncode:
        pytest.skip(p.stdout.strip())
    user = "flow@example.test"
    g.add_user(user, PASSWORD)
    seen = json.loads(run("node", f"{HERE}/imapflow/client.js", str(g.base + 993), user, PASSWORD, f"{g.etc}/certificate.pem"))
    size = len("Subject: n1\r\nMessage-ID: <n1@x>\r\nFrom: a@b.example\r\n\r\nbody 1 \u00e4\r\n".encode())

    def mail(uid, *flags):
        return {"uid": uid, "subject": f"n{uid}", "flags": sorted(flags), "type": "text/plain", "size": size}
    assert {"CONDSTORE", "QRESYNC"} <= set(seen["enabled"]) and seen["created"] and seen["quota"]
    assert {tuple(f) for f in seen["folders"]} >= {
        ("INBOX", "\\Inbox"), ("Sent", "\\Sent"), ("Trash", "\\Trash"), ("Work", ""), ("Work/2026", "")}
    assert seen["exists"] == 4 and seen["mails"] == [mail(1), mail(2, "\\Seen"), mail(3), mail(4)]
    assert seen["unseen"] == [1, 3, 4] and seen["download"].startswith("Subject: n3\r\n")
    assert seen["copied"] == [[1, 1], [2, 2]] and seen["moved"] == [[4, 1]]
    assert seen["left"] == [mail(1, "\\Flagged", "$Forwarded"), mail(3, "\\Flagged", "$Forwarded")]
    assert seen["told"] == 3 and seen["changed"] == ["n5"]
    assert [seen["status"][k] for k in ("messages", "unseen", "uidNext")] == [3, 3, 6]


def test_time_from_250_to_exists_is_counted(g):
    """An idle session hears of a message without asking (wake-up, not time)."""
    m = imap(g, "bob")
    m.send(b"i IDLE\r\n")
    assert m.readline().startswith(b"+")
    began = time.monotonic()
    from mailtools import message, send
    send(g, message("wake up"), to="bob")
    line = m.readline()
    while b"EXISTS" not in line:
        line = m.readline()
    assert time.monotonic() - began < 30
    m.send(b"DONE\r\n")
    while not m.readline().startswith(b"i OK"):
        pass
    m.logout()

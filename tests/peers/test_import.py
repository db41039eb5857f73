# SPDX-License-Identifier: ISC
"""gwuser import from what others made: Dovecot (Debian) as an IMAP server, and
Maildirs of mbsync and neomutt."""
import base64
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading

import pytest
from transfertools import MAIL, PASSWORD, contents, folders, run, total, user, wire

import dovecot
import godwit


@pytest.fixture(scope="module")
def g():
    with godwit.Instance() as g:
        g.start()
        yield g


class Door:
    """TLS and a login before Dovecot's imap, which wants its client logged in."""

    def __init__(self, g, there, seen):
        """seen: bytes of messages after which the line is cut; 0: never."""
        self.there, self.seen = there, seen
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(f"{g.etc}/certificate.pem", next(
            f"{g.etc}/{f}" for f in os.listdir(g.etc) if b"PRIVATE KEY" in open(f"{g.etc}/{f}", "rb").read()))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        with self.listener, self.context.wrap_socket(self.listener.accept()[0], server_side=True) as client:
            lines = client.makefile("rb")
            client.sendall(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] who is it?\r\n")
            tag = lines.readline().split(b" ")[0]
            client.sendall(b"+ \r\n")
            assert base64.b64decode(lines.readline()) == b"\0alice\0secret"
            self.there.ok(b"NOOP")
            client.sendall(tag + b" OK [CAPABILITY IMAP4rev1 UIDPLUS] welcome\r\n")
            while line := lines.readline():
                tag, _, command = line.rstrip(b"\r\n").partition(b" ")
                for row in self.there.run([command])[0]:
                    if row.startswith(b"t"):
                        row = tag + b" " + row.partition(b" ")[2]
                    if self.seen and b"BODY[]" in row:
                        self.seen -= len(row)
                        if self.seen <= 0:
                            client.sendall(row[:len(row) // 2])
                            return
                    client.sendall(row)


@pytest.fixture
def source():
    root = tempfile.mkdtemp(prefix="godwit-dovecot-")    # where its own user comes, too
    there = dovecot.Dovecot(root)
    for folder in (b"INBOX", b"Work", b"Work/B&APw-ro"):
        if folder != b"INBOX":
            there.ok(b"CREATE " + folder)
        for n, data in enumerate(MAIL.values()):
            flags = (b"", rb"(\Seen $Forwarded)", rb"(\Answered \Flagged \Draft)", b"(a b)")[n % 4]
            body = wire(data)
            there.ok(b'APPEND %s %s "%2d-Nov-2020 10:00:00 +0200" {%d+}\r\n%s' % (folder, flags or b"()", n + 1, len(body), body))
    there.ok(b"SELECT Work", rb"STORE 2:4 +FLAGS (\Deleted)", b"EXPUNGE", b"CLOSE")
    yield there
    there.close()
    shutil.rmtree(root)


def pull(g, to, there, seen=0, code=0):
    door = Door(g, there, seen)
    p = run(g, "import", to, f"imaps://alice@localhost:{door.port}", "--ca", f"{g.etc}/certificate.pem", "--password-stdin",
            code=code, input="secret\n")
    door.thread.join(godwit.WAIT_S)
    return p


def test_dovecot(g, source):
    """All of it as it is there, UIDs too; the connection is cut in the middle of a message and nothing comes twice."""
    bob = user(g, "bob")
    n = 3 * len(MAIL) - 3
    done = total(pull(g, bob, source, seen=800000, code=75))[0]
    assert 0 < done < n
    assert total(pull(g, bob, source)) == (n - done, done)
    got = folders(g, bob)
    assert set(got) == {"INBOX", "Work", "Work/Büro"}
    for name, folder in (("INBOX", b"INBOX"), ("Work", b"Work"), ("Work/Büro", b"Work/B&APw-ro")):
        validity, following, mails = got[name]
        said = b"".join(source.ok(b"EXAMINE " + folder)[0])
        assert int(re.search(rb"UIDVALIDITY (\d+)", said).group(1)) == validity
        assert int(re.search(rb"UIDNEXT (\d+)", said).group(1)) == following
        there = dovecot.fetched(source.ok(b"UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])")[0])
        assert {int(m[b"UID"]): m[b"BODY[]"] for m in there.values()} == {u: m[0] for u, m in mails.items()}
        assert {int(m[b"UID"]): {f.decode() for f in m[b"FLAGS"]} - {"\\Recent"} for m in there.values()} == \
            {u: set(m[1]) for u, m in mails.items()}
        assert all(m[2].endswith("-Nov-2020 08:00:00 +0000") for m in mails.values())


def test_mbsync_maildir(g, tmp_path):
    """What mbsync keeps of one account becomes another."""
    if subprocess.run(["which", "mbsync"], capture_output=True, check=False).returncode:
        pytest.skip("mbsync is not installed")
    ann, bob = user(g, "ann"), user(g, "bob")
    m = g.imap(ann, PASSWORD)
    m.create("Work/2026")
    for folder in ("INBOX", "Work/2026"):
        for n, data in enumerate(MAIL.values()):
            if data.isascii() and not data.endswith(b"cut o"):     # mbsync wants a header's end
                m.append(folder, (r"(\Seen)", r"(\Flagged)", None)[n % 3], f'"{n + 1:2}-Nov-2026 10:00:00 +0000"', wire(data))
    m.logout()
    (tmp_path / "rc").write_text(f"""IMAPAccount a
Host localhost
Port {g.port("imaps")}
User {ann}
Pass {PASSWORD}
SSLType IMAPS
CertificateFile {g.etc}/certificate.pem

IMAPStore far
Account a

MaildirStore near
Path {tmp_path}/mail/
Inbox {tmp_path}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Near
Sync Pull
CopyArrivalDate yes
""")
    (tmp_path / "mail").mkdir()
    subprocess.run(["mbsync", "-c", str(tmp_path / "rc"), "-a"], check=True, capture_output=True, timeout=60,
                   env=dict(os.environ, HOME=str(tmp_path)))
    run(g, "import", bob, str(tmp_path / "mail"))

    def plain(address):
        """mbsync puts a field of its own on top."""
        return {k: sorted((re.sub(rb"X-TUID: [^\r]*\r\n", b"", b), f, d) for b, f, d in v)
                for k, v in contents(g, address).items()}
    assert plain(bob) == plain(ann) and set(plain(bob)) == {"INBOX", "Work/2026"}

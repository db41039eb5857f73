# SPDX-License-Identifier: ISC
"""gwcmtp read: the mail of an account with sealing = client, opened where the key
is; mail of other accounts as it is; servers that are not to be trusted."""
import base64
import os
import socket
import ssl
import subprocess
import threading

import pytest
from device import Device
from mailtools import fetch_all, message, send, without_trace
from test_brought import Bringer, before
from test_client_sealing import noise

import godwit

USAGE, DATAERR, NOINPUT, UNAVAILABLE, CANTCREAT, TEMPFAIL, PROTOCOL, NOPERM = 64, 65, 66, 69, 73, 75, 76, 77
BOB = "bob@law.test"
PARTS = (b"From: =?utf-8?q?B=C3=A4r?= <x@else.example>\r\nTo: bob@law.test\r\nSubject: =?iso-8859-1?q?Gr=FC=DFe?=\r\n"
         b"Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
         b"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
         b"na=EFve\x1b[2J =1B]0;title=07 text\r\n--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n"
         b"Content-Disposition: attachment; filename*=utf-8''..%2F..%2F%E2%82%AC%0Apic.png\r\n\r\n" +
         base64.encodebytes(bytes(range(256))).replace(b"\n", b"\r\n") +
         b"--b\r\nContent-Type: application/pdf; name=\".hidden\"\r\nContent-Disposition: attachment\r\n\r\none\r\n"
         b"--b\r\nContent-Type: application/pdf; name=\"hidden\"\r\n\r\ntwo\r\n"
         b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninside\r\n--b--\r\n")
SHOWN = ("From: Bär <x@else.example>\nTo: bob@law.test\nDate: Fri, 20 Nov 2026 10:00:00 +0000\nSubject: Grüße\n\n"
         "naïve?[2J ?]0;title? text\n[€pic.png: image/png]\n[hidden: application/pdf]\n[hidden: application/pdf]\n"
         "[part-6.eml: message/rfc822]\n")


@pytest.fixture(scope="module")
def g():
    with godwit.Instance('domain "law.test" { sealing = client }\ncmtpd { processes = 1 }\n') as g:
        g.start()
        g.add_user("alice@example.test", "secret")
        yield g


class Tool:
    def __init__(self, g, folder):
        self.g, self.folder = g, folder
        self.server = f"imaps://localhost:{g.port('imaps')}"

    def run(self, *args, words=(), ca=True):
        where = ["--ca", f"{self.g.etc}/certificate.pem"] if ca else []
        p = subprocess.run([f"{godwit.BIN}/gwcmtp", "-d", f"{self.folder}/pins", "--password-stdin", *where, *args],
                           input="".join(f"{w}\n" for w in words).encode(), capture_output=True, timeout=godwit.WAIT_S,
                           check=False)
        return p.returncode, p.stdout, p.stderr.decode()

    def read(self, *args, address=BOB, words=("key word", "first"), **kw):
        options = [a for a in args if isinstance(a, str)]
        uids = [str(a) for a in args if isinstance(a, int)]
        return self.run("-s", self.server, *options, "read", address, *uids, words=words, **kw)

    def keygen(self, *args, address=BOB):
        code, out, err = self.run(*args, "keygen", address, words=["key word"])
        assert code == 0, err
        path = f"{self.folder}/public"
        with open(path, "wb") as f:
            f.write(out)
        return path


def gwuser(g, *args, input=None):
    p = g.tool("gwuser", *args, input=input)
    assert p.returncode == 0, p.stderr


@pytest.fixture
def tool(g, tmp_path):
    """With a key, and bob's account sealed to it."""
    t = Tool(g, tmp_path)
    gwuser(g, "add", BOB, "--sealing", "client", "--key", t.keygen(), "--password-stdin", input="first\n")
    yield t
    gwuser(g, "del", BOB)


def test_read(g, tool):
    plain = message("hidden heron", "an egret\r\n", to=BOB)
    large = message("large", noise(300000), to=BOB)
    send(g, PARTS, to=BOB)
    send(g, large, to=BOB)
    send(g, plain, to=BOB)
    code, out, err = tool.read()
    assert (code, err) == (0, "")
    rows = [line.split("\t") for line in out.decode().splitlines()]
    assert [[r[0], *r[3:]] for r in rows] == [["1", "opened", "Bär <x@else.example>", "Grüße"],
                                              ["2", "opened", "x@else.example", "large"],
                                              ["3", "opened", "x@else.example", "hidden heron"]]
    assert tool.read(1)[1].decode() == SHOWN
    for uid, data in ((1, PARTS), (2, large), (3, plain)):
        code, out, err = tool.read("--raw", uid)
        assert (code, err) == (0, "") and without_trace(out) == data


def test_newest(g, tool):
    for n in range(4):
        send(g, message(f"number {n}", to=BOB), to=BOB)
    for args, want in ((("-n", "2"), ["3", "4"]), (("-n", "9"), ["1", "2", "3", "4"])):
        p = tool.read(*args)
        assert [line.split("\t")[0] for line in p[1].decode().splitlines()] == want


def test_files(g, tool, tmp_path):
    send(g, PARTS, to=BOB)
    into = f"{tmp_path}/files"
    code, out, err = tool.read("-o", into, 1)
    assert (code, err) == (0, "") and out.decode() == "€pic.png\nhidden\n1-hidden\npart-6.eml\n"
    want = {"€pic.png": bytes(range(256)), "hidden": b"one", "1-hidden": b"two",
            "part-6.eml": b"Subject: inner\r\n\r\ninside"}
    have = {}
    for name in os.listdir(into):
        with open(f"{into}/{name}", "rb") as f:
            have[name] = f.read()
        assert os.stat(f"{into}/{name}").st_mode & 0o777 == 0o600
    assert have == want
    # What lies there stays as it is.
    assert tool.read("-o", into, 1)[1].decode() == \
        "1-€pic.png\n2-hidden\n3-hidden\n1-part-6.eml\n"
    # A hundred names are tried.
    for i in range(4, 99):
        open(f"{into}/{i}-hidden", "x", encoding="ascii").close()
    code, out, err = tool.read("-o", into, 1)
    assert code == CANTCREAT and "99-hidden\n" in out.decode() and "hidden: File exists" in err
    code, _, err = tool.read("-o", f"{into}/hidden", 1)
    assert code == CANTCREAT and "Not a directory" in err


def test_earlier_keys(g, tool, tmp_path):
    """Mail of before opens by the key of before; a copy of the ring without it says so."""
    send(g, message("first", to=BOB), to=BOB)
    gwuser(g, "sealing", BOB, "client", "--key", tool.keygen("--next"))
    send(g, message("second", to=BOB), to=BOB)
    assert [line.split("\t")[3::2] for line in tool.read()[1].decode().splitlines()] == [["opened", "first"], ["opened", "second"]]
    other = Tool(g, tmp_path / "other")
    os.mkdir(other.folder)
    other.keygen()
    assert [line.split("\t")[3::2] for line in other.read()[1].decode().splitlines()] == [["closed", "[...]"]] * 2
    code, out, err = other.read(1)
    assert (code, out) == (NOPERM, b"") and "a key that is not here" in err
    # Without any key it shows as it is served.
    bare = Tool(g, tmp_path / "bare")
    code, out, _ = bare.read("--raw", 1, words=("first",))
    assert code == NOPERM


def test_mail_that_came_sealed(g, tmp_path):
    """By CMTP 2: its trace comes before it."""
    t = Tool(g, tmp_path)
    path = t.keygen()
    gwuser(g, "add", BOB, "--sealing", "client", "--key", path, "--password-stdin", input="first\n")
    with open(path, "rb") as f:
        key = base64.b64decode(f.read())
    text = message("hidden heron", "an egret\r\n", to=BOB)
    g.stop()
    try:
        with Bringer() as b:
            b.add(text, to=BOB, key=key.hex(), generation=1)
            b.bring(g)
            assert t.read("--raw", 1)[:2] == (0, before(BOB) + text)
            g.stop()
    finally:
        g.start()
        gwuser(g, "del", BOB)


def test_other_accounts(g, tmp_path):
    t = Tool(g, tmp_path)
    data = message("plain", "as it is\r\n")
    send(g, data)
    alice = {"address": "alice@example.test", "words": ("secret",)}
    uid = len(fetch_all(g))
    code, out, err = t.read("--raw", uid, **alice)
    assert (code, err) == (0, "") and without_trace(out) == data
    assert t.read(**alice)[1].decode().splitlines()[-1].split("\t")[3:] == ["plain", "x@else.example", "plain"]
    assert t.run("-s", f"imap://localhost:{g.port('imap')}", "read", "alice@example.test", words=("secret",))[0] == 0
    assert t.run("-s", f"imaps://alice%40example.test@localhost:{g.port('imaps')}", "read", "x@y.z", words=("secret",))[0] == 0
    assert t.run("-s", t.server, "-u", "alice@example.test", "read", "x@y.z", words=("secret",))[0] == 0


def test_what_fails(g, tool):
    send(g, message("one", to=BOB), to=BOB)
    for words, code, says in ((("wrong", "first"), NOPERM, "does not open"), (("key word", "wrong"), NOPERM, "login"),
                              (("key word",), DATAERR, "no password"), ((), DATAERR, "no password")):
        got = tool.read(words=words)
        assert got[0] == code and got[1] == b"" and says in got[2], got
    assert tool.read(99)[0] == NOINPUT
    assert tool.read("-m", "No such")[0] == UNAVAILABLE
    for args in (("-s", "localhost", "read", BOB), ("-s", "imaps://", "read", BOB), ("read", BOB), ("-s", tool.server, "read"),
                 ("-s", tool.server, "read", BOB, "0"), ("-s", tool.server, "read", BOB, "x"), ("-s", tool.server, "--raw", "read", BOB),
                 ("-s", tool.server, "-o", "x", "read", BOB), ("-s", tool.server, "-n", "0", "read", BOB),
                 ("-s", tool.server, "-n", "100001", "read", BOB)):
        assert tool.run(*args, words=("key word", "first"))[0] == USAGE, args
    assert tool.run("--ca", f"{tool.folder}/public", "-s", tool.server, "read", BOB, words=("key word", "first"), ca=False)[0] == DATAERR


def test_certificates(g, tool):
    """Not verified: its key is shown, and taken when the user says so; then it is known."""
    name = f"localhost:{g.port('imaps')}@"
    code, out, err = tool.read(ca=False)
    assert code == NOPERM and out == b"" and name in err and "--accept" in err and "not known" in err
    assert not os.path.exists(f"{tool.folder}/pins/keys")
    assert tool.read("--accept", ca=False)[0] == 0
    assert tool.read(ca=False)[0] == 0
    with open(f"{tool.folder}/pins/keys", encoding="ascii") as f:
        line = f.read()
    key = line.split()[1]
    assert line == f"{name} {key}\n" and key in err
    with open(f"{tool.folder}/pins/keys", "w", encoding="ascii") as f:
        f.write(f"{name} {base64.b64encode(bytes(32)).decode()}\n")
    code, _, err = tool.read(ca=False)
    assert code == NOPERM and "another than it was" in err
    # A certificate that is verified needs no such line; nor does another host's name.
    assert tool.read()[0] == 0
    assert tool.run("-s", tool.server.replace("localhost", "127.0.0.2"), "read", BOB, words=("key word", "first"))[0] in (NOPERM, TEMPFAIL)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    f"{folder}/key.pem", "-out", f"{folder}/cert.pem", "-days", "30", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("says, code", [
    ([b"* BYE no\r\n"], UNAVAILABLE),
    ([b"HTTP/1.1 400\r\n"], PROTOCOL),
    ([b"* OK [CAPABILITY IMAP4rev1] hi\r\n", b"G1 NO \x1b[2Jno\r\n"], NOPERM),
    ([b"* OK [CAPABILITY IMAP4rev1] hi\r\n", b"G1 OK [CAPABILITY IMAP4rev1] in\r\n", b"* 4294967295 EXISTS\r\nG2 OK\r\n",
      b"* 1 FETCH (UID 1 RFC822.SIZE 5)\r\n" * 21 + b"G3 OK\r\n"], PROTOCOL),
    ([b"* OK [CAPABILITY IMAP4rev1] hi\r\n", b"G1 OK [CAPABILITY IMAP4rev1] in\r\n", b"* 1 EXISTS\r\nG2 OK\r\n",
      b"* 1 FETCH (UID 1 RFC822.SIZE 5)\r\nG3 OK\r\n", b"* 1 FETCH (BODY[] {201326593}\r\n"], DATAERR),
    ([b"* OK [CAPABILITY IMAP4rev1] hi\r\n", b"G1 OK [CAPABILITY IMAP4rev1] in\r\n", b"* 1 EXISTS\r\nG2 OK\r\n",
      b"* 1 FETCH (UID 1 RFC822.SIZE 5)\r\nG3 OK\r\n", b"* 1 FETCH (BODY[] {5}\r\nab"], TEMPFAIL),
])
def test_hostile_servers(g, certificate, tmp_path, says, code):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{certificate}/cert.pem", f"{certificate}/key.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            with listener.accept()[0] as raw, context.wrap_socket(raw, server_side=True) as s:
                s.settimeout(godwit.WAIT_S)
                for text in says[:-1]:
                    s.sendall(text)
                    s.recv(65536)
                s.sendall(says[-1])
                s.shutdown(socket.SHUT_WR)      # and no reset: what it said is read to its end
                while s.recv(65536):
                    pass
        t = threading.Thread(target=lambda: _quietly(serve), daemon=True)
        t.start()
        tool = Tool(g, tmp_path)
        tool.server = f"imaps://localhost:{listener.getsockname()[1]}"
        got = tool.read("--ca", f"{certificate}/cert.pem", words=("first",), ca=False)
        t.join(godwit.WAIT_S)
    assert got[0] == code and got[2].startswith("gwcmtp: ") and "\x1b" not in got[2], got


def _quietly(fn):
    try:
        fn()
    except OSError:
        pass

# SPDX-License-Identifier: ISC
"""gwcmtp -2: key records of CMTP 2, inside TLS, judged by those seen before."""
import base64
import os
import socket
import ssl
import struct
import subprocess
import threading

import pytest
from cmtp2tools import server_record, sign, signed_bytes
from mailtools import address
from test_gwcmtp_read import certificate

import godwit

USAGE, NOUSER, UNAVAILABLE, TEMPFAIL, PROTOCOL, NOPERM, CONFIG = 64, 67, 69, 75, 76, 77, 78
ALICE = "alice@example.test"


@pytest.fixture(scope="module")
def g():
    with godwit.Instance() as g:
        g.add_config(f'listen "cmtps" {{ service = cmtp  address = {{"127.0.0.1:{g.port("cmtps")}"}}  tls = implicit }}\n'
                     'cmtpd { processes = 1 }\nkeyd { cmtp_key_rate = 1000/s }')
        g.start()
        g.add_user(ALICE, "secret")
        g.add_user(address("carl"), "secret")
        yield g


class Tool:
    def __init__(self, folder, server, ca):
        self.folder, self.server, self.ca = folder, server, ca

    def __call__(self, *args, ca=True):
        where = ["--ca", str(self.ca)] if ca else []
        p = subprocess.run([f"{godwit.BIN}/gwcmtp", "-2", "-d", f"{self.folder}/pins", "-s", self.server, *where, *args],
                           stdin=subprocess.DEVNULL, capture_output=True, timeout=godwit.WAIT_S, check=False)
        return p.returncode, p.stdout.decode(), p.stderr.decode()

    def path(self):
        return f"{self.folder}/pins/records"


def tool_for(g, folder, where):
    return Tool(folder, where.replace("CMTPS", str(g.port("cmtps"))).replace("SMTP", str(g.port("smtp"))),
                f"{g.etc}/certificate.pem")


@pytest.mark.parametrize("where", ["cmtps://localhost:CMTPS", "localhost:SMTP"])
def test_keys(g, tmp_path, where):
    tool = tool_for(g, tmp_path, where)
    code, out, err = tool("key", "alice@EXAMPLE.test")
    assert (code, err) == (0, "")
    rows = [line.split() for line in out.splitlines()]
    assert [(r[0], r[1], r[5]) for r in rows] == [("@example.test", "1", "new"), (ALICE, "1", "new")]
    assert all(len(base64.b64decode(k)) == 32 for r in rows for k in r[3:5])
    assert tool("key", ALICE)[1] == out.replace(" new\n", " same\n")
    assert sorted(tool("list")[1].splitlines()) == sorted(out.replace(" new\n", " known\n").splitlines())
    assert tool("key", "nobody@example.test")[0] == NOUSER
    assert tool("key", "x@elsewhere.test")[0] in (NOUSER, UNAVAILABLE, PROTOCOL)
    assert sorted(tool("list")[1].splitlines()) == sorted(out.replace(" new\n", " known\n").splitlines())


def test_no_way_back(g, tmp_path):
    """Where version 2 was seen nothing goes by version 1, unless the user says so."""
    tool = tool_for(g, tmp_path, "cmtps://localhost:CMTPS")
    where = ["-d", f"{tmp_path}/pins", "-s", f"localhost:{g.port('cmtp')}", "-f", "bob@peer.example", "send"]

    def send(*args, to=ALICE):
        p = subprocess.run([f"{godwit.BIN}/gwcmtp", *args, *where, to], input=b"text", capture_output=True,
                           timeout=godwit.WAIT_S, check=False)
        return p.returncode, p.stderr.decode()
    assert send() == (0, "")
    assert tool("key", ALICE)[0] == 0
    for to in (ALICE, "alice@EXAMPLE.test"):
        code, err = send(to=to)
        assert code == NOPERM and "version 2" in err
    assert send("--accept") == (0, "")
    # A record that has expired says nothing any more.
    with open(tool.path(), encoding="ascii") as f:
        lines = dict(line.split() for line in f)
    pin = bytearray(base64.b64decode(lines["@example.test"]))
    pin[26 + 16:26 + 32] = struct.pack(">QQ", 1, 2)
    with open(tool.path(), "w", encoding="ascii") as f:
        f.write(f"@example.test {base64.b64encode(pin).decode()}\n")
    assert send() == (0, "")


def test_certificates(g, tmp_path):
    tool = tool_for(g, tmp_path, "cmtps://localhost:CMTPS")
    code, out, err = tool("key", ALICE, ca=False)
    assert code == NOPERM and out == "" and "--accept" in err and not os.path.exists(f"{tmp_path}/pins")
    assert tool("--accept", "key", ALICE, ca=False)[0] == 0
    assert tool("key", ALICE, ca=False)[0] == 0


def test_a_chain_breaks(g, tmp_path):
    """Another chain than the known one is taken when the user says so, never by itself."""
    tool = tool_for(g, tmp_path, "cmtps://localhost:CMTPS")
    assert tool("key", address("carl"))[0] == 0
    before = tool("list")[1]
    with open(tool.path(), encoding="ascii") as f:
        lines = dict(line.split() for line in f)
    # As if carl had had another key: his present one does not go on from it.
    pin = bytearray(base64.b64decode(lines[address("carl")]))
    pin[26 + 32] ^= 1
    lines[address("carl")] = base64.b64encode(pin).decode()
    with open(tool.path(), "w", encoding="ascii") as f:
        f.write("".join(f"{n} {v}\n" for n, v in lines.items()))
    code, out, err = tool("key", address("carl"))
    assert code == NOPERM and "--accept" in err and address("carl") not in out
    assert sorted(tool("list")[1].splitlines()) != sorted(before.splitlines())
    assert tool("--accept", "key", address("carl"))[0] == 0
    assert sorted(tool("list")[1].splitlines()) == sorted(before.splitlines())
    # The server's, the same way: nothing is asked of it behind that.
    pin = bytearray(base64.b64decode(lines["@example.test"]))
    pin[26 + 32] ^= 1
    lines["@example.test"] = base64.b64encode(pin).decode()
    with open(tool.path(), "w", encoding="ascii") as f:
        f.write("".join(f"{n} {v}\n" for n, v in lines.items()))
    code, out, err = tool("key", address("carl"))
    assert code == NOPERM and out == "" and "@example.test" in err


def test_bad_input(g, tmp_path):
    tool = tool_for(g, tmp_path, "cmtps://localhost:CMTPS")
    for args in (("key",), ("key", "alice"), ("send", ALICE), ("public", ALICE), ("list", "x")):
        assert tool(*args)[0] == USAGE, args
    for where in ("cmtps://", "cmtps://localhost:0", "localhost:x", "imaps://localhost"):
        assert tool_for(g, tmp_path, where)("key", ALICE)[0] == USAGE, where
    # Not TLS there; TLS where none is expected.
    assert tool_for(g, tmp_path, f"cmtps://localhost:{g.port('cmtp')}")("key", ALICE)[0] in (PROTOCOL, TEMPFAIL)
    os.makedirs(f"{tmp_path}/pins", exist_ok=True)
    for text in ("a@b\n", "a@b AAAA\n", f"a@b {base64.b64encode(bytes(300)).decode()}\n"):
        with open(tool.path(), "w", encoding="ascii") as f:
            f.write(text)
        for args in (("key", ALICE), ("list",)):
            assert tool(*args)[0] == CONFIG, text


# ---- servers that lie

SEED, OTHER = bytes(range(32)), bytes(range(1, 33))


def public(seed):
    der = subprocess.run(["openssl", "pkey", "-inform", "DER", "-pubout", "-outform", "DER"], check=True, capture_output=True,
                         input=bytes.fromhex("302e020100300506032b657004220420") + seed).stdout
    return der[-32:]


def reply(nonce, user, domain, content, seed=SEED):
    return b"\0\0\0\2" + content + sign(seed, signed_bytes(b"key-reply", nonce, user, domain, content))


def honest(nonce, user, domain):
    content = b"\0\1" + server_record(SEED, public(SEED), domain) if user == b"" else b"\1\0"
    return reply(nonce, user, domain, content)


LIES = {
    "an honest one": (honest, NOUSER),
    "another nonce": (lambda n, u, d: reply(bytes(32), u, d, b"\0\1" + server_record(SEED, public(SEED), d)), PROTOCOL),
    "another key": (lambda n, u, d: reply(n, u, d, b"\0\1" + server_record(SEED, public(SEED), d), OTHER), PROTOCOL),
    "another domain": (lambda n, u, d: reply(n, u, d, b"\0\1" + server_record(SEED, public(SEED), b"evil.test")), PROTOCOL),
    "a wrong record": (lambda n, u, d: reply(n, u, d, b"\0\1" + server_record(OTHER, public(SEED), d)), PROTOCOL),
    "no record": (lambda n, u, d: reply(n, u, d, b"\0\0"), PROTOCOL),
    "17 records": (lambda n, u, d: b"\0\0\0\2\0\x11" + bytes(9000), PROTOCOL),
    "version 3": (lambda n, u, d: b"\0\0\0\3\0\0" + bytes(64), PROTOCOL),
    "an unknown status": (lambda n, u, d: reply(n, u, d, b"\4\0"), PROTOCOL),
    "nothing": (lambda n, u, d: b"", TEMPFAIL),
    "half of it": (lambda n, u, d: honest(n, u, d)[:100], TEMPFAIL),
    "a failure": (lambda n, u, d: b"FAILURE" + bytes(64) + b"\0", TEMPFAIL),
    "later": (lambda n, u, d: reply(n, u, d, b"\3\0"), TEMPFAIL),
    "a false none": (lambda n, u, d: honest(n, u, d) if u == b"" else reply(n, u, d, b"\1\0", OTHER), PROTOCOL),
}


@pytest.mark.parametrize("lie", LIES)
def test_servers_that_lie(certificate, tmp_path, lie):
    answer, code = LIES[lie]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{certificate}/cert.pem", f"{certificate}/key.pem")

    def serve():
        with listener.accept()[0] as raw, context.wrap_socket(raw, server_side=True) as s:
            s.settimeout(godwit.WAIT_S)
            f = s.makefile("rb")

            def word():
                text = b""
                while not text.endswith(b"\0"):
                    c = f.read(1)
                    if not c:
                        raise EOFError
                    text += c
                return text[:-1]
            s.sendall(b"Welcome to CMTP version 1\n\0")
            assert word() == b"OHAI"
            s.sendall(b"OHAI 1 2\0")
            while True:
                assert word() == b"KEYREQUEST2"
                user, domain = word(), word()
                nonce, known = f.read(32), struct.unpack(">Q", f.read(8))[0]
                assert known == 0
                said = answer(nonce, user, domain)
                s.sendall(said)
                if len(said) in (0, 100):
                    s.shutdown(socket.SHUT_WR)
                    while s.recv(65536):
                        pass
                    return

    def quietly():
        try:
            serve()
        except (OSError, EOFError, ValueError):
            pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        t = threading.Thread(target=quietly, daemon=True)
        t.start()
        tool = Tool(tmp_path, f"cmtps://localhost:{listener.getsockname()[1]}", f"{certificate}/cert.pem")
        got = tool("key", "alice@liar.test")
        t.join(godwit.WAIT_S)
    assert got[0] == code and got[2].startswith("gwcmtp: "), got
    assert os.path.exists(tool.path()) == (lie in ("an honest one", "a false none"))

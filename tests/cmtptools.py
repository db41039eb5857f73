# SPDX-License-Identifier: ISC
"""A client of CMTP 1, written from the specification byte by byte."""
import ctypes
import os
import re
import struct
import subprocess
import tempfile

from device import library

BANNER = b"Welcome to CMTP version 1\n\0"
# A DER SubjectPublicKeyInfo of Ed25519 up to the key (RFC 8410 s4).
ED25519 = bytes.fromhex("302a300506032b6570032100")


def offer_cmtp(g):
    """The listener of port 25 asks for cmtpd, which needs none of its own."""
    with open(g.conf, encoding="ascii") as f:
        text = f.read()
    text, count = re.subn(r'(listen "[^"]*" \{)(?=[^{]*\{[^}]*:%d")' % g.port("smtp"), r"\1 cmtp = yes ", text)
    assert count == 1
    with open(g.conf, "w", encoding="ascii") as f:
        f.write(text)


class Client:
    """As the first client: it waits for the banner and reads replies by their length."""

    def __init__(self, g, sock=None):
        self.s = sock or g.raw("cmtp")
        if sock is None:
            assert self.read(len(BANNER)) == BANNER

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.s.close()

    def read(self, n):
        data = b""
        while len(data) < n:
            more = self.s.recv(n - len(data))
            assert more, f"closed after {data!r}"
            data += more
        return data

    def read_end(self):
        data = b""
        while more := self.s.recv(4096):
            data += more
        return data

    def say(self, *words):
        self.s.sendall(b"".join(w + b"\0" for w in words))

    def ask_key(self, *words):
        self.say(b"KEYREQUEST", *words)
        return self.key_reply()

    def key_reply(self):
        reply = self.read(102)
        assert reply[:4] == b"\0\0\0\1" and reply[36] == 0 and reply[101] == 0
        return reply[4:36], reply[37:101]

    def status(self, server, word):
        reply = self.read(72)
        assert reply[:7] == word and reply[71] == 0
        assert is_signed(server, word, reply[7:71])

    def failed(self, server):
        self.status(server, b"FAILURE")

    def succeeded(self, server):
        self.status(server, b"SUCCESS")


def is_signed(key, data, sig):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("key", ED25519 + key), ("data", data), ("sig", sig)):
            with open(os.path.join(folder, name), "wb") as f:
                f.write(content)
        done = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key", "-rawin",
                               "-in", "data", "-sigfile", "sig"], cwd=folder, capture_output=True, timeout=20, check=False)
    return done.returncode == 0


def server_key(g):
    with Client(g) as c:
        key, sig = c.ask_key(b"")       # no domain: as the first client asks
        assert is_signed(key, key, sig)
        return key


def mail(to=b"alice@example.test", sender=b"bob@peer.example", body=b"b" * 60, attachments=(), log=b"by client\0", version=1):
    """MAIL as it goes over the wire."""
    def names(text):
        user, _, domain = text.partition(b"@")
        return user + b"\0" + domain + b"\0"
    return b"".join([b"MAIL\0", struct.pack(">IIQQ", version, len(attachments), len(log), len(body)), names(to),
                     names(sender), log, body, *(struct.pack(">Q", len(a)) + a for a in attachments)])


# ---- what is in the boxes

def letter(text=b"text\n", subject=b"hello", reply_to=b"", cc=(), time=1465233024):
    return struct.pack(">I", time) + subject + b"\0" + reply_to + b"\0" + (b"".join(c + b"\0" for c in cc) or b"\0") + b"\0" + text


def seal(key, plain):
    """crypto_box_seal to a key as KEYREQUEST tells it."""
    sodium = library("sodium")
    assert sodium.sodium_init() >= 0
    curve, box = ctypes.create_string_buffer(32), ctypes.create_string_buffer(48 + len(plain))
    assert sodium.crypto_sign_ed25519_pk_to_curve25519(curve, key) == 0
    assert sodium.crypto_box_seal(box, plain, ctypes.c_ulonglong(len(plain)), curve) == 0
    return box.raw

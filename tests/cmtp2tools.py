# SPDX-License-Identifier: ISC
"""A client of CMTP 2, written from man/cmtp.7 byte by byte."""
import hashlib
import os
import struct
import subprocess
import tempfile
import time
from types import SimpleNamespace

from cmtptools import Client, is_signed

# PrivateKeyInfo of Ed25519 up to the seed (RFC 8410 s7).
ED25519_SECRET = bytes.fromhex("302e020100300506032b657004220420")


def signed_bytes(purpose, *fields):
    return b"CMTP2\0" + purpose + b"\0" + b"".join(struct.pack(">I", len(f)) + f for f in fields)


def digest(data):
    return hashlib.blake2b(data, digest_size=32).digest()


def sign(seed, data):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("key", ED25519_SECRET + seed), ("data", data)):
            with open(os.path.join(folder, name), "wb") as f:
                f.write(content)
        return subprocess.run(["openssl", "pkeyutl", "-sign", "-keyform", "DER", "-inkey", "key", "-rawin", "-in", "data"],
                              cwd=folder, capture_output=True, timeout=20, check=True).stdout


def read_record(data):
    """One key record from the front, and what is behind it."""
    fmt, kind, zero, generation, serial, created, expires = struct.unpack(">BBHIQQQ", data[:32])
    assert (fmt, zero) == (1, 0)
    at = 128
    names = []
    for _ in range(2):
        names.append(data[at + 1:at + 1 + data[at]])
        at += 1 + data[at]
    body, own, has = data[:at], data[at:at + 64], data[at + 64]
    at += 65
    previous = data[at:at + 64 * has]
    at += 64 * has
    return SimpleNamespace(kind=kind, generation=generation, serial=serial, created=created, expires=expires,
                           sign=data[32:64], seal=data[64:96], before=data[96:128], domain=names[0], user=names[1],
                           body=body, own=own, previous=previous, server=data[at:at + 64]), data[at + 64:]


def is_verified(record, server):
    return (is_signed(record.sign, signed_bytes(b"key", record.body), record.own)
            and is_signed(server, signed_bytes(b"key-server", record.body, record.own, record.previous), record.server))


class Client2(Client):
    """Inside TLS, after the banner."""

    def __init__(self, g):
        super().__init__(g, g.tls().wrap_socket(g.raw("cmtps"), server_hostname="localhost"))
        assert self.read(27) == b"Welcome to CMTP version 1\n\0"

    def ask_keys(self, user, domain, known=0, by=None):
        """Status and records; the reply is signed by that key, or by the one of the first record."""
        nonce = os.urandom(32)
        self.s.sendall(b"KEYREQUEST2\0" + user + b"\0" + domain + b"\0" + nonce + struct.pack(">Q", known))
        head = self.read(6)
        assert head[:4] == b"\0\0\0\2"
        records = [self.read_record() for _ in range(head[5])]
        raw = b"".join(r.body + r.own + bytes([len(r.previous) // 64]) + r.previous + r.server for r in records)
        sig = self.read(64)
        assert is_signed(by or records[-1].sign, signed_bytes(b"key-reply", nonce, user, domain, head[4:] + raw), sig)
        return head[4], records

    def read_record(self):
        data = self.read(129)                   # to the domain's length
        data += self.read(data[128] + 1)
        data += self.read(data[-1] + 65)        # the user, own, and if there is a previous
        data += self.read(64 + 64 * data[-1])
        record, rest = read_record(data)
        assert rest == b""
        return record

    def send_mail(self, mail):
        self.s.sendall(mail.bytes)

    def answer(self, mail, by):
        head = self.read(9)
        assert head[:4] == b"\0\0\0\2"
        what, (length,) = head[4], struct.unpack(">I", head[5:])
        content = self.read(length)
        assert is_signed(by, signed_bytes(b"mail-reply", mail.digest, bytes([what]), content), self.read(64))
        return what, content


def statuses(content):
    found = []
    while content:
        text, _, rest = content[1:].partition(b"\0")
        found.append((content[0], text.decode()))
        content = rest
    return found


def mail2(seed, to=(b"alice",), sender=b"bob@peer.example", domain=b"example.test", content=bytes(300), serial=1,
          postage=b"", ahead=0):
    """MAIL2 as it goes over the wire, and the digest of what is signed of it."""
    user, _, host = sender.partition(b"@")
    head = struct.pack(">IIQQQ", 2, len(to), int(time.time()) + ahead, serial, len(content))
    names = b"".join(n + b"\0" for n in (user, host, domain, *to))
    over = signed_bytes(b"mail", head + b"\0\0" + names, digest(content))
    return SimpleNamespace(digest=digest(over), bytes=b"MAIL2\0" + head + struct.pack(">H", len(postage)) + names +
                           postage + content + sign(seed, over))

# SPDX-License-Identifier: ISC
"""A mail host that speaks SMTP only to be asked for CMTP 1, written from the
specification byte by byte, with libsodium called directly.

    with cmtp1host.Host() as h:
        h.add_user(b"bob")
        ... route { relay = "[127.0.0.1]:{h.port}"  cmtp1 = yes }
        letter = h.wait_mail(0)
"""
import ctypes
import os
import socket
import struct
import threading
from types import SimpleNamespace

from device import library

WAIT_S = 60


class Key:
    """A pair of Ed25519, and its X25519 form."""

    def __init__(self):
        self.sodium = library("sodium")
        assert self.sodium.sodium_init() >= 0
        public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
        assert self.sodium.crypto_sign_seed_keypair(public, secret, os.urandom(32)) == 0
        self.public, self.secret = public.raw, secret.raw

    def sign(self, data):
        sig = ctypes.create_string_buffer(64)
        assert self.sodium.crypto_sign_detached(sig, None, data, ctypes.c_ulonglong(len(data)), self.secret) == 0
        return sig.raw

    def open(self, box):
        public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(32)
        assert self.sodium.crypto_sign_ed25519_pk_to_curve25519(public, self.public) == 0
        assert self.sodium.crypto_sign_ed25519_sk_to_curve25519(secret, self.secret) == 0
        out = ctypes.create_string_buffer(len(box) - 48)
        assert self.sodium.crypto_box_seal_open(out, box, ctypes.c_ulonglong(len(box)), public, secret) == 0
        return out.raw


def read_letter(text):
    created, rest = struct.unpack(">I", text[:4])[0], text[4:]
    subject, reply_to, rest = rest.split(b"\0", 2)
    copies = []
    while True:
        one, rest = rest.split(b"\0", 1)
        if not one:
            break
        copies.append(one)
    if not copies:
        assert rest[:1] == b"\0"
        rest = rest[1:]
    return SimpleNamespace(created=created, subject=subject, reply_to=reply_to, copies=copies, text=rest)


class _Session(threading.Thread):
    def __init__(self, host, sock):
        super().__init__(daemon=True)
        self.host, self.sock, self.rest = host, sock, b""
        self.start()

    def run(self):
        try:
            self.sock.sendall(b"220 peer ESMTP\r\n")
            while self.command():
                pass
        except (OSError, EOFError):
            pass
        finally:
            self.sock.close()

    def more(self):
        data = self.sock.recv(65536)
        if not data:
            raise EOFError
        self.rest += data

    def read(self, n):
        while len(self.rest) < n:
            self.more()
        data, self.rest = self.rest[:n], self.rest[n:]
        return data

    def word(self, end=b"\0"):
        while end not in self.rest:
            self.more()
        word, self.rest = self.rest.split(end, 1)
        return word

    def command(self):
        while not self.rest:
            self.more()
        if self.rest[:1] == b"\0":
            self.read(1)
            return True
        first = self.read(4)
        if first == b"OHAI":
            assert self.read(1) == b"\0"
            self.sock.sendall(b"OHAI 1\0")
        elif first == b"KEYR":
            assert self.word() == b"EQUEST"
            self.key()
        elif first == b"MAIL" and self.rest[:1] != b" ":
            assert self.read(1) == b"\0"
            self.mail()
        elif first == b"OBAI":
            return False
        else:
            return self.smtp(first + self.word(b"\r\n"))
        return True

    def smtp(self, line):
        self.host.note(line)
        verb = line[:4].upper()
        self.sock.sendall(b"250-peer\r\n250 CMTP 1\r\n" if verb == b"EHLO" else
                          b"221 bye\r\n" if verb == b"QUIT" else b"502 5.5.1 no mail by SMTP here\r\n")
        return verb != b"QUIT"

    def status(self, word):
        self.sock.sendall(word + self.host.key.sign(word) + b"\0")

    def key(self):
        user = self.word()
        key = self.host.users.get(user) if user else self.host.key
        if user:
            assert self.word() == b"there.test"
        if key is None:
            self.status(b"FAILURE")
            return
        self.sock.sendall(b"\0\0\0\1" + key.public + b"\0" + self.host.key.sign(key.public) + b"\0")

    def mail(self):
        version, count, log, body = struct.unpack(">IIQQ", self.read(24))
        assert version == 1
        to_user, to_domain, user, domain = (self.word() for _ in range(4))
        lines = self.read(log).split(b"\0")
        assert lines.pop() == b""
        boxes = [self.read(body)]
        for _ in range(count):
            boxes.append(self.read(struct.unpack(">Q", self.read(8))[0]))
        texts = [self.host.users[to_user].open(b) for b in boxes]
        letter = read_letter(texts[0])
        letter.to, letter.sender, letter.log = to_user + b"@" + to_domain, user + b"@" + domain, lines
        letter.attachments = [tuple(t.split(b"\0", 1)) for t in texts[1:]]
        letter.wire = b"".join(boxes)
        self.host.took(letter)
        self.status(b"SUCCESS")


class Host:
    def __init__(self):
        self.key, self.users = Key(), {}
        self.mails, self.lines, self.changed = [], [], threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        """Nobody waits at the descriptor any more when it is given out again."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(WAIT_S)
        self.listener.close()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.settimeout(WAIT_S)
            _Session(self, sock)

    def add_user(self, name):
        self.users[name] = Key()

    def note(self, line):
        with self.changed:
            self.lines.append(line)

    def took(self, letter):
        with self.changed:
            self.mails.append(letter)
            self.changed.notify_all()

    def wait_mail(self, n):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.mails) > n, WAIT_S)
            return self.mails[n]

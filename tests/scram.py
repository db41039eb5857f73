# SPDX-License-Identifier: ISC
"""SCRAM-SHA-256 as a client (RFC 5802, 7677), with and without channel binding."""
import base64
import hashlib
import hmac
import os
import re


def hash_(data):
    return hashlib.sha256(data).digest()


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def end_point(sock):
    """The binding tls-server-end-point (RFC 5929 s4) of our certificates: SHA-256."""
    return hash_(sock.getpeercert(binary_form=True))


class Client:
    """binding: what the connection says, for -PLUS; flag: the gs2-cbind-flag else."""

    def __init__(self, user, password, binding=None, flag="n"):
        self.user = user
        self.password = password.encode()
        self.binding = binding or b""
        self.header = ("p=tls-server-end-point" if binding is not None else flag) + ",,"
        self.nonce = base64.b64encode(os.urandom(18)).decode()
        name = user.replace("=", "=3D").replace(",", "=2C")
        self.bare = f"n={name},r={self.nonce}"

    def first(self):
        return (self.header + self.bare).encode()

    def final(self, server_first):
        text = server_first.decode()
        nonce, salt, rounds = re.fullmatch(r"r=([^,]+),s=([^,]+),i=(\d+)", text).groups()
        assert nonce.startswith(self.nonce) and len(nonce) > len(self.nonce)
        salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(salt), int(rounds))
        client_key = mac(salted, b"Client Key")
        bound = base64.b64encode(self.header.encode() + self.binding).decode()
        without_proof = f"c={bound},r={nonce}"
        auth = f"{self.bare},{text},{without_proof}".encode()
        signature = mac(hash_(client_key), auth)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        self.expected = mac(mac(salted, b"Server Key"), auth)
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def is_server(self, last):
        return last == b"v=" + base64.b64encode(self.expected)

# SPDX-License-Identifier: ISC
"""The client's side of LOGIN2 and REGISTER2, written from man/cmtp.7 and RFC 9807 with libsodium called directly:
no code of the suite is in it."""
import ctypes
import functools
import hashlib
import hmac
import os
import struct

from cmtp2tools import Client2
from device import library

SODIUM = library("sodium")
assert SODIUM.sodium_init() >= 0
OPRF = b"OPRFV1-\0-ristretto255-SHA512"
GOOD, NO, MAIL_PASSWORD, LATER = 0, 1, 2, 3


class Refused(Exception):
    pass


# ---- the group, and HKDF

def call(name, n, *args):
    out = ctypes.create_string_buffer(n)
    if getattr(SODIUM, name)(out, *args) not in (0, None):
        raise Refused(name)
    return out.raw


def reduce(wide):
    out = ctypes.create_string_buffer(32)
    SODIUM.crypto_core_ristretto255_scalar_reduce(out, wide)    # gives nothing back
    return out.raw


def multiply(scalar, element):
    return call("crypto_scalarmult_ristretto255", 32, scalar, element)


def base(scalar):
    return call("crypto_scalarmult_ristretto255_base", 32, scalar)


def invert(scalar):
    return call("crypto_core_ristretto255_scalar_invert", 32, scalar)


def sha512(data):
    return hashlib.sha512(data).digest()


def mac(key, data):
    return hmac.new(key, data, hashlib.sha512).digest()


def expand(prk, info, n):
    out, t, i = b"", b"", 1
    while len(out) < n:
        t = mac(prk, t + info + bytes([i]))
        out, i = out + t, i + 1
    return out[:n]


def expand_message(message, tag):
    suffix = tag + bytes([len(tag)])
    b0 = sha512(bytes(128) + message + b"\0\x40\0" + suffix)
    return sha512(b0 + b"\1" + suffix)


def key_pair(seed):
    info = b"OPAQUE-DeriveDiffieHellmanKeyPair"
    secret = reduce(expand_message(seed + struct.pack(">H", len(info)) + info + b"\0", b"DeriveKeyPair" + OPRF))
    return secret, base(secret)


# ---- the password

def blind(password):
    scalar = reduce(os.urandom(64))
    point = call("crypto_core_ristretto255_from_hash", 32, expand_message(password, b"HashToGroup-" + OPRF))
    return scalar, multiply(scalar, point)


@functools.lru_cache
def stretch(oprf):
    return call("crypto_pwhash", 32, ctypes.c_ulonglong(32), oprf, ctypes.c_ulonglong(64), bytes(16),
                ctypes.c_ulonglong(3), ctypes.c_size_t(64 << 20), 2)


def randomized(password, scalar, evaluated):
    point = multiply(invert(scalar), evaluated)
    oprf = sha512(struct.pack(">H", len(password)) + password + b"\0\x20" + point + b"Finalize")
    return mac(bytes(64), oprf + stretch(oprf))


def envelope(secret, nonce, server):
    """The client's keys, the tag and the export key."""
    private, public = key_pair(expand(secret, nonce + b"PrivateKey", 32))
    tag = mac(expand(secret, nonce + b"AuthKey", 64), nonce + server + b"\0\x20" + server + b"\0\x20" + public)
    return private, public, tag, expand(secret, nonce + b"ExportKey", 64)


def bundle_seal(export_key, secret):
    key = expand(export_key, b"CMTP2 bundle", 32)
    return b"\1" + call("crypto_aead_chacha20poly1305_ietf_encrypt", len(secret) + 16, None, secret,
                        ctypes.c_ulonglong(len(secret)), None, ctypes.c_ulonglong(0), None, bytes(12), key)


def bundle_open(export_key, bundle):
    assert bundle[:1] == b"\1"
    key = expand(export_key, b"CMTP2 bundle", 32)
    return call("crypto_aead_chacha20poly1305_ietf_decrypt", len(bundle) - 17, None, None, bundle[1:],
                ctypes.c_ulonglong(len(bundle) - 1), None, ctypes.c_ulonglong(0), bytes(12), key)


def derive(secret, label, context):
    label = b"OPAQUE-" + label
    return expand(secret, struct.pack(">HB", 64, len(label)) + label + bytes([len(context)]) + context, 64)


class Login2(Client2):
    """Inside TLS."""

    def answer2(self):
        head = self.read(7)
        assert head[:4] == b"\0\0\0\2", head
        return head[4], self.read(struct.unpack(">H", head[5:])[0])

    def register(self, user, domain, mail_password, password, secret):
        """What RECORD2 is answered with, or REGISTER2 when it is refused."""
        scalar, request = blind(password)
        self.s.sendall(b"REGISTER2\0" + user + b"\0" + domain + b"\0" + mail_password + b"\0" + request)
        status, offer = self.answer2()
        if status != GOOD:
            return status
        assert len(offer) == 64
        key, nonce = randomized(password, scalar, offer[:32]), os.urandom(32)
        _, public, tag, export_key = envelope(key, nonce, offer[32:])
        bundle = bundle_seal(export_key, secret)
        self.s.sendall(b"RECORD2\0" + public + expand(key, b"MaskingKey", 64) + nonce + tag +
                       struct.pack(">H", len(bundle)) + bundle)
        status, rest = self.answer2()
        assert rest == b""
        return status

    def login(self, user, domain, password):
        """The secret that is kept; Refused when the password is not the one."""
        scalar, blinded = blind(password)
        nonce, (share_secret, share) = os.urandom(32), key_pair(os.urandom(32))
        ke1 = blinded + nonce + share
        self.s.sendall(b"LOGIN2\0" + user + b"\0" + domain + b"\0" + ke1)
        status, ke2 = self.answer2()
        if status != GOOD:
            return status, None
        assert len(ke2) == 320
        key = randomized(password, scalar, ke2[:32])
        pad = expand(expand(key, b"MaskingKey", 64), ke2[32:64] + b"CredentialResponsePad", 128)
        plain = bytes(a ^ b for a, b in zip(ke2[64:192], pad))
        server, envelope_nonce, tag = plain[:32], plain[32:64], plain[64:]
        private, public, expected, export_key = envelope(key, envelope_nonce, server)
        if tag != expected:
            raise Refused("the envelope does not open")
        context = b"CMTP2\0LOGIN2\0" + user + b"\0" + domain
        preamble = (b"OPAQUEv1-" + struct.pack(">H", len(context)) + context + b"\0\x20" + public + ke1 + b"\0\x20" +
                    server + ke2[:256])
        prk = mac(bytes(64), multiply(share_secret, ke2[224:256]) + multiply(share_secret, server) +
                  multiply(private, ke2[224:256]))
        handshake = derive(prk, b"HandshakeSecret", sha512(preamble))
        assert mac(derive(handshake, b"ServerMAC", b""), sha512(preamble)) == ke2[256:]
        self.s.sendall(b"PROOF2\0" + mac(derive(handshake, b"ClientMAC", b""), sha512(preamble + ke2[256:])))
        status, bundle = self.answer2()
        return status, bundle_open(export_key, bundle) if status == GOOD else None

#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Write sealed-object.txt: the sealed object, made a second time from its
description (spec CMTP section 7) and not with lib/seal.  Run by hand when the
format gets a new version; needs python3-cryptography, libzstd and liblz4."""
import ctypes
import hashlib
import os
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

CHUNK, FRAME = 16384, 131072
PLAIN, ZSTD, LZ4 = range(3)
zstd, lz4 = ctypes.CDLL("libzstd.so.1"), ctypes.CDLL("liblz4.so.1")
zstd.ZSTD_compress.restype = ctypes.c_size_t


def mac(key, data, n=32):
    return hashlib.blake2b(data, key=key, digest_size=n).digest()


def plain_of(spec):
    kind, n = spec.split()
    n = int(n)
    if kind == "pattern":
        return bytes((i * 7 + i // 251) & 255 for i in range(n))
    line = b"The godwit flies without a stop.\r\n"
    return (line * (n // len(line) + 1))[:n]


def compress(method, data):
    dst = ctypes.create_string_buffer(len(data) + 1024)
    if method == LZ4:
        n = lz4.LZ4_compress_default(data, dst, len(data), len(dst))
        return dst.raw[:n]
    n = zstd.ZSTD_compress(dst, ctypes.c_size_t(len(dst)), data,
                           ctypes.c_size_t(len(data)), 1)
    return dst.raw[:n]


def aead(suite, key):
    return AESGCM(key) if suite == 1 else ChaCha20Poly1305(key)


def seal(suite, key, plain, method, entries=()):
    fixed = b"GWSO" + bytes([1, suite, method, 0]) + struct.pack(">Q", len(plain))
    commitment = mac(mac(key, b"GWSO commitment"), fixed)
    head = fixed + commitment + struct.pack(">H", len(entries))
    for algorithm, generation, key_id, wrapped in entries:
        head += bytes([algorithm, generation]) + key_id + struct.pack(">H", len(wrapped)) + wrapped
    stream, tail = plain, b""
    if method != PLAIN:
        frames = [compress(method, plain[i:i + FRAME]) for i in range(0, len(plain), FRAME)]
        stream = b"".join(frames)
        table = b"".join(struct.pack(">I", len(f)) for f in frames)
        sealed = aead(suite, mac(key, b"GWSO frame table")).encrypt(bytes(12), table, fixed)
        tail = sealed + struct.pack(">I", len(sealed))
    body = aead(suite, mac(key, b"GWSO body"))
    out = head
    for i in range(len(stream) // CHUNK + 1):
        last = i == len(stream) // CHUNK
        nonce = bytes(4) + struct.pack(">Q", i << 8 | last)
        out += body.encrypt(nonce, stream[i * CHUNK:(i + 1) * CHUNK], fixed)
    return out + tail, commitment


def main():
    key = bytes(range(1, 33))
    lines = ["# Written by sealed-object.py; keys and objects in hex.", ""]
    entries = [(1, 3, b"8 bytes.", bytes(80)), (1, 4, b"another.", b"\x11" * 80)]
    cases = [("empty", 1, "pattern 0", PLAIN, ()), ("short", 1, "text 11", PLAIN, ()),
             ("chacha", 2, "text 100", PLAIN, ()), ("entries", 1, "text 40", PLAIN, entries),
             ("one full chunk", 1, "pattern 16384", PLAIN, ()),
             ("a chunk and a byte", 1, "pattern 16385", PLAIN, ()),
             ("zstd", 1, "text 4096", ZSTD, ()), ("zstd chacha", 2, "text 5000", ZSTD, ()),
             ("zstd frames", 1, "text 300000", ZSTD, ()),
             ("lz4", 1, "text 4096", LZ4, ()), ("lz4 frames", 2, "text 200000", LZ4, ())]
    for name, suite, spec, method, ent in cases:
        obj, commitment = seal(suite, key, plain_of(spec), method, ent)
        lines += [f"object {name}", f"suite {suite}", f"method {method}", f"plain {spec}",
                  f"key {key.hex()}", f"commitment {commitment.hex()}", f"length {len(obj)}",
                  f"blake2b {hashlib.blake2b(obj, digest_size=32).hexdigest()}"]
        if len(obj) < 1500:
            lines.append(f"bytes {obj.hex()}")
        lines.append("")

    epoch_key, nonce = bytes(range(100, 132)), bytes(range(12))
    commitment = bytes(range(200, 232))
    ad = b"\x02" + struct.pack("<QQI", 7, 9, 1) + commitment
    lines += ["wrap", f"content {key.hex()}", f"epoch {epoch_key.hex()}", f"commitment {commitment.hex()}",
              f"bytes {(nonce + AESGCM(epoch_key).encrypt(nonce, key, ad)).hex()}", ""]
    ad = b"\x01" + struct.pack("<QQI", 7, 5, 1)
    lines += ["epoch", f"key {epoch_key.hex()}", f"account {key.hex()}",
              f"bytes {(nonce + AESGCM(key).encrypt(nonce, epoch_key, ad)).hex()}", ""]
    sub = mac(key, b"GWSO summary\x01")
    lines += ["summary", f"key {key.hex()}", "plain preview",
              f"bytes {(bytes([1]) + nonce + AESGCM(sub).encrypt(nonce, b'preview', bytes([1]))).hex()}", ""]
    body = bytes([1, 2, 0, 0]) + struct.pack("<IQQQQ", 77, 12, 1000, 2000, 3)
    lines += ["token", f"key {key.hex()}", f"bytes {(body + mac(key, body, 24)).hex()}", ""]
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sealed-object.txt")
    with open(path, "w", encoding="ascii") as f:
        f.write("\n".join(lines).rstrip("\n") + "\n")


main()

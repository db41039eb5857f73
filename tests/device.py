# SPDX-License-Identifier: ISC
"""A device of an owner with sealing = client: makes the key, opens what IMAP
serves.  Written from godwit-sealed(7) and section 7 of the CMTP specification,
with libsodium, OpenSSL, zstd and LZ4 called directly: no code of the suite is in it."""
import base64
import ctypes
import ctypes.util
import email
import hashlib
import re


def library(name):
    return ctypes.CDLL(ctypes.util.find_library(name))


class CannotOpen(Exception):
    pass


class Device:
    def __init__(self):
        self.sodium = library("sodium")
        assert self.sodium.sodium_init() >= 0
        public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(32)
        assert self.sodium.crypto_box_keypair(public, secret) == 0
        self.public, self.secret = public.raw, secret.raw

    def base64(self):
        return base64.b64encode(self.public).decode()

    def pem(self):
        """As "openssl pkey -pubout" writes it (RFC 8410)."""
        der = bytes.fromhex("302a300506032b656e032100") + self.public
        return f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(der).decode()}\n-----END PUBLIC KEY-----\n"

    # ---- primitives

    def unbox(self, sealed, secret):
        public, out = ctypes.create_string_buffer(32), ctypes.create_string_buffer(len(sealed) - 48)
        assert self.sodium.crypto_scalarmult_base(public, secret) == 0
        if self.sodium.crypto_box_seal_open(out, sealed, ctypes.c_ulonglong(len(sealed)), public, secret) != 0:
            raise CannotOpen("box")
        return out.raw

    @staticmethod
    def gcm(key, nonce, sealed, ad):
        c = library("crypto")
        c.EVP_CIPHER_CTX_new.restype = c.EVP_aes_256_gcm.restype = ctypes.c_void_p
        ctx, n = ctypes.c_void_p(c.EVP_CIPHER_CTX_new()), ctypes.c_int()
        text, tag = sealed[:-16], sealed[-16:]
        out = ctypes.create_string_buffer(len(text) + 16)
        ok = (c.EVP_DecryptInit_ex(ctx, ctypes.c_void_p(c.EVP_aes_256_gcm()), None, key, nonce) == 1 and
              c.EVP_DecryptUpdate(ctx, None, ctypes.byref(n), ad, len(ad)) == 1 and
              c.EVP_DecryptUpdate(ctx, out, ctypes.byref(n), text, len(text)) == 1 and
              c.EVP_CIPHER_CTX_ctrl(ctx, 0x11, 16, ctypes.c_char_p(tag)) == 1 and
              c.EVP_DecryptFinal_ex(ctx, ctypes.create_string_buffer(16), ctypes.byref(n)) == 1)
        c.EVP_CIPHER_CTX_free(ctx)
        if not ok:
            raise CannotOpen("gcm")
        return out.raw[:len(text)]

    @staticmethod
    def mac(key, text):
        return hashlib.blake2b(text, key=key, digest_size=32).digest()

    # ---- keys, then the object

    def keys(self, part):
        f = {}
        for line in part.splitlines():
            name, _, value = line.partition(": ")
            f[name] = f.get(name, "") + value if name == "Trace" else value
        assert f["Version"] == "1"
        return f

    def carried(self, seed, carry):
        mask = self.mac(seed, b"CMTP2 content key" + carry[:16])
        return bytes(a ^ b for a, b in zip(carry[16:], mask))

    def content_key(self, f):
        """From the first part's lines."""
        def number(name, size):
            return int(f[name]).to_bytes(size, "little")

        def bits(name):
            return base64.b64decode(f[name], validate=True)

        secret = self.unbox(bits("Account-Key-Sealed"), self.secret) if "Account-Key-Sealed" in f else self.secret
        if "Epoch-Key-Sealed" in f:
            epoch = self.unbox(bits("Epoch-Key-Sealed"), secret)
        else:
            w = bits("Epoch-Key-Wrapped")
            epoch = self.gcm(self.mac(secret, b"godwit epoch wrap"), w[:12], w[12:],
                             b"\1" + number("Account", 8) + number("Epoch", 8) +
                             number("Epoch-Generation" if "Epoch-Generation" in f else "Generation", 4))
        if "Content-Key" not in f:      # it came sealed
            return epoch, bits("Commitment")
        w = bits("Content-Key")
        if len(w) == 64:                # the same, under a seed of its sender
            return self.carried(epoch, w[16:]), bits("Commitment")
        return self.gcm(epoch, w[:12], w[12:], b"\2" + number("Account", 8) + number("Content", 8) +
                        number("Generation", 4) + bits("Commitment")), bits("Commitment")

    def open_object(self, data, key, commitment):
        assert data[:4] == b"GWSO" and data[4:6] == b"\1\1" and data[7:8] == b"\0"
        fixed, method, length = data[:16], data[6], int.from_bytes(data[8:16], "big")
        if data[16:48] != commitment or self.mac(self.mac(key, b"GWSO commitment"), fixed) != commitment:
            raise CannotOpen("commitment")
        assert data[48:50] == b"\0\0", "no entries at rest"
        return self.open_chunks(data[50:], key, fixed, length, method)

    def open_chunks(self, chunks, key, fixed, length, method):
        sub = self.mac(key, b"GWSO body")
        if method == 0:
            lengths = []
        else:
            end = -4 - int.from_bytes(chunks[-4:], "big")
            table = self.gcm(self.mac(key, b"GWSO frame table"), bytes(12), chunks[end:-4], fixed)
            lengths = [int.from_bytes(table[i:i + 4], "big") for i in range(0, len(table), 4)]
            chunks = chunks[:end]
        text, step = b"", 16384 + 16
        for number, off in enumerate(range(0, len(chunks), step)):
            last = off + step > len(chunks)
            nonce = bytes(4) + (number << 8 | last).to_bytes(8, "big")
            text += self.gcm(sub, nonce, chunks[off:off + step], fixed)
        return self.inflate(text, length, lengths, method) if lengths else text

    @staticmethod
    def inflate(text, length, lengths, method):
        """Frame by frame, of 128 KiB of the text each."""
        z, plain, at = library("zstd" if method == 1 else "lz4"), b"", 0
        for n in lengths:
            want = min(length - len(plain), 131072)
            out = ctypes.create_string_buffer(want)
            if method == 1:
                z.ZSTD_decompress.restype = ctypes.c_size_t
                got = z.ZSTD_decompress(out, ctypes.c_size_t(want), text[at:at + n], ctypes.c_size_t(n))
            else:
                got = z.LZ4_decompress_safe(text[at:at + n], out, n, want)
            assert got == want, got
            plain, at = plain + out.raw[:want], at + n
        assert at == len(text) and len(plain) == length
        return plain

    def open(self, message):
        """The message that is sealed in what IMAP served."""
        m = email.message_from_bytes(message)
        assert m.get_content_type() == "multipart/encrypted"
        assert m.get_param("protocol") == "application/vnd.godwit.sealed-keys"
        keys, data = m.get_payload()
        assert keys.get_content_type() == m.get_param("protocol")
        assert data.get_content_type() == "application/octet-stream"
        key, commitment = self.content_key(self.keys(keys.get_payload()))
        return self.open_object(data.get_payload(decode=True), key, commitment)

    def trace(self, message):
        """The lines that belong before one that came sealed: an object with one entry."""
        keys, _ = email.message_from_bytes(message).get_payload()
        f = self.keys(keys.get_payload())
        data = b"".join(base64.b64decode(piece, validate=True) for piece in re.findall(".{1,960}", f["Trace"]))
        assert data[:8] == b"GWSO\1\1\0\0" and data[48:50] == b"\0\1"
        algorithm, n = data[50], int.from_bytes(data[60:62], "big")
        assert (algorithm, n) in ((1, 80), (2, 128))
        assert data[52:60] == hashlib.blake2b(self.public, digest_size=32).digest()[:8]
        key = self.unbox(data[62:142], self.secret)
        if algorithm == 2:
            key = self.carried(key, data[142:190])
        if self.mac(self.mac(key, b"GWSO commitment"), data[:16]) != data[16:48]:
            raise CannotOpen("commitment")
        return self.open_chunks(data[62 + n:], key, data[:16], int.from_bytes(data[8:16], "big"), False)

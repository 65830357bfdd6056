"""AES-GCM out of libcrypto, which is there where the program is; Python's own library has none."""

import ctypes
import os

LIBRARY = ctypes.CDLL("libcrypto.so.3")
for name in ("EVP_CIPHER_CTX_new", "EVP_aes_128_gcm", "EVP_aes_192_gcm", "EVP_aes_256_gcm"):
    getattr(LIBRARY, name).restype = ctypes.c_void_p
SET_TAG, GET_TAG, TAG, NONCE = 0x11, 0x10, 16, 12


class Context:
    """One message under one key, in either direction."""

    def __init__(self, key, nonce, aad, encrypts):
        self.handle = ctypes.c_void_p(LIBRARY.EVP_CIPHER_CTX_new())
        cipher = getattr(LIBRARY, f"EVP_aes_{8 * len(key)}_gcm")()
        self.size = ctypes.c_int()
        self.must(LIBRARY.EVP_CipherInit_ex(self.handle, ctypes.c_void_p(cipher), None, key, nonce,
                                            int(encrypts)))
        if aad:
            self.must(LIBRARY.EVP_CipherUpdate(self.handle, None, ctypes.byref(self.size), aad,
                                               len(aad)))

    @staticmethod
    def must(done):
        if done != 1:
            raise ValueError("no key opens it")

    def update(self, data):
        out = ctypes.create_string_buffer(len(data) + TAG)
        self.must(LIBRARY.EVP_CipherUpdate(self.handle, out, ctypes.byref(self.size), data,
                                           len(data)))
        return out.raw[:self.size.value]

    def tag(self, which, value):
        buffer = ctypes.create_string_buffer(value, TAG)
        self.must(LIBRARY.EVP_CIPHER_CTX_ctrl(self.handle, which, TAG, buffer))
        return buffer.raw

    def final(self):
        rest = ctypes.create_string_buffer(TAG)
        self.must(LIBRARY.EVP_CipherFinal_ex(self.handle, rest, ctypes.byref(self.size)))

    def free(self):
        LIBRARY.EVP_CIPHER_CTX_free(self.handle)


def encrypt(plain, key, aad=b"", version=1):
    """`[version][nonce][ciphertext][tag]`; version 0 pads to 16 first."""
    if version == 0:
        short = 16 - len(plain) % 16
        plain += bytes([short]) * short
    nonce = os.urandom(NONCE)
    context = Context(key, nonce, aad, True)
    try:
        sealed = context.update(plain)
        context.final()
        return bytes([version]) + nonce + sealed + context.tag(GET_TAG, b"\0" * TAG)
    finally:
        context.free()


def decrypt(sealed, keys, aad=b""):
    """By the first of the keys that opens it."""
    for key in keys:
        context = Context(key, sealed[1:1 + NONCE], aad, False)
        try:
            plain = context.update(sealed[1 + NONCE:-TAG])
            context.tag(SET_TAG, sealed[-TAG:])
            context.final()
        except ValueError:
            continue
        finally:
            context.free()
        return plain if sealed[0] == 1 else plain[:-plain[-1]]
    raise ValueError("no key opens it")

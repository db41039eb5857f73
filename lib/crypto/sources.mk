# SPDX-License-Identifier: ISC
crypto_SRCS = lib/crypto/cry.c lib/crypto/cry_box.c lib/crypto/cry_hasher.c lib/crypto/cry_sha2.c lib/crypto/cry_sha512.c lib/crypto/cry_group.c lib/crypto/cry_sign.c lib/crypto/cry_ed.c lib/crypto/xzibit.c lib/crypto/token.c lib/crypto/grant.c lib/crypto/pass.c lib/crypto/stamp.c lib/crypto/secret_arena.c lib/crypto/cert_make.c
crypto_EXT = $(SODIUM_LIBS) $(CRYPTO_LIBS)
LIBS += crypto

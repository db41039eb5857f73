# SPDX-License-Identifier: ISC
UNITS += crypto_cry_test crypto_token_test
crypto_cry_test_SRCS = tests/unit/crypto/cry_test.c
crypto_cry_test_USES = crypto base
crypto_token_test_SRCS = tests/unit/crypto/token_test.c
crypto_token_test_USES = crypto base
UNITS += cry_box_test
cry_box_test_SRCS = tests/unit/crypto/cry_box_test.c
cry_box_test_USES = crypto base

UNITS += crypto_cry_sign_test
crypto_cry_sign_test_SRCS = tests/unit/crypto/cry_sign_test.c
crypto_cry_sign_test_USES = crypto sys base

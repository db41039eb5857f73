# SPDX-License-Identifier: ISC
UNITS += cmtp_vectors_test cmtp_parser_test cmtp_key_test
cmtp_vectors_test_SRCS = tests/unit/cmtp/cmtp_vectors_test.c tests/unit/cmtp/vectors.c
cmtp_vectors_test_USES = cmtp crypto base
cmtp_parser_test_SRCS = tests/unit/cmtp/cmtp_parser_test.c
cmtp_parser_test_USES = cmtp crypto base
cmtp_key_test_SRCS = tests/unit/cmtp/cmtp_key_test.c tests/unit/cmtp/vectors.c
cmtp_key_test_USES = cmtp crypto base
UNITS += cmtp2_vectors_test cmtp2_test
cmtp2_vectors_test_SRCS = tests/unit/cmtp/cmtp2_vectors_test.c tests/unit/cmtp/vectors.c
cmtp2_vectors_test_USES = cmtp seal crypto base
cmtp2_test_SRCS = tests/unit/cmtp/cmtp2_test.c
cmtp2_test_USES = cmtp crypto base
UNITS += cmtp_pin_test
cmtp_pin_test_SRCS = tests/unit/cmtp/cmtp_pin_test.c
cmtp_pin_test_USES = cmtp crypto base

# SPDX-License-Identifier: ISC
UNITS += db_test
db_test_SRCS = tests/unit/db/db_test.c
db_test_USES = db base

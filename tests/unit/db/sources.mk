# SPDX-License-Identifier: ISC
UNITS += db_test
db_test_SRCS = tests/unit/db/db_test.c
db_test_USES = db base
UNITS += db_salvage_test
LONG_UNITS += db_salvage_test
db_salvage_test_SRCS = tests/unit/db/db_salvage_test.c
db_salvage_test_USES = db base

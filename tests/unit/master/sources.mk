# SPDX-License-Identifier: ISC
UNITS += master_drop_test
master_drop_test_SRCS = tests/unit/master/master_drop_test.c master/master_drop_scan.c master/master_drop_share.c
master_drop_test_USES = sys base

# SPDX-License-Identifier: ISC
UNITS += imap_reader_test
imap_reader_test_SRCS = tests/unit/imap/imap_reader_test.c
imap_reader_test_USES = imap mail base

# SPDX-License-Identifier: ISC
UNITS += transfer_mbox_lines_test transfer_mail_name_test
transfer_mbox_lines_test_SRCS = tests/unit/transfer/mbox_lines_test.c $(transfer_PURE)
transfer_mbox_lines_test_USES = imap mail base
transfer_mail_name_test_SRCS = tests/unit/transfer/mail_name_test.c $(transfer_PURE)
transfer_mail_name_test_USES = imap mail base

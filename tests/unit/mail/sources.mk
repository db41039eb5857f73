# SPDX-License-Identifier: ISC
UNITS += mail_addr_test
mail_addr_test_SRCS = tests/unit/mail/addr_test.c
mail_addr_test_USES = mail base

UNITS += mail_hdr_test
mail_hdr_test_SRCS = tests/unit/mail/hdr_test.c
mail_hdr_test_USES = mail base
UNITS += mail_mime_test mail_summary_test
mail_mime_test_SRCS = tests/unit/mail/mime_test.c
mail_mime_test_USES = mail base
mail_summary_test_SRCS = tests/unit/mail/summary_test.c
mail_summary_test_USES = mail base
UNITS += mail_mime_put_test
mail_mime_put_test_SRCS = tests/unit/mail/mime_put_test.c
mail_mime_put_test_USES = mail base
UNITS += mail_dsn_template_test
mail_dsn_template_test_SRCS = tests/unit/mail/dsn_template_test.c
mail_dsn_template_test_USES = mail base
UNITS += mail_imap_url_test
mail_imap_url_test_SRCS = tests/unit/mail/imap_url_test.c
mail_imap_url_test_USES = mail base
UNITS += mail_acl_identifier_test
mail_acl_identifier_test_SRCS = tests/unit/mail/acl_identifier_test.c
mail_acl_identifier_test_USES = mail base
UNITS += mail_imap_structure_test
mail_imap_structure_test_SRCS = tests/unit/mail/imap_structure_test.c
mail_imap_structure_test_USES = mail base

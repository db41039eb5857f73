# SPDX-License-Identifier: ISC
UNITS += smtp_smtp_client_test smtp_smtp_reply_parser_test smtp_smtp_body_test smtp_sasl_client_test smtp_smtp_caps_test
smtp_smtp_client_test_SRCS = tests/unit/smtp/smtp_client_test.c tests/unit/smtp/fake_client.c
smtp_smtp_client_test_USES = smtp mail crypto base
smtp_smtp_reply_parser_test_SRCS = tests/unit/smtp/smtp_reply_parser_test.c
smtp_smtp_reply_parser_test_USES = smtp base
smtp_smtp_body_test_SRCS = tests/unit/smtp/smtp_body_test.c
smtp_smtp_body_test_USES = smtp base
smtp_sasl_client_test_SRCS = tests/unit/smtp/sasl_client_test.c
smtp_sasl_client_test_USES = smtp mail crypto base
smtp_smtp_caps_test_SRCS = tests/unit/smtp/smtp_caps_test.c
smtp_smtp_caps_test_USES = smtp mail crypto base
UNITS += smtp_smtp_put_test
smtp_smtp_put_test_SRCS = tests/unit/smtp/smtp_put_test.c
smtp_smtp_put_test_USES = smtp base

# SPDX-License-Identifier: ISC
smtp_SRCS = lib/smtp/smtp_reply_parser.c lib/smtp/smtp_result.c lib/smtp/smtp_caps.c lib/smtp/smtp_body.c \
	lib/smtp/sasl_client.c lib/smtp/smtp_put.c lib/smtp/smtp_client.c lib/smtp/smtp_client_hello.c \
	lib/smtp/smtp_client_check.c lib/smtp/smtp_client_txn.c
LIBS += smtp

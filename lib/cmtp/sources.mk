# SPDX-License-Identifier: ISC
cmtp_SRCS = lib/cmtp/cmtp_parser.c lib/cmtp/cmtp_put.c lib/cmtp/cmtp_reply.c lib/cmtp/cmtp_letter.c \
	lib/cmtp/cmtp_sign.c lib/cmtp/cmtp_key.c lib/cmtp/cmtp_chain.c lib/cmtp/cmtp_pin.c \
	lib/cmtp/cmtp2_mail.c lib/cmtp/cmtp2_keys.c lib/cmtp/cmtp2_answer.c lib/cmtp/cmtp2_postage.c \
	lib/cmtp/cmtp2_pact.c
cmtp_SRCS += lib/cmtp/letter_mail.c lib/cmtp/letter_head.c lib/cmtp/letter_text.c lib/cmtp/letter_name.c lib/cmtp/mail_letter.c
cmtp_SRCS += lib/cmtp/opaque_oprf.c lib/cmtp/opaque.c lib/cmtp/opaque_client.c lib/cmtp/opaque_server.c
cmtp_SRCS += lib/cmtp/cmtp2_login.c lib/cmtp/cmtp2_enter.c
cmtp_SRCS += lib/cmtp/letter_open.c
LIBS += cmtp

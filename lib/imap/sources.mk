# SPDX-License-Identifier: ISC
imap_SRCS = lib/imap/imap_client.c lib/imap/imap_reader.c lib/imap/imap_answer.c lib/imap/mail_flags.c \
	lib/imap/mail_place.c
LIBS += imap

# SPDX-License-Identifier: ISC
mail_SRCS = lib/mail/trace.c lib/mail/acl_identifier.c lib/mail/addr.c lib/mail/charset.c lib/mail/dsn_template.c lib/mail/hdr.c lib/mail/hdr_addr.c \
	lib/mail/hdr_date.c lib/mail/hdr_param.c lib/mail/hdr_word.c lib/mail/html_text.c lib/mail/imap_structure.c lib/mail/imap_text.c lib/mail/imap_url.c lib/mail/imap_utf7.c \
	lib/mail/mime.c lib/mail/mime_code.c lib/mail/mime_encode.c lib/mail/mime_fields.c lib/mail/mime_map.c lib/mail/mime_put.c lib/mail/mime_type.c \
	lib/mail/preview.c lib/mail/rcpt_hash.c lib/mail/saslprep.c lib/mail/summary.c lib/mail/thread_hash.c
mail_EXT = $(IDN2_LIBS) $(UNISTRING_LIBS)
LIBS += mail

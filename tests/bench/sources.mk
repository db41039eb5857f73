# SPDX-License-Identifier: ISC
TESTPROGS += smtp_load
smtp_load_SRCS = tests/bench/smtp_load.c
smtp_load_USES = base
TESTPROGS += smtp_sink
smtp_sink_SRCS = tests/bench/smtp_sink.c
smtp_sink_USES = base
TESTPROGS += imap_load
imap_load_SRCS = tests/bench/imap_load.c tests/bench/load_conn.c tests/bench/load_mail.c
imap_load_USES = base
imap_load_EXT = $(SSL_LIBS) $(CRYPTO_LIBS)
TESTPROGS += seal_load
seal_load_SRCS = tests/bench/seal_load.c
seal_load_USES = seal mail crypto base
seal_load_EXT = $(CRYPTO_LIBS)

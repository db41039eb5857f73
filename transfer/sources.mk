# SPDX-License-Identifier: ISC
transfer_PURE = transfer/mail_list.c transfer/mail_name.c transfer/mail_crlf.c \
	transfer/maildir_files.c transfer/mbox_lines.c
transfer_CORE = $(transfer_PURE) transfer/mail_report.c transfer/mail_move.c transfer/file_read.c \
	transfer/maildir_source.c transfer/maildir_sink.c transfer/mbox_source.c transfer/mbox_sink.c
PROGRAMS += transfer
transfer_SRCS = transfer/main.c transfer/account_source.c transfer/imap_sink.c $(transfer_CORE)
transfer_USES = imap crypto mail io sys base
transfer_EXT = $(UV_LIBS) $(SSL_LIBS) $(SECCOMP_LIBS) $(UNISTRING_LIBS) $(IDN2_LIBS)

# SPDX-License-Identifier: ISC
smtpd_CORE = smtpd/smtp_session.c smtpd/smtp_verbs.c smtpd/smtp_reply.c smtpd/smtp_simple.c \
	smtpd/smtp_ehlo.c smtpd/smtp_mail.c smtpd/smtp_rcpt.c smtpd/smtp_data.c smtpd/smtp_auth.c smtpd/smtp_scram.c \
	smtpd/smtp_params.c smtpd/smtp_text.c smtpd/smtp_header.c smtpd/smtp_message.c

PROGRAMS += smtpd
smtpd_SRCS = smtpd/main.c smtpd/smtp_server.c smtpd/smtp_conn.c smtpd/smtp_ask.c smtpd/smtp_hand.c $(smtpd_CORE)
smtpd_USES = daemon conf ipc seal sasl crypto mail io sys base
smtpd_EXT = $(UV_LIBS) $(SSL_LIBS) $(SECCOMP_LIBS)

smtpd_SENDMAIL = smtpd/sendmail_compose.c smtpd/sendmail_drop.c smtpd/sendmail_read.c smtpd/sendmail_report.c \
	smtpd/sendmail_submit.c smtpd/sendmail_verify.c
PROGRAMS += sendmail
sendmail_SRCS = smtpd/sendmail.c $(smtpd_SENDMAIL)
sendmail_USES = daemon ipc smtp crypto mail sys base
sendmail_EXT = $(UNISTRING_LIBS) $(IDN2_LIBS)

# SPDX-License-Identifier: ISC
UNITS += smtpd_smtp_session_test
smtpd_smtp_session_test_SRCS = tests/unit/smtpd/smtp_session_test.c tests/unit/smtpd/fake_env.c $(smtpd_CORE)
smtpd_smtp_session_test_USES = sasl mail base
UNITS += smtpd_smtp_header_test smtpd_smtp_text_test
smtpd_smtp_header_test_SRCS = tests/unit/smtpd/smtp_header_test.c smtpd/smtp_header.c
smtpd_smtp_header_test_USES = base
smtpd_smtp_text_test_SRCS = tests/unit/smtpd/smtp_text_test.c smtpd/smtp_text.c
smtpd_smtp_text_test_USES = base
UNITS += smtpd_smtp_conn_test
smtpd_smtp_conn_test_SRCS = tests/unit/smtpd/smtp_conn_test.c smtpd/smtp_conn.c smtpd/smtp_ask.c smtpd/smtp_hand.c smtpd/smtp_server.c \
	lib/daemon/daemon_domain.c lib/daemon/intake.c lib/daemon/intake_spool.c lib/daemon/client_rates.c $(smtpd_CORE)
smtpd_smtp_conn_test_USES = conf ipc seal sasl crypto mail io sys base
smtpd_smtp_conn_test_EXT = $(UV_LIBS)
UNITS += smtpd_smtp_params_test
smtpd_smtp_params_test_SRCS = tests/unit/smtpd/smtp_params_test.c smtpd/smtp_params.c
smtpd_smtp_params_test_USES = base
UNITS += sendmail_compose_test
sendmail_compose_test_SRCS = tests/unit/smtpd/sendmail_compose_test.c smtpd/sendmail_compose.c smtpd/sendmail_drop.c
sendmail_compose_test_USES = mail sys base
sendmail_compose_test_EXT = $(UNISTRING_LIBS) $(IDN2_LIBS)
UNITS += sendmail_read_test sendmail_report_test
sendmail_read_test_SRCS = tests/unit/smtpd/sendmail_read_test.c smtpd/sendmail_read.c
sendmail_read_test_USES = sys base
sendmail_report_test_SRCS = tests/unit/smtpd/sendmail_report_test.c smtpd/sendmail_report.c
sendmail_report_test_USES = base

# SPDX-License-Identifier: ISC
cmtpd_CORE = cmtpd/cmtp_session.c cmtpd/cmtp_mail.c cmtpd/cmtp_ask.c cmtpd/cmtp_ask2.c cmtpd/cmtp_enter2.c cmtpd/cmtp_mail2.c \
	cmtpd/cmtp_reply2.c cmtpd/cmtp_address.c
PROGRAMS += cmtpd
cmtpd_SRCS = cmtpd/main.c cmtpd/cmtp_server.c cmtpd/cmtp_conn.c cmtpd/cmtp_conn2.c cmtpd/cmtp_conn_ask.c cmtpd/cmtp_conn_enter.c cmtpd/cmtpd_opt.c $(cmtpd_CORE)
cmtpd_USES = daemon conf ipc seal cmtp crypto mail io sys base
PROGRAMS += gwcmtp
gwcmtp_PURE = cmtpd/gwcmtp_mail.c cmtpd/gwcmtp_pins.c cmtpd/gwcmtp_lines.c cmtpd/gwcmtp_file.c cmtpd/gwcmtp_ring.c \
	cmtpd/gwcmtp_show.c cmtpd/gwcmtp_compose.c
gwcmtp_SRCS = cmtpd/gwcmtp.c cmtpd/gwcmtp_tool.c cmtpd/gwcmtp_net.c cmtpd/gwcmtp_net2.c \
	cmtpd/gwcmtp_hosts.c cmtpd/gwcmtp_key.c cmtpd/gwcmtp_key2.c cmtpd/gwcmtp_send.c \
	cmtpd/gwcmtp_ringfile.c cmtpd/gwcmtp_keygen.c cmtpd/gwcmtp_tls.c cmtpd/gwcmtp_box.c \
	cmtpd/gwcmtp_read.c cmtpd/gwcmtp_login.c cmtpd/gwcmtp_send2.c cmtpd/gwcmtp_submit.c $(gwcmtp_PURE)
gwcmtp_USES = seal smtp imap cmtp crypto dns mail io sys base

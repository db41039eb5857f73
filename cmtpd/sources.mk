# SPDX-License-Identifier: ISC
cmtpd_CORE = cmtpd/cmtp_session.c cmtpd/cmtp_mail.c cmtpd/cmtp_ask2.c cmtpd/cmtp_mail2.c cmtpd/cmtp_address.c
PROGRAMS += cmtpd
cmtpd_SRCS = cmtpd/main.c cmtpd/cmtp_server.c cmtpd/cmtp_conn.c cmtpd/cmtp_conn2.c cmtpd/cmtpd_opt.c $(cmtpd_CORE)
cmtpd_USES = daemon conf ipc seal cmtp crypto mail io sys base

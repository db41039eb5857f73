# SPDX-License-Identifier: ISC
cmtpd_CORE = cmtpd/cmtp_session.c cmtpd/cmtp_mail.c
PROGRAMS += cmtpd
cmtpd_SRCS = cmtpd/main.c cmtpd/cmtp_server.c cmtpd/cmtp_conn.c cmtpd/cmtpd_opt.c $(cmtpd_CORE)
cmtpd_USES = daemon conf ipc seal cmtp crypto mail io sys base

# SPDX-License-Identifier: ISC
UNITS += cmtpd_cmtp_session_test cmtpd_cmtp_mail_test
cmtpd_cmtp_session_test_SRCS = tests/unit/cmtpd/cmtp_session_test.c $(cmtpd_CORE)
cmtpd_cmtp_session_test_USES = seal cmtp crypto mail base
cmtpd_cmtp_mail_test_SRCS = tests/unit/cmtpd/cmtp_mail_test.c $(cmtpd_CORE)
cmtpd_cmtp_mail_test_USES = seal cmtp crypto mail base
UNITS += cmtpd_cmtp_mail2_test
cmtpd_cmtp_mail2_test_SRCS = tests/unit/cmtpd/cmtp_mail2_test.c $(cmtpd_CORE)
cmtpd_cmtp_mail2_test_USES = seal cmtp crypto mail base
UNITS += cmtpd_gwcmtp_test
cmtpd_gwcmtp_test_SRCS = tests/unit/cmtpd/gwcmtp_test.c $(gwcmtp_PURE)
cmtpd_gwcmtp_test_USES = cmtp crypto mail sys base
UNITS += cmtpd_gwcmtp_ring_test
cmtpd_gwcmtp_ring_test_SRCS = tests/unit/cmtpd/gwcmtp_ring_test.c $(gwcmtp_PURE)
cmtpd_gwcmtp_ring_test_USES = cmtp crypto mail sys base
UNITS += cmtpd_gwcmtp_show_test
cmtpd_gwcmtp_show_test_SRCS = tests/unit/cmtpd/gwcmtp_show_test.c $(gwcmtp_PURE)
cmtpd_gwcmtp_show_test_USES = cmtp crypto mail sys base

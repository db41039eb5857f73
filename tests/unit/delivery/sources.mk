# SPDX-License-Identifier: ISC
UNITS += delivery_dlv_local_test delivery_dlv_rcpt_test
delivery_dlv_local_test_SRCS = tests/unit/delivery/dlv_local_test.c tests/unit/seal/travelling.c \
	$(delivery_LOCAL)
delivery_dlv_local_test_USES = daemon ipc seal crypto mail io sys base
delivery_dlv_local_test_EXT = $(UV_LIBS)
UNITS += delivery_dlv_carrier_test
delivery_dlv_carrier_test_SRCS = tests/unit/delivery/dlv_carrier_test.c delivery/dlv_carrier.c delivery/dlv_source.c
delivery_dlv_carrier_test_USES = ipc seal crypto mail io sys base
delivery_dlv_carrier_test_EXT = $(UV_LIBS)
delivery_dlv_rcpt_test_SRCS = tests/unit/delivery/dlv_rcpt_test.c delivery/dlv_rcpt.c delivery/dlv_line.c
delivery_dlv_rcpt_test_USES = ipc seal crypto mail io sys base
delivery_dlv_rcpt_test_EXT = $(UV_LIBS)
UNITS += delivery_sts_policy_test delivery_http_reply_test
delivery_sts_policy_test_SRCS = tests/unit/delivery/sts_policy_test.c delivery/sts_policy.c
delivery_sts_policy_test_USES = base
delivery_http_reply_test_SRCS = tests/unit/delivery/http_reply_test.c delivery/http_reply.c
delivery_http_reply_test_USES = base
UNITS += delivery_dlv_sts_test
delivery_dlv_sts_test_SRCS = tests/unit/delivery/dlv_sts_test.c tests/unit/delivery/fake_dns.c \
	delivery/dlv_sts.c delivery/sts_policy.c
delivery_dlv_sts_test_USES = ipc io sys base
delivery_dlv_sts_test_EXT = $(UV_LIBS) $(SSL_LIBS)
UNITS += delivery_sts_fetch_test
delivery_sts_fetch_test_SRCS = tests/unit/delivery/sts_fetch_test.c tests/unit/delivery/fake_dns.c \
	delivery/sts_fetch.c delivery/https_call.c delivery/sts_policy.c delivery/http_reply.c \
	delivery/dlv_mx.c delivery/dlv_self.c \
	delivery/dlv_verdict.c
delivery_sts_fetch_test_USES = conf mail io sys base
delivery_sts_fetch_test_EXT = $(UV_LIBS) $(SSL_LIBS)
UNITS += delivery_dlv_route_test
delivery_dlv_route_test_SRCS = tests/unit/delivery/dlv_route_test.c delivery/dlv_route.c \
	delivery/delivery_opt.c
delivery_dlv_route_test_USES = conf mail io sys base
UNITS += delivery_dlv_mx_test
delivery_dlv_mx_test_SRCS = tests/unit/delivery/dlv_mx_test.c delivery/dlv_mx.c delivery/dlv_self.c \
	delivery/dlv_verdict.c
delivery_dlv_mx_test_USES = conf mail io sys base
UNITS += delivery_dlv_tls_test
delivery_dlv_tls_test_SRCS = tests/unit/delivery/dlv_tls_test.c delivery/dlv_tls.c delivery/dlv_verdict.c \
	delivery/sts_policy.c
delivery_dlv_tls_test_USES = io sys base
delivery_FAKE_CMTP = tests/unit/delivery/fake_cmtp.c tests/unit/delivery/fake_cmtp_host.c tests/unit/delivery/fake_cmtp_job.c \
	tests/unit/delivery/fake_dns.c tests/unit/delivery/fake_host.c delivery/delivery_opt.c $(delivery_RELAY)
UNITS += delivery_dlv_lookup_test
delivery_dlv_lookup_test_SRCS = tests/unit/delivery/dlv_lookup_test.c $(delivery_FAKE_CMTP)
delivery_dlv_lookup_test_USES = daemon conf report ipc seal cmtp crypto smtp mail io sys base
delivery_dlv_lookup_test_EXT = $(UV_LIBS) $(SSL_LIBS)
UNITS += delivery_dlv_mail2_test
delivery_dlv_mail2_test_SRCS = tests/unit/delivery/dlv_mail2_test.c $(delivery_FAKE_CMTP)
delivery_dlv_mail2_test_USES = daemon conf report ipc seal cmtp crypto smtp mail io sys base
delivery_dlv_mail2_test_EXT = $(UV_LIBS) $(SSL_LIBS)
UNITS += delivery_dlv_relay_test
delivery_dlv_relay_test_SRCS = tests/unit/delivery/dlv_relay_test.c tests/unit/delivery/fake_dns.c \
	tests/unit/delivery/fake_host.c delivery/delivery_opt.c $(delivery_RELAY)
delivery_dlv_relay_test_USES = daemon conf report ipc seal cmtp crypto smtp mail io sys base
delivery_dlv_relay_test_EXT = $(UV_LIBS) $(SSL_LIBS)
UNITS += delivery_dlv_line_test
delivery_dlv_line_test_SRCS = tests/unit/delivery/dlv_line_test.c delivery/dlv_line.c
delivery_dlv_line_test_USES = sys base
UNITS += delivery_tlsrpt_record_test
delivery_tlsrpt_record_test_SRCS = tests/unit/delivery/tlsrpt_record_test.c delivery/tlsrpt_record.c
delivery_tlsrpt_record_test_USES = base
UNITS += delivery_dlv_known_test
delivery_dlv_known_test_SRCS = tests/unit/delivery/dlv_known_test.c delivery/dlv_known.c
delivery_dlv_known_test_USES = seal cmtp crypto base
UNITS += delivery_dlv_postage_test
delivery_dlv_postage_test_SRCS = tests/unit/delivery/dlv_postage_test.c delivery/dlv_postage.c
delivery_dlv_postage_test_USES = cmtp crypto io sys base
delivery_dlv_postage_test_EXT = $(UV_LIBS) $(SSL_LIBS)
UNITS += delivery_dlv_mail1_test
delivery_dlv_mail1_test_SRCS = tests/unit/delivery/dlv_mail1_test.c tests/unit/delivery/fake_host1.c $(delivery_FAKE_CMTP)
delivery_dlv_mail1_test_USES = daemon conf report ipc seal cmtp crypto smtp mail io sys base
delivery_dlv_mail1_test_EXT = $(UV_LIBS) $(SSL_LIBS)
UNITS += delivery_dlv_pass1_test
delivery_dlv_pass1_test_SRCS = tests/unit/delivery/dlv_pass1_test.c tests/unit/delivery/fake_host1.c $(delivery_FAKE_CMTP)
delivery_dlv_pass1_test_USES = daemon conf report ipc seal cmtp crypto smtp mail io sys base
delivery_dlv_pass1_test_EXT = $(UV_LIBS) $(SSL_LIBS)

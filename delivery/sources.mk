# SPDX-License-Identifier: ISC
delivery_LOCAL = delivery/dlv_local.c delivery/dlv_job.c delivery/dlv_epoch.c delivery/dlv_lane.c delivery/dlv_sealed.c delivery/dlv_carrier.c \
	delivery/dlv_rcpt.c delivery/dlv_line.c delivery/dlv_source.c

PROGRAMS += deliver
deliver_SRCS = delivery/deliver_main.c delivery/delivery_opt.c $(delivery_LOCAL)
deliver_USES = daemon conf ipc seal crypto mail io sys base
deliver_EXT = $(UV_LIBS) $(SSL_LIBS) $(SECCOMP_LIBS)

delivery_RELAY = delivery/dlv_relay.c delivery/dlv_smtp.c delivery/dlv_smtp_note.c \
	delivery/dlv_smtp_round.c delivery/dlv_smtp_cmtp.c delivery/dlv_smtp_report.c delivery/dlv_find.c delivery/dlv_pool.c \
	delivery/dlv_link.c delivery/dlv_line.c delivery/dlv_outcome.c delivery/dlv_tls.c delivery/dlv_mx.c delivery/dlv_self.c \
	delivery/dlv_route.c delivery/dlv_verdict.c delivery/dlv_source.c \
	delivery/dlv_sts.c delivery/sts_fetch.c delivery/sts_policy.c delivery/http_reply.c \
	delivery/https_call.c delivery/dlv_cmtp.c delivery/dlv_lookup.c delivery/dlv_search.c delivery/dlv_search_host.c delivery/dlv_search_pass.c delivery/dlv_search_pass1.c \
	delivery/dlv_mail1.c delivery/dlv_mail1_box.c delivery/dlv_cmtp1.c delivery/dlv_pin1.c \
	delivery/dlv_mail2.c delivery/dlv_mail2_pin.c delivery/dlv_mail2_keys.c delivery/dlv_mail2_object.c \
	delivery/dlv_mail2_answer.c delivery/dlv_pin.c delivery/dlv_known.c delivery/dlv_postage.c delivery/dlv_tlsrpt.c delivery/tlsrpt_policy.c delivery/tlsrpt_record.c
PROGRAMS += relay
relay_SRCS = delivery/relay_main.c delivery/delivery_opt.c $(delivery_RELAY)
relay_USES = daemon conf report ipc seal cmtp crypto dns smtp mail io sys base
relay_EXT = $(UV_LIBS) $(SSL_LIBS) $(SECCOMP_LIBS)

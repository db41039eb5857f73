# SPDX-License-Identifier: ISC
TESTPROGS += smtp_load
smtp_load_SRCS = tests/bench/smtp_load.c
smtp_load_USES = base
TESTPROGS += smtp_sink
smtp_sink_SRCS = tests/bench/smtp_sink.c
smtp_sink_USES = base

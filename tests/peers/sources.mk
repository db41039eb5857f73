# SPDX-License-Identifier: ISC
TESTPROGS += dns_ask
dns_ask_SRCS = tests/peers/dns_ask.c
dns_ask_USES = dns io base

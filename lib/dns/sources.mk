# SPDX-License-Identifier: ISC
dns_SRCS = lib/dns/dns.c lib/dns/dns_pair.c lib/dns/dns_query.c lib/dns/dns_exchange.c lib/dns/dns_server.c \
	lib/dns/dns_cache.c lib/dns/dns_answer.c lib/dns/dns_name.c lib/dns/dns_wire.c lib/dns/dns_resolv_conf.c
dns_EXT = $(LDNS_LIBS)
LIBS += dns

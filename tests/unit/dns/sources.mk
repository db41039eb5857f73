# SPDX-License-Identifier: ISC
UNITS += dns_wire_test
dns_wire_test_SRCS = tests/unit/dns/dns_wire_test.c tests/unit/dns/dns_msg.c
dns_wire_test_USES = dns io base

UNITS += dns_parts_test
dns_parts_test_SRCS = tests/unit/dns/dns_parts_test.c
dns_parts_test_USES = dns io base

UNITS += dns_test
dns_test_SRCS = tests/unit/dns/dns_test.c tests/unit/dns/dns_msg.c tests/unit/dns/fake_dns.c
dns_test_USES = dns io base

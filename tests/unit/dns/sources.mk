# SPDX-License-Identifier: ISC
UNITS += dns_wire_test
dns_wire_test_SRCS = tests/unit/dns/dns_wire_test.c tests/unit/dns/dns_msg.c
dns_wire_test_USES = dns io base

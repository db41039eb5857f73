# SPDX-License-Identifier: ISC
TESTPROGS += dns_ask
dns_ask_SRCS = tests/peers/dns_ask.c
dns_ask_USES = dns io base
# What test_cmtp2_wire.py preloads: see keylog.c.  Without the sanitizers: they
# are the program's own.
testprogs: $(B)/testbin/keylog.so
$(B)/testbin/keylog.so: tests/peers/keylog.c
	@mkdir -p $(@D)
	$(CC) $(STD) $(CFLAGS) $(WARN) -fPIC -fvisibility=hidden -shared -o $@ $< -ldl

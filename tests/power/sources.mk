# SPDX-License-Identifier: ISC
# What the power tests preload: see record.c.  Without the sanitizers: they
# are the program's own.
testprogs: $(B)/testbin/power_record.so
$(B)/testbin/power_record.so: tests/power/record.c
	@mkdir -p $(@D)
	$(CC) $(STD) $(CFLAGS) $(WARN) -fPIC -fvisibility=hidden -shared -o $@ $< -ldl -pthread

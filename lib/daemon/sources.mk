# SPDX-License-Identifier: ISC
daemon_SRCS = lib/daemon/client_rates.c lib/daemon/daemon.c lib/daemon/daemon_boot.c lib/daemon/daemon_control.c lib/daemon/daemon_crash.c \
	lib/daemon/daemon_domain.c lib/daemon/daemon_jail.c lib/daemon/daemon_probe.c lib/daemon/daemon_sasl.c lib/daemon/daemon_set.c \
	lib/daemon/daemon_tls.c lib/daemon/daemon_wire.c lib/daemon/intake.c lib/daemon/intake_spool.c lib/daemon/offline.c lib/daemon/tool.c
LIBS += daemon

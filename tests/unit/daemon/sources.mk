# SPDX-License-Identifier: ISC
UNITS += daemon_test
daemon_test_SRCS = tests/unit/daemon/daemon_test.c
daemon_test_USES = daemon conf ipc io sys base

UNITS += daemon_tls_test
daemon_tls_test_SRCS = tests/unit/daemon/daemon_tls_test.c
daemon_tls_test_USES = daemon conf ipc io sys base
UNITS += daemon_client_rates_test
daemon_client_rates_test_SRCS = tests/unit/daemon/client_rates_test.c lib/daemon/client_rates.c
daemon_client_rates_test_USES = io base
UNITS += daemon_intake_spool_test
daemon_intake_spool_test_SRCS = tests/unit/daemon/intake_spool_test.c lib/daemon/intake_spool.c
daemon_intake_spool_test_USES = seal crypto mail sys base
UNITS += daemon_intake_test
daemon_intake_test_SRCS = tests/unit/daemon/intake_test.c lib/daemon/intake.c lib/daemon/intake_spool.c
daemon_intake_test_USES = ipc seal crypto mail io sys base
daemon_intake_test_EXT = $(UV_LIBS)

# SPDX-License-Identifier: ISC
UNITS += daemon_test
daemon_test_SRCS = tests/unit/daemon/daemon_test.c
daemon_test_USES = daemon conf ipc io sys base

UNITS += daemon_tls_test
daemon_tls_test_SRCS = tests/unit/daemon/daemon_tls_test.c
daemon_tls_test_USES = daemon conf ipc io sys base

# SPDX-License-Identifier: ISC
UNITS += sys_fd_test
sys_fd_test_SRCS = tests/unit/sys/fd_test.c
sys_fd_test_USES = sys base

UNITS += sys_window_test
sys_window_test_SRCS = tests/unit/sys/window_test.c
sys_window_test_USES = sys base

UNITS += sys_sandbox_test
sys_sandbox_test_SRCS = tests/unit/sys/sandbox_test.c
sys_sandbox_test_USES = sys base
UNITS += sys_pulse_test
sys_pulse_test_SRCS = tests/unit/sys/pulse_test.c
sys_pulse_test_USES = sys base

# SPDX-License-Identifier: ISC
UNITS += base_slice_test base_buf_test base_enc_test base_heap_test base_clock_test base_log_test
base_slice_test_SRCS = tests/unit/base/slice_test.c
base_slice_test_USES = base
base_buf_test_SRCS = tests/unit/base/buf_test.c
base_buf_test_USES = base
base_enc_test_SRCS = tests/unit/base/enc_test.c
base_enc_test_USES = base
base_heap_test_SRCS = tests/unit/base/heap_test.c
base_heap_test_USES = base
base_clock_test_SRCS = tests/unit/base/clock_test.c
base_clock_test_USES = base
base_log_test_SRCS = tests/unit/base/log_test.c
base_log_test_USES = base
UNITS += base_rate_test
base_rate_test_SRCS = tests/unit/base/rate_test.c
base_rate_test_USES = base

# SPDX-License-Identifier: ISC
UNITS += keyd_cmtp_test keyd_owner_test keyd_login_test keyd_tbs_test keyd_ring_test keyd_keyd_test keyd_cache_test
keyd_tbs_test_SRCS = tests/unit/keyd/key_tbs_test.c keyd/key_tbs.c
keyd_tbs_test_USES = base
keyd_ring_test_SRCS = tests/unit/keyd/key_ring_test.c keyd/key_journal.c keyd/key_record.c keyd/key_ring.c \
	keyd/key_pair.c keyd/key_more.c
keyd_ring_test_USES = ipc crypto base
keyd_keyd_test_SRCS = tests/unit/keyd/keyd_test.c tests/unit/keyd/keyd_stage.c $(keyd_CORE)
keyd_keyd_test_USES = conf ipc seal crypto mail io sys base
keyd_keyd_test_EXT = $(keyd_EXT)
keyd_login_test_SRCS = tests/unit/keyd/key_login_test.c tests/unit/keyd/keyd_stage.c $(keyd_CORE)
keyd_login_test_USES = conf ipc seal smtp crypto mail io sys base
keyd_login_test_EXT = $(keyd_EXT)
keyd_cache_test_SRCS = tests/unit/keyd/key_cache_test.c keyd/key_cache.c
keyd_cache_test_USES = crypto base
keyd_owner_test_SRCS = tests/unit/keyd/key_owner_test.c tests/unit/keyd/keyd_stage.c $(keyd_CORE)
keyd_owner_test_USES = conf ipc seal crypto mail io sys base
keyd_owner_test_EXT = $(keyd_EXT)
keyd_cmtp_test_SRCS = tests/unit/keyd/key_cmtp_test.c tests/unit/keyd/keyd_stage.c $(keyd_CORE)
keyd_cmtp_test_USES = conf ipc seal crypto mail io sys base
keyd_cmtp_test_EXT = $(keyd_EXT)
UNITS += keyd_client_test
keyd_client_test_SRCS = tests/unit/keyd/key_client_test.c tests/unit/keyd/keyd_stage.c $(keyd_CORE)
keyd_client_test_USES = conf ipc seal crypto mail io sys base
keyd_client_test_EXT = $(keyd_EXT)

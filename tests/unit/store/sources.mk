# SPDX-License-Identifier: ISC
store_bed_SRCS = tests/unit/store/store_bed.c tests/unit/store/store_world.c \
	store/store_daemon.c store/store_opt.c $(store_core_SRCS)
store_bed_USES = daemon conf ipc mail crypto db io sys base

# The same tests over the engine in memory.
store_mem_bed_SRCS = tests/unit/store/store_bed.c tests/unit/store/store_world.c \
	store/store_daemon.c store/store_opt.c $(store_mem_SRCS) $(store_above_SRCS)

UNITS += store_engine_test store_engine_mem_test store_vanished_mem_test store_box_mem_test
store_engine_test_SRCS = tests/unit/store/engine_test.c tests/unit/store/store_kv_bed.c $(store_bed_SRCS)
store_engine_test_USES = $(store_bed_USES)
store_engine_mem_test_SRCS = tests/unit/store/engine_test.c tests/unit/store/store_kv_bed.c $(store_mem_bed_SRCS)
store_engine_mem_test_USES = $(store_bed_USES)
store_vanished_mem_test_SRCS = tests/unit/store/vanished_test.c $(store_mem_bed_SRCS)
store_vanished_mem_test_USES = $(store_bed_USES)
store_box_mem_test_SRCS = tests/unit/store/box_test.c $(store_mem_bed_SRCS)
store_box_mem_test_USES = $(store_bed_USES)

UNITS += store_model_test
store_model_test_SRCS = tests/unit/store/store_model_test.c $(store_bed_SRCS)
store_model_test_USES = $(store_bed_USES)

UNITS += store_kv_test
store_kv_test_SRCS = tests/unit/store/kv_test.c tests/unit/store/store_kv_bed.c $(store_bed_SRCS)
store_kv_test_USES = $(store_bed_USES)

UNITS += store_journal_test
store_journal_test_SRCS = tests/unit/store/journal_test.c store/store_journal.c store/blob_sum.c
store_journal_test_USES = daemon conf ipc io sys base

UNITS += store_page_test store_box_test
store_page_test_SRCS = tests/unit/store/page_test.c store/store_page.c store/store_wide.c store/store_record.c store/store_note.c store/blob_sum.c
store_page_test_USES = ipc io sys base
store_box_test_SRCS = tests/unit/store/box_test.c $(store_bed_SRCS)
store_box_test_USES = $(store_bed_USES)

UNITS += store_ops_test
store_ops_test_SRCS = tests/unit/store/ops_test.c $(store_bed_SRCS)
store_ops_test_USES = $(store_bed_USES)

UNITS += store_blob_test
store_blob_test_SRCS = tests/unit/store/blob_test.c $(store_bed_SRCS)
store_blob_test_USES = $(store_bed_USES)

UNITS += store_compact_test
store_compact_test_SRCS = tests/unit/store/compact_test.c $(store_bed_SRCS)
store_compact_test_USES = $(store_bed_USES)

UNITS += store_crash_test
store_crash_test_SRCS = tests/unit/store/crash_test.c $(store_bed_SRCS)
store_crash_test_USES = $(store_bed_USES)

UNITS += store_vanished_test
store_vanished_test_SRCS = tests/unit/store/vanished_test.c $(store_bed_SRCS)
store_vanished_test_USES = $(store_bed_USES)

UNITS += store_wide_test
store_wide_test_SRCS = tests/unit/store/wide_test.c $(store_bed_SRCS)
store_wide_test_USES = $(store_bed_USES)

UNITS += store_multi_test
store_multi_test_SRCS = tests/unit/store/multi_test.c $(store_bed_SRCS)
store_multi_test_USES = $(store_bed_USES)

UNITS += store_columns_test
store_columns_test_SRCS = tests/unit/store/columns_test.c $(store_bed_SRCS)
store_columns_test_USES = $(store_bed_USES)

UNITS += store_quota_test
store_quota_test_SRCS = tests/unit/store/quota_test.c $(store_bed_SRCS)
store_quota_test_USES = $(store_bed_USES)

UNITS += store_metadata_test
store_metadata_test_SRCS = tests/unit/store/metadata_test.c $(store_bed_SRCS)
store_metadata_test_USES = $(store_bed_USES)

UNITS += store_acl_test
store_acl_test_SRCS = tests/unit/store/acl_test.c $(store_bed_SRCS)
store_acl_test_USES = $(store_bed_USES)

UNITS += store_expire_test
store_expire_test_SRCS = tests/unit/store/expire_test.c $(store_bed_SRCS)
store_expire_test_USES = $(store_bed_USES)
UNITS += store_url_test
store_url_test_SRCS = tests/unit/store/url_test.c $(store_bed_SRCS)
store_url_test_USES = $(store_bed_USES)

UNITS += store_repair_test
LONG_UNITS += store_repair_test
store_repair_test_SRCS = tests/unit/store/repair_test.c $(store_repair_SRCS) $(store_bed_SRCS)
store_repair_test_USES = $(store_bed_USES)

UNITS += store_rekey_test
store_rekey_test_SRCS = tests/unit/store/rekey_test.c $(store_bed_SRCS)
store_rekey_test_USES = $(store_bed_USES)

UNITS += store_arrivals_test
store_arrivals_test_SRCS = tests/unit/store/arrivals_test.c $(store_bed_SRCS)
store_arrivals_test_USES = $(store_bed_USES)

UNITS += store_pulse_test
store_pulse_test_SRCS = tests/unit/store/pulse_test.c $(store_bed_SRCS)
store_pulse_test_USES = $(store_bed_USES)

# SPDX-License-Identifier: ISC
queue_TEST_USES = daemon conf ipc seal crypto db mail io sys base
queue_TEST_EXT = $(UV_LIBS) $(SSL_LIBS) $(SECCOMP_LIBS)

UNITS += queue_record_test queue_segment_test queue_table_test
queue_record_test_SRCS = tests/unit/queue/queue_record_test.c queue/queue_record.c
queue_record_test_USES = base
queue_segment_test_SRCS = tests/unit/queue/queue_segment_test.c tests/unit/queue/spool_dir.c $(queue_SPOOL)
queue_segment_test_USES = $(queue_TEST_USES)
queue_segment_test_EXT = $(queue_TEST_EXT)
queue_table_test_SRCS = tests/unit/queue/queue_table_test.c queue/queue_table.c queue/queue_sched.c \
	queue/queue_state.c
queue_table_test_USES = base

UNITS += queue_txn_test
queue_txn_test_SRCS = tests/unit/queue/queue_txn_test.c tests/unit/queue/fake_queue.c \
	tests/unit/queue/spool_dir.c $(queue_CORE)
queue_txn_test_USES = $(queue_TEST_USES)
queue_txn_test_EXT = $(queue_TEST_EXT)

UNITS += queue_sts_test
queue_sts_test_SRCS = tests/unit/queue/queue_sts_test.c tests/unit/queue/spool_dir.c queue/queue_sts.c \
	queue/queue_keep.c queue/queue_seal.c
queue_sts_test_USES = ipc crypto io sys base
queue_sts_test_EXT = $(UV_LIBS) $(SSL_LIBS)

UNITS += queue_srs_test
queue_srs_test_SRCS = tests/unit/queue/queue_srs_test.c queue/queue_srs.c
queue_srs_test_USES = crypto mail base
UNITS += queue_resolve_test queue_envelope_test
queue_resolve_test_SRCS = tests/unit/queue/queue_resolve_test.c queue/queue_resolve.c queue/queue_lookup.c queue/queue_facts.c
queue_resolve_test_USES = ipc mail base
queue_envelope_test_SRCS = tests/unit/queue/queue_envelope_test.c $(queue_CORE)
queue_envelope_test_USES = $(queue_TEST_USES)
queue_envelope_test_EXT = $(queue_TEST_EXT)

UNITS += queue_crash_test
queue_crash_test_SRCS = tests/unit/queue/queue_crash_test.c tests/unit/queue/fake_queue.c \
	tests/unit/queue/spool_dir.c $(queue_CORE)
queue_crash_test_USES = $(queue_TEST_USES)
queue_crash_test_EXT = $(queue_TEST_EXT)

UNITS += queue_site_test queue_parcel_test queue_model_test queue_alarm_test
queue_alarm_test_SRCS = tests/unit/queue/queue_alarm_test.c queue/queue_alarm.c $(queue_site_TEST)
queue_alarm_test_USES = base
queue_site_TEST = tests/unit/queue/site_world.c queue/queue_sched.c $(queue_SITES)
queue_site_test_SRCS = tests/unit/queue/queue_site_test.c $(queue_site_TEST)
queue_site_test_USES = base
queue_parcel_test_SRCS = tests/unit/queue/queue_parcel_test.c $(queue_site_TEST)
queue_parcel_test_USES = base
queue_model_test_SRCS = tests/unit/queue/queue_model_test.c queue/queue_sched.c $(queue_SITES)
queue_model_test_USES = base

UNITS += queue_relay_test queue_route_test
queue_relay_test_SRCS = tests/unit/queue/queue_relay_test.c tests/unit/queue/fake_queue.c \
	tests/unit/queue/fake_relay.c tests/unit/queue/spool_dir.c $(queue_CORE)
queue_relay_test_USES = $(queue_TEST_USES)
queue_relay_test_EXT = $(queue_TEST_EXT)
queue_route_test_SRCS = tests/unit/queue/queue_route_test.c queue/queue_route.c
queue_route_test_USES = mail base

UNITS += queue_super_test
queue_super_test_SRCS = tests/unit/queue/queue_super_test.c tests/unit/queue/fake_queue.c \
	tests/unit/queue/fake_relay.c tests/unit/queue/spool_dir.c $(queue_CORE)
queue_super_test_USES = $(queue_TEST_USES)
queue_super_test_EXT = $(queue_TEST_EXT)

TESTPROGS += queue_million
queue_million_SRCS = tests/unit/queue/queue_million.c tests/unit/queue/fake_queue.c \
	tests/unit/queue/fake_relay.c tests/unit/queue/spool_dir.c $(queue_CORE)
queue_million_USES = $(queue_TEST_USES)
queue_million_EXT = $(queue_TEST_EXT) $(CMOCKA_LIBS)

UNITS += queue_cat_test
queue_cat_test_SRCS = tests/unit/queue/queue_cat_test.c tests/unit/queue/fake_queue.c \
	tests/unit/queue/spool_dir.c $(queue_CORE)
queue_cat_test_USES = $(queue_TEST_USES)
queue_cat_test_EXT = $(queue_TEST_EXT)

UNITS += queue_forward_test
queue_forward_test_SRCS = tests/unit/queue/queue_forward_test.c tests/unit/queue/fake_queue.c \
	tests/unit/queue/fake_relay.c tests/unit/queue/spool_dir.c $(queue_CORE)
queue_forward_test_USES = $(queue_TEST_USES)
queue_forward_test_EXT = $(queue_TEST_EXT)

UNITS += queue_rate_test
queue_rate_test_SRCS = tests/unit/queue/queue_rate_test.c tests/unit/queue/fake_queue.c \
	tests/unit/queue/spool_dir.c $(queue_CORE)
queue_rate_test_USES = $(queue_TEST_USES)
queue_rate_test_EXT = $(queue_TEST_EXT)

UNITS += queue_map_test gwmap_source_test
queue_map_test_SRCS = tests/unit/queue/queue_map_test.c tests/unit/queue/fake_queue.c \
	tests/unit/queue/spool_dir.c $(queue_CORE)
queue_map_test_USES = $(queue_TEST_USES)
queue_map_test_EXT = $(queue_TEST_EXT)
gwmap_source_test_SRCS = tests/unit/queue/gwmap_source_test.c queue/gwmap_source.c queue/queue_lookup.c
gwmap_source_test_USES = mail base

UNITS += queue_notice_test
queue_notice_test_SRCS = tests/unit/queue/queue_notice_test.c $(queue_CORE)
queue_notice_test_USES = $(queue_TEST_USES)
queue_notice_test_EXT = $(queue_TEST_EXT) $(CONFUSE_LIBS)

UNITS += queue_tlsrpt_test
queue_tlsrpt_test_SRCS = tests/unit/queue/queue_tlsrpt_test.c tests/unit/queue/spool_dir.c \
	queue/queue_tlsrpt.c queue/queue_keep.c queue/queue_seal.c
queue_tlsrpt_test_USES = report ipc crypto io sys base
queue_tlsrpt_test_EXT = $(UV_LIBS) $(SSL_LIBS)

UNITS += queue_quota_test
queue_quota_test_SRCS = tests/unit/queue/queue_quota_test.c queue/queue_quota.c
queue_quota_test_USES = ipc mail base

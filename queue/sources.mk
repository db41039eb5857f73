# SPDX-License-Identifier: ISC
queue_SPOOL = queue/queue_record.c queue/queue_envelope.c queue/queue_seal.c queue/queue_state.c \
	queue/queue_segment.c queue/queue_scan.c queue/queue_flush.c queue/queue_load.c queue/queue_body.c \
	queue/queue_table.c queue/queue_sched.c
queue_CORE = $(queue_SPOOL) queue/queue_core.c queue/queue_log.c queue/queue_msg.c queue/queue_job.c queue/queue_spool.c \
	queue/queue_run.c queue/queue_notify.c queue/queue_bounce.c queue/queue_texts.c queue/queue_forget.c queue/queue_quota.c \
	queue/queue_compact.c queue/queue_recover.c queue/queue_txn.c queue/queue_resolve.c \
	queue/queue_lookup.c queue/queue_map.c queue/queue_map_file.c queue/queue_map_tool.c \
	queue/queue_facts.c queue/queue_srs.c queue/queue_forward.c queue/queue_rate.c \
	queue/queue_keyd.c queue/queue_list.c \
	queue/queue_route.c queue/queue_line.c queue/queue_relay.c \
	queue/queue_local.c queue/queue_tool.c queue/queue_super.c queue/queue_again.c queue/queue_check.c \
	queue/queue_census.c queue/queue_alarm.c queue/queue_cat.c queue/queue_keep.c $(queue_SITES)

# the scheduler of remote mail
queue_SITES = queue/queue_site.c queue/queue_window.c queue/queue_lane.c queue/queue_parcel.c \
	queue/queue_pick.c queue/queue_shape.c queue/queue_ages.c

PROGRAMS += queue
queue_SRCS = queue/main.c queue/queue_opt.c queue/queue_sts.c queue/queue_tlsrpt.c \
	queue/queue_tlsrpt_send.c $(queue_CORE)
queue_USES = daemon conf report ipc seal crypto db mail io sys base
queue_EXT = $(UV_LIBS) $(SSL_LIBS) $(SECCOMP_LIBS)

PROGRAMS += gwqueue
gwqueue_SRCS = queue/gwqueue.c
gwqueue_USES = daemon ipc base
PROGRAMS += gwcat gwsuper gwshape
gwcat_SRCS = queue/gwcat.c
gwcat_USES = daemon ipc base
gwsuper_SRCS = queue/gwsuper.c
gwsuper_USES = daemon ipc base
gwshape_SRCS = queue/gwshape.c queue/queue_ages.c
gwshape_USES = daemon ipc base
PROGRAMS += gwmap
gwmap_SRCS = queue/gwmap.c queue/gwmap_source.c queue/queue_lookup.c
gwmap_USES = daemon conf ipc crypto mail base
gwmap_EXT = $(UNISTRING_LIBS) $(IDN2_LIBS)

# SPDX-License-Identifier: ISC
store_engine_SRCS = store/kv_overlay.c store/kv_files.c store/kv_lmdb.c store/kv_cycle.c store/blob_sum.c store/blob_segment.c store/blob_record.c store/blob_count.c \
	store/blob_place.c store/blob_write.c store/blob_read.c store/blob_compact.c store/blob_punch.c \
	store/store_journal.c store/store_commit.c
store_mem_SRCS = store/kv_overlay.c store/kv_mem.c store/blob_sum.c store/blob_mem.c store/commit_mem.c
store_core_SRCS = $(store_engine_SRCS) $(store_above_SRCS)
store_above_SRCS = store/store_page.c store/store_wide.c store/store_record.c store/store_note.c store/store_box.c \
	store/store_view.c store/store_walk.c store/store_core.c store/store_op.c store/store_names.c \
	store/store_keywords.c store/store_append.c store/store_arrivals.c store/store_stage.c store/store_reserve.c store/store_thread.c \
	store/store_forget.c store/store_quota.c store/store_metadata.c store/store_expire.c store/store_undelete.c store/store_news.c store/store_pulse.c \
	store/store_acl.c store/store_acl_tool.c store/store_guest.c store/store_mailboxes.c store/store_fetch.c \
	store/store_epochs.c store/store_columns.c \
	store/store_change.c store/store_sync.c store/store_vanished.c store/store_facts.c store/store_sweep.c store/store_mark.c \
	store/store_compact.c store/store_check.c store/store_args.c store/store_rekey.c

# The tool that makes an index again.
store_repair_SRCS = store/store_salvage.c store/store_repair.c store/repair_account.c \
	store/repair_gather.c store/repair_content.c store/repair_name.c store/repair_box.c store/blob_adopt.c

store_SRCS = store/main.c store/store_daemon.c store/store_opt.c $(store_core_SRCS)
store_USES = daemon conf ipc mail crypto db io sys base
PROGRAMS += store

gwstore_SRCS = store/gwstore.c store/gwstore_repair.c $(store_repair_SRCS) $(store_core_SRCS)
gwstore_USES = daemon conf ipc mail crypto db io sys base
PROGRAMS += gwstore

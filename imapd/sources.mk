# SPDX-License-Identifier: ISC
imapd_PURE = imapd/imap_append_text.c \
	imapd/imap_lexer.c imapd/imap_parser.c imapd/imap_seqset.c \
	imapd/imap_mailbox.c imapd/imap_filter.c imapd/imap_flags.c imapd/imap_items.c imapd/imap_search.c imapd/imap_judge.c \
	imapd/imap_casemap.c imapd/imap_subject.c imapd/imap_entry.c imapd/imap_column.c imapd/imap_card.c imapd/imap_sort.c imapd/imap_thread.c imapd/imap_tree.c imapd/imap_found.c imapd/imap_results.c imapd/imap_delta.c imapd/imap_context.c imapd/imap_return.c imapd/imap_objectid.c \
	imapd/imap_match.c imapd/imap_recent.c imapd/imap_binary.c imapd/imap_special.c imapd/imap_header8.c \
	imapd/imap_boxes.c imapd/imap_notify_spec.c imapd/imap_notify_diff.c
imapd_CORE = $(imapd_PURE) imapd/imap_session.c imapd/imap_begin.c imapd/imap_finish.c imapd/imap_caps.c imapd/imap_call.c imapd/imap_guest.c imapd/imap_place.c imapd/imap_acl.c imapd/imap_cmd.c \
	imapd/imap_sync.c imapd/imap_known.c imapd/imap_news.c imapd/imap_update.c imapd/imap_sources.c \
	imapd/imap_notify.c imapd/imap_notify_run.c \
	imapd/imap_login.c imapd/imap_ahead.c imapd/imap_arrivals.c imapd/imap_arrival_open.c imapd/imap_scram.c imapd/imap_list.c imapd/imap_others.c imapd/imap_listing.c imapd/imap_status.c imapd/imap_quota.c imapd/imap_metadata.c imapd/imap_select.c imapd/imap_subscribe.c \
	imapd/imap_row.c imapd/imap_vanished.c imapd/imap_resync.c \
	imapd/imap_expunge.c imapd/imap_copy.c imapd/imap_carry.c imapd/imap_fetch.c imapd/imap_walk.c imapd/imap_firsts.c imapd/imap_opening.c imapd/imap_saved.c imapd/imap_append.c imapd/imap_append_take.c imapd/imap_append_hand.c imapd/imap_partial.c imapd/imap_limit.c imapd/imap_needs.c \
	imapd/imap_scan.c imapd/imap_scan_look.c imapd/imap_columns.c imapd/imap_column_writer.c imapd/imap_cards.c imapd/imap_fresh.c imapd/imap_kit.c \
	imapd/imap_memo.c imapd/imap_object.c imapd/imap_message.c imapd/imap_section.c imapd/imap_source.c imapd/imap_deposit.c imapd/imap_urlauth.c imapd/imap_draft.c imapd/imap_catenate.c $(sort $(wildcard imapd/cmd_*.c))

PROGRAMS += imapd
imapd_SRCS = imapd/main.c imapd/imap_server.c imapd/imap_conn.c imapd/imap_window.c imapd/imap_pulse.c imapd/imapd_opt.c $(imapd_CORE)
imapd_USES = daemon conf ipc seal cmtp sasl crypto mail io sys base
imapd_EXT = $(UV_LIBS) $(SSL_LIBS) $(SECCOMP_LIBS)

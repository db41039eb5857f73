# SPDX-License-Identifier: ISC
UNITS += imapd_imap_lexer_test imapd_imap_parser_test imapd_imap_names_test imapd_imap_search_test
imapd_imap_lexer_test_SRCS = tests/unit/imapd/imap_lexer_test.c imapd/imap_lexer.c
imapd_imap_lexer_test_USES = base
imapd_imap_parser_test_SRCS = tests/unit/imapd/imap_parser_test.c $(imapd_PURE)
imapd_imap_parser_test_USES = mail base
UNITS += imapd_imap_filter_test
imapd_imap_filter_test_SRCS = tests/unit/imapd/imap_filter_test.c $(imapd_PURE)
imapd_imap_filter_test_USES = mail base
imapd_imap_names_test_SRCS = tests/unit/imapd/imap_names_test.c $(imapd_PURE)
imapd_imap_names_test_USES = mail base
imapd_imap_search_test_SRCS = tests/unit/imapd/imap_search_test.c $(imapd_PURE)
imapd_imap_search_test_USES = mail base
UNITS += imapd_imap_session_test
imapd_imap_session_test_SRCS = tests/unit/imapd/imap_session_test.c tests/unit/imapd/imap_say.c tests/unit/imapd/imap_fake.c $(imapd_CORE)
imapd_imap_session_test_USES = ipc seal cmtp sasl crypto mail io base
imapd_imap_session_test_EXT = $(UV_LIBS)
UNITS += imapd_imap_return_test
imapd_imap_return_test_SRCS = tests/unit/imapd/imap_return_test.c $(imapd_PURE)
imapd_imap_return_test_USES = mail base
UNITS += imapd_imap_search_session_test
imapd_imap_search_session_test_SRCS = tests/unit/imapd/imap_search_session_test.c \
	tests/unit/imapd/imap_say.c tests/unit/imapd/imap_fake.c $(imapd_CORE)
imapd_imap_search_session_test_USES = ipc seal cmtp sasl crypto mail io base
imapd_imap_search_session_test_EXT = $(UV_LIBS)
UNITS += imapd_imap_order_test
imapd_imap_order_test_SRCS = tests/unit/imapd/imap_order_test.c $(imapd_PURE)
imapd_imap_order_test_USES = mail base
UNITS += imapd_imap_condstore_test
imapd_imap_condstore_test_SRCS = tests/unit/imapd/imap_condstore_test.c \
	tests/unit/imapd/imap_say.c tests/unit/imapd/imap_fake.c $(imapd_CORE)
imapd_imap_condstore_test_USES = ipc seal cmtp sasl crypto mail io base
imapd_imap_condstore_test_EXT = $(UV_LIBS)
UNITS += imapd_imap_rev2_test
imapd_imap_rev2_test_SRCS = tests/unit/imapd/imap_rev2_test.c \
	tests/unit/imapd/imap_say.c tests/unit/imapd/imap_fake.c $(imapd_CORE)
imapd_imap_rev2_test_USES = ipc seal cmtp sasl crypto mail io base
imapd_imap_rev2_test_EXT = $(UV_LIBS)
UNITS += imapd_imap_modes_test
imapd_imap_modes_test_SRCS = tests/unit/imapd/imap_modes_test.c \
	tests/unit/imapd/imap_say.c tests/unit/imapd/imap_fake.c $(imapd_CORE)
imapd_imap_modes_test_USES = ipc seal cmtp sasl crypto mail io base
imapd_imap_modes_test_EXT = $(UV_LIBS)
UNITS += imapd_imap_binary_test
imapd_imap_binary_test_SRCS = tests/unit/imapd/imap_binary_test.c imapd/imap_binary.c
imapd_imap_binary_test_USES = mail base
UNITS += imapd_imap_fetch_test
imapd_imap_fetch_test_SRCS = tests/unit/imapd/imap_fetch_test.c \
	tests/unit/imapd/imap_say.c tests/unit/imapd/imap_fake.c $(imapd_CORE)
imapd_imap_fetch_test_USES = ipc seal cmtp sasl crypto mail io base
imapd_imap_fetch_test_EXT = $(UV_LIBS)
UNITS += imapd_imap_listing_test
imapd_imap_listing_test_SRCS = tests/unit/imapd/imap_listing_test.c \
	tests/unit/imapd/imap_say.c tests/unit/imapd/imap_fake.c $(imapd_CORE)
imapd_imap_listing_test_USES = ipc seal cmtp sasl crypto mail io base
imapd_imap_listing_test_EXT = $(UV_LIBS)
UNITS += imapd_imap_append_test
imapd_imap_append_test_SRCS = tests/unit/imapd/imap_append_test.c \
	tests/unit/imapd/imap_say.c tests/unit/imapd/imap_fake.c $(imapd_CORE)
imapd_imap_append_test_USES = ipc seal cmtp sasl crypto mail io base
imapd_imap_append_test_EXT = $(UV_LIBS)
UNITS += imapd_imap_metadata_test
imapd_imap_metadata_test_SRCS = tests/unit/imapd/imap_metadata_test.c \
	tests/unit/imapd/imap_say.c tests/unit/imapd/imap_fake.c $(imapd_CORE)
imapd_imap_metadata_test_USES = ipc seal cmtp sasl crypto mail io base
imapd_imap_metadata_test_EXT = $(UV_LIBS)
UNITS += imapd_imap_header8_test
imapd_imap_header8_test_SRCS = tests/unit/imapd/imap_header8_test.c imapd/imap_header8.c
imapd_imap_header8_test_USES = base
UNITS += imapd_imap_context_test
imapd_imap_context_test_SRCS = tests/unit/imapd/imap_context_test.c \
	tests/unit/imapd/imap_say.c tests/unit/imapd/imap_fake.c $(imapd_CORE)
imapd_imap_context_test_USES = ipc seal cmtp sasl crypto mail io base
imapd_imap_context_test_EXT = $(UV_LIBS)
UNITS += imapd_imap_catenate_test
imapd_imap_catenate_test_SRCS = tests/unit/imapd/imap_catenate_test.c \
	tests/unit/imapd/imap_say.c tests/unit/imapd/imap_fake.c $(imapd_CORE)
imapd_imap_catenate_test_USES = ipc seal cmtp sasl crypto mail io base
imapd_imap_catenate_test_EXT = $(UV_LIBS)
UNITS += imapd_imap_acl_test
imapd_imap_acl_test_SRCS = tests/unit/imapd/imap_acl_test.c \
	tests/unit/imapd/imap_say.c tests/unit/imapd/imap_fake.c $(imapd_CORE)
imapd_imap_acl_test_USES = ipc seal cmtp sasl crypto mail io base
imapd_imap_acl_test_EXT = $(UV_LIBS)
UNITS += imapd_imap_esearch_test
imapd_imap_esearch_test_SRCS = tests/unit/imapd/imap_esearch_test.c \
	tests/unit/imapd/imap_say.c tests/unit/imapd/imap_fake.c $(imapd_CORE)
imapd_imap_esearch_test_USES = ipc seal cmtp sasl crypto mail io base
imapd_imap_esearch_test_EXT = $(UV_LIBS)
UNITS += imapd_imap_notify_spec_test
imapd_imap_notify_spec_test_SRCS = tests/unit/imapd/imap_notify_spec_test.c $(imapd_PURE)
imapd_imap_notify_spec_test_USES = ipc mail base
UNITS += imapd_imap_notify_test
imapd_imap_notify_test_SRCS = tests/unit/imapd/imap_notify_test.c \
	tests/unit/imapd/imap_say.c tests/unit/imapd/imap_fake.c $(imapd_CORE)
imapd_imap_notify_test_USES = ipc seal cmtp sasl crypto mail io base
imapd_imap_notify_test_EXT = $(UV_LIBS)
UNITS += imapd_imap_urlauth_test
imapd_imap_urlauth_test_SRCS = tests/unit/imapd/imap_urlauth_test.c \
	tests/unit/imapd/imap_say.c tests/unit/imapd/imap_fake.c $(imapd_CORE)
imapd_imap_urlauth_test_USES = ipc seal cmtp sasl crypto mail io base
imapd_imap_urlauth_test_EXT = $(UV_LIBS)
UNITS += imapd_imap_limit_test
imapd_imap_limit_test_SRCS = tests/unit/imapd/imap_limit_test.c \
	tests/unit/imapd/imap_say.c tests/unit/imapd/imap_fake.c $(imapd_CORE)
imapd_imap_limit_test_USES = ipc seal cmtp sasl crypto mail io base
imapd_imap_limit_test_EXT = $(UV_LIBS)
UNITS += imapd_imap_arrival_test
imapd_imap_arrival_test_SRCS = tests/unit/imapd/imap_arrival_test.c tests/unit/seal/travelling.c \
	tests/unit/imapd/imap_say.c tests/unit/imapd/imap_fake.c $(imapd_CORE)
imapd_imap_arrival_test_USES = ipc seal cmtp sasl crypto mail io base
imapd_imap_arrival_test_EXT = $(UV_LIBS)
UNITS += imapd_imap_arrivals_test
imapd_imap_arrivals_test_SRCS = tests/unit/imapd/imap_arrivals_test.c \
	tests/unit/imapd/imap_say.c tests/unit/imapd/imap_fake.c $(imapd_CORE)
imapd_imap_arrivals_test_USES = ipc seal cmtp sasl crypto mail io base
imapd_imap_arrivals_test_EXT = $(UV_LIBS)
UNITS += imapd_imap_cards_test
imapd_imap_cards_test_SRCS = tests/unit/imapd/imap_cards_test.c \
	tests/unit/imapd/imap_say.c tests/unit/imapd/imap_fake.c $(imapd_CORE)
imapd_imap_cards_test_USES = ipc seal cmtp sasl crypto mail io base
imapd_imap_cards_test_EXT = $(UV_LIBS)
UNITS += imapd_imap_window_test
imapd_imap_window_test_SRCS = tests/unit/imapd/imap_window_test.c imapd/imap_window.c
imapd_imap_window_test_USES = ipc io sys base
imapd_imap_window_test_EXT = $(UV_LIBS)
UNITS += imapd_imap_pulse_test imapd_imap_known_test imapd_imap_select_test
imapd_imap_pulse_test_SRCS = tests/unit/imapd/imap_pulse_test.c imapd/imap_pulse.c
imapd_imap_pulse_test_USES = ipc io sys base
imapd_imap_pulse_test_EXT = $(UV_LIBS)
imapd_imap_known_test_SRCS = tests/unit/imapd/imap_known_test.c imapd/imap_known.c
imapd_imap_known_test_USES = ipc io base
imapd_imap_known_test_EXT = $(UV_LIBS)
imapd_imap_select_test_SRCS = tests/unit/imapd/imap_select_test.c \
	tests/unit/imapd/imap_say.c tests/unit/imapd/imap_fake.c $(imapd_CORE)
imapd_imap_select_test_USES = ipc seal cmtp sasl crypto mail io base
imapd_imap_select_test_EXT = $(UV_LIBS)

# SPDX-License-Identifier: ISC
UNITS += ipc_codec_test ipc_peer_test
ipc_codec_test_SRCS = tests/unit/ipc/ipc_codec_test.c
ipc_codec_test_USES = ipc io base
ipc_peer_test_SRCS = tests/unit/ipc/ipc_peer_test.c
ipc_peer_test_USES = ipc io base

# SPDX-License-Identifier: ISC
ipc_SRCS = lib/ipc/ipc_role.c lib/ipc/ipc_codec.c lib/ipc/ipc_frame.c lib/ipc/ipc_socket.c lib/ipc/ipc_peer.c lib/ipc/ipc_blocking.c \
	lib/ipc/store_rights.c
LIBS += ipc

# SPDX-License-Identifier: ISC
delivery_LOCAL = delivery/dlv_local.c delivery/dlv_job.c delivery/dlv_epoch.c delivery/dlv_lane.c \
	delivery/dlv_rcpt.c delivery/dlv_source.c

PROGRAMS += deliver
deliver_SRCS = delivery/deliver_main.c delivery/delivery_opt.c $(delivery_LOCAL)
deliver_USES = daemon conf ipc seal crypto mail io sys base
deliver_EXT = $(UV_LIBS) $(SSL_LIBS) $(SECCOMP_LIBS)

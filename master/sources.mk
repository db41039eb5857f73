# SPDX-License-Identifier: ISC
master_OPTIONS = master/master_sections.c queue/queue_opt.c delivery/delivery_opt.c \
	store/store_opt.c imapd/imapd_opt.c cmtpd/cmtpd_opt.c keyd/keyd_opt.c
master_CONFIG = master/master_config.c master/master_routes.c master/master_paths.c $(master_OPTIONS)
godwit_SRCS = master/godwit.c master/godwit_setup.c master/master_run.c master/master_plan.c \
	master/master_spawn.c master/master_watch.c master/master_listen.c master/master_log.c \
	master/master_control.c master/master_drop.c master/master_drop_scan.c \
	master/master_drop_share.c master/master_status.c master/master_notify.c master/master_wire.c $(master_CONFIG)
godwit_USES = daemon conf ipc crypto mail io sys base
gwconf_SRCS = master/gwconf.c $(master_CONFIG)
gwconf_USES = conf mail ipc io sys base
PROGRAMS += godwit gwconf

# SPDX-License-Identifier: ISC
sys_SRCS = lib/sys/fd.c lib/sys/password.c lib/sys/path.c lib/sys/jail.c lib/sys/proc.c lib/sys/window.c lib/sys/pulse.c \
	lib/sys/sandbox_landlock.c lib/sys/sandbox_seccomp.c
sys_EXT = $(SECCOMP_LIBS)
LIBS += sys

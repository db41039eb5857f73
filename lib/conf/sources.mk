# SPDX-License-Identifier: ISC
conf_SRCS = lib/conf/opt.c lib/conf/opt_value.c lib/conf/opt_wire.c lib/conf/opt_net.c lib/conf/opt_man.c \
	lib/conf/conf_sections.c lib/conf/conf_text.c lib/conf/conf_source.c lib/conf/conf_grammar.c lib/conf/conf_map.c lib/conf/conf_file.c lib/conf/conf_edit.c \
	lib/conf/conf_hop.c lib/conf/conf_route.c lib/conf/conf_quota.c
conf_EXT = $(CONFUSE_LIBS)
LIBS += conf

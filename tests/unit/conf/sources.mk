# SPDX-License-Identifier: ISC
UNITS += conf_opt_value_test conf_opt_wire_test conf_opt_net_test conf_file_test conf_edit_test conf_opt_man_test
conf_opt_value_test_SRCS = tests/unit/conf/opt_value_test.c
conf_opt_value_test_USES = conf ipc io sys base
conf_opt_wire_test_SRCS = tests/unit/conf/opt_wire_test.c
conf_opt_wire_test_USES = conf ipc io sys base
conf_opt_net_test_SRCS = tests/unit/conf/opt_net_test.c
conf_opt_net_test_USES = conf ipc io sys base
conf_file_test_SRCS = tests/unit/conf/conf_file_test.c $(master_OPTIONS)
conf_file_test_USES = conf ipc io sys base
conf_edit_test_SRCS = tests/unit/conf/conf_edit_test.c $(master_OPTIONS)
conf_edit_test_USES = conf ipc io sys base
conf_opt_man_test_SRCS = tests/unit/conf/opt_man_test.c $(master_OPTIONS)
conf_opt_man_test_USES = conf ipc io sys base
UNITS += conf_route_test
conf_route_test_SRCS = tests/unit/conf/conf_route_test.c
conf_route_test_USES = conf mail io sys base

# SPDX-License-Identifier: ISC
UNITS += io_loop_test
io_loop_test_SRCS = tests/unit/io/loop_test.c
io_loop_test_USES = io base

UNITS += io_conn_clients_test
io_conn_clients_test_SRCS = tests/unit/io/conn_clients_test.c
io_conn_clients_test_USES = io base

UNITS += io_conn_test
io_conn_test_SRCS = tests/unit/io/conn_test.c
io_conn_test_USES = io base

UNITS += io_tls_test
io_tls_test_SRCS = tests/unit/io/tls_test.c
io_tls_test_USES = io base

UNITS += io_dial_test
io_dial_test_SRCS = tests/unit/io/dial_test.c
io_dial_test_USES = io base

UNITS += io_tls_client_test
io_tls_client_test_SRCS = tests/unit/io/tls_client_test.c tests/unit/io/tls_side.c
io_tls_client_test_USES = io sys base

UNITS += io_tls_client_hostile_test
io_tls_client_hostile_test_SRCS = tests/unit/io/tls_client_hostile_test.c \
	tests/unit/io/tls_side.c
io_tls_client_hostile_test_USES = io base

UNITS += io_zip_test
io_zip_test_SRCS = tests/unit/io/zip_test.c
io_zip_test_USES = io base

UNITS += io_tls_kdf_test
io_tls_kdf_test_SRCS = tests/unit/io/tls_kdf_test.c
io_tls_kdf_test_USES = io base

UNITS += io_tls_x25519_test
io_tls_x25519_test_SRCS = tests/unit/io/tls_x25519_test.c
io_tls_x25519_test_USES = io base

UNITS += io_tls_mac_test
io_tls_mac_test_SRCS = tests/unit/io/tls_mac_test.c
io_tls_mac_test_USES = io base

UNITS += io_tls_random_test
io_tls_random_test_SRCS = tests/unit/io/tls_random_test.c
io_tls_random_test_USES = io base

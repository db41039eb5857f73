# SPDX-License-Identifier: ISC
io_SRCS = lib/io/loop.c lib/io/conn.c lib/io/conn_addr.c lib/io/conn_clients.c lib/io/conn_listener.c \
	lib/io/conn_out.c lib/io/conn_tap.c lib/io/dial.c lib/io/link.c lib/io/tls.c lib/io/tls_ask.c lib/io/tls_binding.c \
	lib/io/tls_client.c lib/io/tls_hash.c lib/io/tls_kdf.c lib/io/tls_mac.c \
	lib/io/tls_provider.c lib/io/tls_random.c lib/io/tls_signer.c lib/io/tls_stream.c \
	lib/io/tls_verify.c lib/io/tls_x25519.c lib/io/tls_x25519_base.c lib/io/zip.c
io_EXT = $(UV_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS) $(SODIUM_LIBS) $(ZLIB_LIBS)
LIBS += io

/* SPDX-License-Identifier: ISC */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "lib/io/tls_random.h"

#include <sodium.h>

#include "lib/io/openssl.h"

/* The kernel's is for everything, and never runs out. */
static int
random_bytes(unsigned char *dst, int n)
{
	if (n < 0)
		return 0;
	randombytes_buf(dst, (size_t)n);
	return 1;
}

static int
random_status(void)
{
	return 1;
}

enum err
tls_random_use(void)
{
	static const RAND_METHOD method = {
		.bytes = random_bytes,
		.pseudorand = random_bytes,
		.status = random_status,
	};

	return RAND_set_rand_method(&method) == 1 ? ERR_OK : ERR_CRYPTO;
}

/* SPDX-License-Identifier: ISC */
/*
 * Numbers modulo 2^255 - 19 are five limbs of 51 bits.  Those of a product are
 * sums below 2^111 when its factors' are below 2^52, as they are again after
 * carry().  They need not be the least of their class before put() makes them so.
 */
#include "lib/io/tls_x25519_base.h"

#include <sodium.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/enc.h"

#ifdef __SIZEOF_INT128__

#define LIMBS		5
#define LIMB_BITS	51
#define LIMB		((UINT64_C(1) << LIMB_BITS) - 1)
#define ABOVE		19	/* 2^255 is 19 */

__extension__ typedef unsigned __int128 wide;

struct num {
	uint64_t	 limb[LIMBS];
};

static inline struct num
carry(const wide r[LIMBS])
{
	const wide r1 = r[1] + (uint64_t)(r[0] >> LIMB_BITS),
	    r2 = r[2] + (uint64_t)(r1 >> LIMB_BITS), r3 = r[3] + (uint64_t)(r2 >> LIMB_BITS),
	    r4 = r[4] + (uint64_t)(r3 >> LIMB_BITS);
	const uint64_t first = ((uint64_t)r[0] & LIMB) + ABOVE * (uint64_t)(r4 >> LIMB_BITS);
	const struct num out = { {
		first & LIMB, ((uint64_t)r1 & LIMB) + (first >> LIMB_BITS),
		(uint64_t)r2 & LIMB, (uint64_t)r3 & LIMB, (uint64_t)r4 & LIMB,
	} };

	return out;
}

static struct num
times(struct num x, struct num y)
{
	const uint64_t *a = x.limb, *b = y.limb;
	const uint64_t b1 = b[1] * ABOVE, b2 = b[2] * ABOVE, b3 = b[3] * ABOVE,
	    b4 = b[4] * ABOVE;
	const wide r[LIMBS] = {
		(wide)a[0] * b[0] + (wide)a[1] * b4 + (wide)a[2] * b3 +
		    (wide)a[3] * b2 + (wide)a[4] * b1,
		(wide)a[0] * b[1] + (wide)a[1] * b[0] + (wide)a[2] * b4 +
		    (wide)a[3] * b3 + (wide)a[4] * b2,
		(wide)a[0] * b[2] + (wide)a[1] * b[1] + (wide)a[2] * b[0] +
		    (wide)a[3] * b4 + (wide)a[4] * b3,
		(wide)a[0] * b[3] + (wide)a[1] * b[2] + (wide)a[2] * b[1] +
		    (wide)a[3] * b[0] + (wide)a[4] * b4,
		(wide)a[0] * b[4] + (wide)a[1] * b[3] + (wide)a[2] * b[2] +
		    (wide)a[3] * b[1] + (wide)a[4] * b[0],
	};

	return carry(r);
}

/* x to the power of 2^n. */
static struct num
squared(struct num x, int n)
{
	const uint64_t *a = x.limb;

	for (; n > 0; n--) {
		const uint64_t a0 = a[0] * 2, a1 = a[1] * 2, a2 = a[2] * 2,
		    a3 = a[3] * ABOVE, a4 = a[4] * ABOVE;
		const wide r[LIMBS] = {
			(wide)a[0] * a[0] + (wide)a1 * a4 + (wide)a2 * a3,
			(wide)a0 * a[1] + (wide)a2 * a4 + (wide)a[3] * a3,
			(wide)a0 * a[2] + (wide)a[1] * a[1] + (wide)(a[3] * 2) * a4,
			(wide)a0 * a[3] + (wide)a1 * a[2] + (wide)a[4] * a4,
			(wide)a0 * a[4] + (wide)a1 * a[3] + (wide)a[2] * a[2],
		};

		x = carry(r);
	}
	return x;
}

/* x to the power of 2^255 - 21; the exponents of 2^n - 1 on the way are named by n. */
static struct num
inverse(struct num x)
{
	const struct num two = squared(x, 1), nine = times(squared(two, 2), x),
	    eleven = times(nine, two), n5 = times(squared(eleven, 1), nine),
	    n10 = times(squared(n5, 5), n5), n20 = times(squared(n10, 10), n10),
	    n40 = times(squared(n20, 20), n20), n50 = times(squared(n40, 10), n10),
	    n100 = times(squared(n50, 50), n50), n200 = times(squared(n100, 100), n100),
	    n250 = times(squared(n200, 50), n50);

	return times(squared(n250, 5), eleven);
}

static struct num
get(const unsigned char *p)
{
	return (struct num){ {
		dec_le64(p) & LIMB,
		dec_le64(p + 6) >> 3 & LIMB,
		dec_le64(p + 12) >> 6 & LIMB,
		dec_le64(p + 19) >> 1 & LIMB,
		dec_le64(p + 24) >> 12 & LIMB,		/* without the sign of x */
	} };
}

/* The limbs' carries; what is above 2^255 comes back. */
static uint64_t
settle(struct num *x)
{
	uint64_t over = 0;

	for (size_t i = 0; i < LIMBS; i++) {
		x->limb[i] += over;
		over = x->limb[i] >> LIMB_BITS;
		x->limb[i] &= LIMB;
	}
	return over;
}

/* Adding 19 goes over 2^255 from the modulus on: then it is taken away. */
static void
put(unsigned char *p, struct num x)
{
	struct num more;
	uint64_t over;

	for (int i = 0; i < 2; i++) {
		over = settle(&x);
		x.limb[0] += ABOVE * over;
	}
	more = x;
	more.limb[0] += ABOVE;
	over = settle(&more);
	x.limb[0] += ABOVE * over;
	(void)settle(&x);
	enc_le64(p, x.limb[0] | x.limb[1] << 51);
	enc_le64(p + 8, x.limb[1] >> 13 | x.limb[2] << 38);
	enc_le64(p + 16, x.limb[2] >> 26 | x.limb[3] << 25);
	enc_le64(p + 24, x.limb[3] >> 39 | x.limb[4] << 12);
}

/* The divisor is taken from twice the modulus: no limb of y is above it. */
void
tls_x25519_u(unsigned char *u, const unsigned char *point)
{
	struct num y = get(point), above = y, below;

	above.limb[0] += 1;
	for (size_t i = 0; i < LIMBS; i++)
		below.limb[i] = 2 * LIMB - y.limb[i];
	below.limb[0] -= 2 * (ABOVE - 1) - 1;
	put(u, times(above, inverse(below)));
}

bool
tls_x25519_base(unsigned char *public, const unsigned char *private)
{
	unsigned char point[crypto_scalarmult_ed25519_BYTES];

	/* The scalar is clamped as X25519 does it: RFC 7748 s5, RFC 8032 s5.1.5. */
	if (crypto_scalarmult_ed25519_base(point, private) != 0)
		return false;
	tls_x25519_u(public, point);
	return true;
}

#else	/* half as wide, the detour would be longer */

bool
tls_x25519_base(unsigned char *public, const unsigned char *private)
{
	return !sodium_is_zero(private, crypto_scalarmult_SCALARBYTES) &&
	    crypto_scalarmult_base(public, private) == 0;
}

#endif

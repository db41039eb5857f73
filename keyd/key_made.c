/* SPDX-License-Identifier: ISC */
#include "keyd/key_made.h"

#include <string.h>

#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/crypto/cry.h"

enum { APP_DIGITS = 24, RECOVERY_DIGITS = 32, APP_GROUP = 6, RECOVERY_GROUP = 4 };

/* Crockford's base32, lower case. */
static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

static size_t
digits_of(enum key_slot_kind kind)
{
	return kind == KEY_SLOT_APP ? APP_DIGITS : RECOVERY_DIGITS;
}

void
key_made_new(struct key_made *m, enum key_slot_kind kind)
{
	unsigned char random[KEY_MADE_DIGITS_MAX];

	m->n = digits_of(kind);
	cry_random(random, sizeof(random));
	for (size_t i = 0; i < m->n; i++)
		m->digits[i] = alphabet[random[i] % 32];
	secret_wipe(random, sizeof(random));
}

void
key_made_text(char text[KEY_MADE_TEXT_MAX], const struct key_made *m)
{
	size_t group = m->n == APP_DIGITS ? APP_GROUP : RECOVERY_GROUP, n = 0;

	for (size_t i = 0; i < m->n; i++) {
		if (i > 0 && i % group == 0)
			text[n++] = '-';
		text[n++] = m->digits[i];
	}
	must(n < KEY_MADE_TEXT_MAX);
	text[n] = '\0';
}

static char
digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		c = (char)(c - 'A' + 'a');
	if (c == 'i' || c == 'l')
		return '1';
	return c == 'o' ? '0' : c;
}

enum err
key_made_parse(struct key_made *m, enum key_slot_kind kind, struct slice s)
{
	size_t want = digits_of(kind);

	m->n = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = digit(s.p[i]);

		if (c == '-' || c == ' ')
			continue;
		if (c == '\0' || strchr(alphabet, c) == NULL || m->n == want)
			return ERR_SYNTAX;
		m->digits[m->n++] = c;
	}
	return m->n == want ? ERR_OK : ERR_SYNTAX;
}

static void
derive(unsigned char verifier[32], unsigned char under[32], const unsigned char salt[16],
    const struct key_made *m)
{
	unsigned char key[32] = { 0 }, base[32];

	memcpy(key, salt, 16);
	cry_mac(base, sizeof(base), key, slice_of(m->digits, m->n));
	cry_subkey(verifier, base, "godwit made verifier");
	cry_subkey(under, base, "godwit made wrap");
	secret_wipe(base, sizeof(base));
}

void
key_made_slot(struct key_made_slot *s, const struct key_made *m, unsigned char under[32])
{
	cry_random(s->salt, sizeof(s->salt));
	derive(s->verifier, under, s->salt, m);
}

bool
key_made_fits(const struct key_made_slot *s, const struct key_made *m,
    unsigned char under[32])
{
	unsigned char got[32];
	bool fits;

	derive(got, under, s->salt, m);
	fits = secret_eq(got, s->verifier, sizeof(got));
	secret_wipe(got, sizeof(got));
	if (!fits)
		secret_wipe(under, 32);
	return fits;
}

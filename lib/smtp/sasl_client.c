/* SPDX-License-Identifier: ISC */
#include "lib/smtp/sasl_client.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/num.h"
#include "lib/base/secret.h"
#include "lib/crypto/cry_sha2.h"
#include "lib/mail/saslprep.h"

#define GS2_MAX		(64u + SASL_BINDING_MAX)
#define SALT_MAX	1024
#define NONCE_MAX	512

static const struct {
	enum sasl_mechanism	 id;
	const char		*name;
} mechanisms[] = {
#define M(id, bit, text)	{ SASL_##id, text },
	SASL_MECHANISMS(M)
#undef M
};

enum sasl_mechanism
sasl_client_mechanism(struct slice name)
{
	for (size_t i = 0; i < lengthof(mechanisms); i++)
		if (slice_ieq_str(name, mechanisms[i].name))
			return mechanisms[i].id;
	return SASL_NONE;
}

const char *
sasl_client_name(enum sasl_mechanism m)
{
	for (size_t i = 0; i < lengthof(mechanisms); i++)
		if (mechanisms[i].id == m)
			return mechanisms[i].name;
	return "";
}

enum sasl_mechanism
sasl_client_choose(unsigned set)
{
	for (size_t i = 0; i < lengthof(mechanisms); i++)
		if ((mechanisms[i].id & set) != 0)
			return mechanisms[i].id;
	return SASL_NONE;
}

static void
init_secret(struct buf *b, size_t max)
{
	buf_init(b, max);
	b->secret = true;
}

/* Separators of the mechanisms: a NUL of PLAIN, a ^A of XOAUTH2. */
static bool
has_separator(struct slice s)
{
	return slice_find(s, '\0') < s.n || slice_find(s, '\1') < s.n;
}

/* RFC 5802 s7: gs2-header, without authzid, and cbind-data behind it. */
static enum err
put_gs2(struct sasl_client *c, const struct sasl_binding *b)
{
	if (c->mechanism != SASL_SCRAM_SHA_256_PLUS) {
		buf_put_str(&c->gs2, b != NULL ? "y,," : "n,,");
		c->gs2_n = c->gs2.n;
		return ERR_OK;
	}
	if (b == NULL || b->n == 0)
		return ERR_UNSUPPORTED;
	if (b->n > SASL_BINDING_MAX)
		return ERR_LIMIT;
	buf_printf(&c->gs2, "p=%s,,", b->type);
	c->gs2_n = c->gs2.n;
	buf_put(&c->gs2, b->bytes, b->n);
	return buf_err(&c->gs2) == ERR_OK ? ERR_OK : ERR_LIMIT;
}

enum err
sasl_client_init(struct sasl_client *c, enum sasl_mechanism m, struct slice user,
    struct slice secret, const unsigned char nonce[SASL_NONCE_BYTES],
    const struct sasl_binding *b)
{
	memset(c, 0, sizeof(*c));
	c->mechanism = m;
	init_secret(&c->user, SASL_USER_MAX);
	init_secret(&c->secret, SASL_SECRET_MAX);
	init_secret(&c->nonce, NONCE_MAX);
	init_secret(&c->gs2, GS2_MAX);
	init_secret(&c->auth, SASL_RESPONSE_MAX);
	buf_put_slice(&c->user, user);
	buf_put_slice(&c->secret, secret);
	enc_put_base64(&c->nonce, slice_of(nonce, SASL_NONCE_BYTES));
	if (buf_err(&c->user) != ERR_OK || buf_err(&c->secret) != ERR_OK)
		return ERR_LIMIT;
	if (has_separator(user) || has_separator(secret))
		return ERR_SYNTAX;
	return put_gs2(c, b);
}

void
sasl_client_fini(struct sasl_client *c)
{
	buf_fini(&c->user);
	buf_fini(&c->secret);
	buf_fini(&c->nonce);
	buf_fini(&c->gs2);
	buf_fini(&c->auth);
	secret_wipe(c->server_signature, sizeof(c->server_signature));
}

/* ---- SCRAM (RFC 5802) ---- */

/* RFC 5802 s5.1: a comma or equals sign in the name is escaped. */
static void
put_saslname(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == ',')
			buf_put_str(out, "=2C");
		else if (s.p[i] == '=')
			buf_put_str(out, "=3D");
		else
			buf_put_char(out, s.p[i]);
	}
}

static void
scram_first(struct sasl_client *c, struct buf *out)
{
	buf_reset(&c->auth);
	buf_put_str(&c->auth, "n=");
	put_saslname(&c->auth, buf_slice(&c->user));
	buf_put_str(&c->auth, ",r=");
	buf_put_slice(&c->auth, buf_slice(&c->nonce));
	buf_put_slice(out, slice_head(buf_slice(&c->gs2), c->gs2_n));
	buf_put_slice(out, buf_slice(&c->auth));
}

/* The next attribute, "r=..." for r; false when another stands there. */
static bool
take_attribute(struct slice *s, char name, struct slice *value)
{
	struct slice head;

	*s = slice_cut(*s, ',', &head);
	if (head.n < 2 || head.p[0] != name || head.p[1] != '=')
		return false;
	*value = slice_from(head, 2);
	return true;
}

struct scram_challenge {
	struct slice	 nonce;
	uint32_t	 rounds;
};

/* RFC 5802 s5.1: server-first-message; an "m=" in front is not for us. */
static enum err
read_first(const struct sasl_client *c, struct slice s, struct scram_challenge *ch,
    struct buf *salt)
{
	struct slice own = buf_slice(&c->nonce), value;
	uint64_t rounds;

	if (!take_attribute(&s, 'r', &ch->nonce) || ch->nonce.n <= own.n ||
	    ch->nonce.n > NONCE_MAX || !slice_eq(slice_head(ch->nonce, own.n), own))
		return ERR_SYNTAX;
	for (size_t i = 0; i < ch->nonce.n; i++)
		if (!ascii_is_print(ch->nonce.p[i]) || ch->nonce.p[i] == ' ')
			return ERR_SYNTAX;
	if (!take_attribute(&s, 's', &value) || value.n == 0 ||
	    enc_get_base64(salt, value) != ERR_OK)
		return ERR_SYNTAX;
	if (!take_attribute(&s, 'i', &value) ||
	    num_parse_u64(value, UINT64_MAX, &rounds) != ERR_OK)
		return ERR_SYNTAX;
	if (rounds < SASL_ITERATIONS_MIN || rounds > SASL_ITERATIONS_MAX)
		return ERR_LIMIT;
	ch->rounds = (uint32_t)rounds;
	return ERR_OK;
}

static struct slice
key_slice(const unsigned char key[CRY_SHA2_BYTES])
{
	return slice_of(key, CRY_SHA2_BYTES);
}

/* RFC 5802 s2.2: Hi(Normalize(password), salt, i) */
static void
salt_password(const struct sasl_client *c, struct slice salt, uint32_t rounds,
    unsigned char salted[CRY_SHA2_BYTES])
{
	struct slice secret = buf_slice(&c->secret);
	struct buf prepared;

	init_secret(&prepared, SASLPREP_OUT_MAX);
	if (saslprep_password(secret, &prepared) == ERR_OK)
		secret = buf_slice(&prepared);
	cry_sha2_pbkdf2(salted, secret, salt, rounds);
	buf_fini(&prepared);
}

/* RFC 5802 s3: the proof, and what the server will have to show. */
static void
scram_prove(struct sasl_client *c, struct slice salt, uint32_t rounds,
    unsigned char proof[CRY_SHA2_BYTES])
{
	unsigned char salted[CRY_SHA2_BYTES], key[CRY_SHA2_BYTES], stored[CRY_SHA2_BYTES];
	struct slice auth = buf_slice(&c->auth);

	salt_password(c, salt, rounds, salted);
	cry_sha2_hmac(key, key_slice(salted), SLICE_LIT("Client Key"));
	cry_sha2_256(stored, key_slice(key));
	cry_sha2_hmac(proof, key_slice(stored), auth);
	for (size_t i = 0; i < CRY_SHA2_BYTES; i++)
		proof[i] ^= key[i];
	cry_sha2_hmac(key, key_slice(salted), SLICE_LIT("Server Key"));
	cry_sha2_hmac(c->server_signature, key_slice(key), auth);
	secret_wipe(salted, sizeof(salted));
	secret_wipe(key, sizeof(key));
	secret_wipe(stored, sizeof(stored));
}

static enum err
scram_on_first(struct sasl_client *c, struct slice s, struct buf *out)
{
	unsigned char proof[CRY_SHA2_BYTES];
	struct scram_challenge ch;
	struct buf salt;
	size_t final;
	enum err e;

	buf_init(&salt, SALT_MAX);
	e = read_first(c, s, &ch, &salt);
	if (e != ERR_OK)
		goto out;
	buf_put_char(&c->auth, ',');
	buf_put_slice(&c->auth, s);
	buf_put_char(&c->auth, ',');
	final = c->auth.n;
	buf_put_str(&c->auth, "c=");
	enc_put_base64(&c->auth, buf_slice(&c->gs2));
	buf_put_str(&c->auth, ",r=");
	buf_put_slice(&c->auth, ch.nonce);
	e = buf_err(&c->auth) == ERR_OK ? ERR_OK : ERR_SYNTAX;
	if (e != ERR_OK)
		goto out;
	scram_prove(c, buf_slice(&salt), ch.rounds, proof);
	buf_put_slice(out, slice_from(buf_slice(&c->auth), final));
	buf_put_str(out, ",p=");
	enc_put_base64(out, key_slice(proof));
out:
	buf_fini(&salt);
	return e;
}

/* RFC 5802 s5.1: server-final-message, "v=" or "e="; the answer is empty. */
static enum err
scram_on_final(struct sasl_client *c, struct slice s)
{
	unsigned char none[1] = { 0 };
	struct slice value;
	struct buf got;
	bool is_right;

	if (slice_starts(s, "e="))
		return ERR_AUTH;
	if (!take_attribute(&s, 'v', &value))
		return ERR_SYNTAX;
	buf_init(&got, CRY_SHA2_BYTES);
	is_right = enc_get_base64(&got, value) == ERR_OK && got.n == CRY_SHA2_BYTES &&
	    secret_eq(got.n > 0 ? (const void *)buf_data(&got) : none, c->server_signature,
	    CRY_SHA2_BYTES);
	buf_fini(&got);
	c->is_proven = is_right;
	return is_right ? ERR_OK : ERR_AUTH;
}

/* ---- all mechanisms ---- */

bool
sasl_client_start(struct sasl_client *c, struct buf *out)
{
	struct slice user = buf_slice(&c->user), secret = buf_slice(&c->secret);

	switch (c->mechanism) {
	case SASL_NONE:
	case SASL_LOGIN:
		return false;
	case SASL_PLAIN:
		/* RFC 4616 s2: authzid NUL authcid NUL passwd */
		buf_put_char(out, '\0');
		buf_put_slice(out, user);
		buf_put_char(out, '\0');
		buf_put_slice(out, secret);
		return true;
	case SASL_XOAUTH2:
		buf_put_str(out, "user=");
		buf_put_slice(out, user);
		buf_put_str(out, "\1auth=Bearer ");
		buf_put_slice(out, secret);
		buf_put_str(out, "\1\1");
		return true;
	case SASL_SCRAM_SHA_256_PLUS:
	case SASL_SCRAM_SHA_256:
		scram_first(c, out);
		return true;
	}
	return false;
}

enum err
sasl_client_on_challenge(struct sasl_client *c, struct slice challenge, struct buf *out)
{
	unsigned step = c->step++;

	if (challenge.n > SASL_CHALLENGE_MAX)
		return ERR_SYNTAX;
	switch (c->mechanism) {
	case SASL_NONE:
	case SASL_PLAIN:
		return ERR_SYNTAX;
	case SASL_LOGIN:
		/* It asks for the name, then for the password, in words of its own. */
		if (step > 1)
			return ERR_SYNTAX;
		buf_put_slice(out, buf_slice(step == 0 ? &c->user : &c->secret));
		return ERR_OK;
	case SASL_XOAUTH2:
		return step == 0 ? ERR_END : ERR_SYNTAX;
	case SASL_SCRAM_SHA_256_PLUS:
	case SASL_SCRAM_SHA_256:
		if (step == 0)
			return scram_on_first(c, challenge, out);
		return step == 1 ? scram_on_final(c, challenge) : ERR_SYNTAX;
	}
	return ERR_SYNTAX;
}

static bool
is_scram(enum sasl_mechanism m)
{
	return m == SASL_SCRAM_SHA_256_PLUS || m == SASL_SCRAM_SHA_256;
}

enum err
sasl_client_on_success(const struct sasl_client *c)
{
	/* RFC 5802 s5: a client must not go on without the server's signature. */
	return is_scram(c->mechanism) && !c->is_proven ? ERR_AUTH : ERR_OK;
}

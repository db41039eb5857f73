/* SPDX-License-Identifier: ISC */
#include "lib/sasl/scram_server.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/secret.h"

#define BINDING_MAX	1024	/* gs2-header and data */

void
scram_server_init(struct scram_server *s, bool is_plus, bool offers_plus)
{
	memset(s, 0, sizeof(*s));
	s->is_plus = is_plus;
	s->offers_plus = offers_plus;
	buf_init(&s->header, SCRAM_MESSAGE_MAX);
	buf_init(&s->mem, SCRAM_MESSAGE_MAX);
	buf_init(&s->name, SCRAM_USER_MAX);
	buf_init(&s->full_nonce, SCRAM_MESSAGE_MAX);
}

void
scram_server_fini(struct scram_server *s)
{
	buf_fini(&s->header);
	buf_fini(&s->mem);
	buf_fini(&s->name);
	buf_fini(&s->full_nonce);
}

/* "=2C" and "=3D" stand for comma and equals sign, nothing else is escaped (s5.1). */
static enum err
unescape(struct buf *out, struct slice s)
{
	buf_reset(out);
	while (s.n > 0) {
		if (s.p[0] != '=') {
			buf_put_char(out, s.p[0]);
			s = slice_from(s, 1);
			continue;
		}
		if (slice_starts(s, "=2C"))
			buf_put_char(out, ',');
		else if (slice_starts(s, "=3D"))
			buf_put_char(out, '=');
		else
			return ERR_SYNTAX;
		s = slice_from(s, 3);
	}
	return buf_err(out) == ERR_OK && out->n > 0 ? ERR_OK : ERR_SYNTAX;
}

/* The next attribute, "r=..." for r; false when another stands there. */
static bool
take(struct slice *s, char name, struct slice *value)
{
	struct slice head;

	*s = slice_cut(*s, ',', &head);
	if (head.n < 3 || head.p[0] != name || head.p[1] != '=')
		return false;
	*value = slice_from(head, 2);
	return true;
}

/* gs2-cbind-flag (s7): "n", "y", or "p=" and the kind. */
static enum err
check_flag(const struct scram_server *s, struct slice flag)
{
	if (slice_starts(flag, "p=")) {
		if (!s->is_plus)
			return ERR_SYNTAX;
		return s->binding.n > 0 ? ERR_OK : ERR_AUTH;
	}
	if (s->is_plus)
		return ERR_SYNTAX;
	/* s6: the client could bind and saw no offer, but there was one. */
	if (slice_eq_str(flag, "y"))
		return s->offers_plus ? ERR_AUTH : ERR_OK;
	return slice_eq_str(flag, "n") ? ERR_OK : ERR_SYNTAX;
}

static bool
is_nonce(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_print(s.p[i]) || s.p[i] == ' ' || s.p[i] == ',')
			return false;
	return s.n >= SCRAM_NONCE_MIN && s.n <= SCRAM_NONCE_MAX;
}

static enum err
read_bare(struct scram_server *s, struct slice bare)
{
	struct slice value;

	/* s5.1: "m=" is for extensions that must be understood; we have none. */
	if (!take(&bare, 'n', &value))
		return ERR_SYNTAX;
	if (unescape(&s->name, value) != ERR_OK || !utf8_ok(buf_slice(&s->name)) ||
	    slice_find(buf_slice(&s->name), '\0') < s->name.n)
		return ERR_SYNTAX;
	s->user = buf_slice(&s->name);
	if (!take(&bare, 'r', &s->nonce) || !is_nonce(s->nonce))
		return ERR_SYNTAX;
	return ERR_OK;
}

static enum err
check_authzid(const struct scram_server *s, struct slice text)
{
	struct buf name;
	enum err e;

	if (text.n == 0)
		return ERR_OK;
	if (!slice_starts(text, "a="))
		return ERR_SYNTAX;
	buf_init(&name, SCRAM_USER_MAX);
	e = unescape(&name, slice_from(text, 2));
	if (e == ERR_OK && !slice_ieq(buf_slice(&name), s->user))
		e = ERR_AUTH;
	buf_fini(&name);
	return e;
}

struct slice
scram_server_binding(struct slice first)
{
	struct slice flag;

	(void)slice_cut(first, ',', &flag);
	return slice_starts(flag, "p=") ? slice_from(flag, 2) : SLICE_NONE;
}

enum err
scram_server_first(struct scram_server *s, struct slice message, const struct scram_binding *b)
{
	struct slice rest, flag, authzid, all;
	enum err e, binding;

	if (message.n > SCRAM_MESSAGE_MAX)
		return ERR_SYNTAX;
	if (b != NULL)
		s->binding = *b;
	buf_reset(&s->mem);
	buf_put_slice(&s->mem, message);
	all = rest = buf_slice(&s->mem);
	rest = slice_cut(rest, ',', &flag);
	rest = slice_cut(rest, ',', &authzid);
	if (rest.n == 0)
		return ERR_SYNTAX;
	binding = check_flag(s, flag);
	if (binding == ERR_SYNTAX)
		return ERR_SYNTAX;
	buf_reset(&s->header);
	buf_put_slice(&s->header, slice_head(all, all.n - rest.n));
	s->bare = rest;
	e = read_bare(s, rest);
	if (e == ERR_OK)
		e = check_authzid(s, authzid);
	return e != ERR_OK ? e : binding;
}

enum err
scram_server_challenge(struct scram_server *s, struct slice server_first)
{
	struct slice nonce;

	if (!take(&server_first, 'r', &nonce) || nonce.n <= s->nonce.n ||
	    !slice_eq(slice_head(nonce, s->nonce.n), s->nonce))
		return ERR_VIOLATION;
	buf_reset(&s->full_nonce);
	buf_put_slice(&s->full_nonce, nonce);
	return buf_err(&s->full_nonce) == ERR_OK ? ERR_OK : ERR_VIOLATION;
}

/* s7: c= is base64 of the gs2-header and, if it says so, the binding's bytes. */
static enum err
check_binding(const struct scram_server *s, struct slice base64)
{
	struct buf got, want;
	enum err e;

	buf_init(&got, BINDING_MAX);
	buf_init(&want, BINDING_MAX);
	buf_put_slice(&want, buf_slice(&s->header));
	if (s->is_plus)
		buf_put_slice(&want, slice_of(s->binding.bytes, s->binding.n));
	e = enc_get_base64(&got, base64);
	if (e == ERR_OK)
		e = buf_err(&want) == ERR_OK && slice_eq(buf_slice(&got), buf_slice(&want)) ?
		    ERR_OK : ERR_AUTH;
	else
		e = ERR_SYNTAX;
	buf_fini(&got);
	buf_fini(&want);
	return e;
}

static enum err
read_proof(struct scram_final *f, struct slice base64)
{
	struct buf b;
	enum err e;

	buf_init(&b, SCRAM_PROOF_BYTES);
	e = enc_get_base64(&b, base64) == ERR_OK && b.n == SCRAM_PROOF_BYTES ?
	    ERR_OK : ERR_SYNTAX;
	if (e == ERR_OK)
		memcpy(f->proof, buf_data(&b), SCRAM_PROOF_BYTES);
	buf_wipe(&b);
	buf_fini(&b);
	return e;
}

enum err
scram_server_final(const struct scram_server *s, struct slice message,
    struct scram_final *f)
{
	struct slice rest = message, binding, nonce, proof;
	size_t at = slice_rfind(message, ',');
	enum err e;

	if (message.n > SCRAM_MESSAGE_MAX || at >= message.n)
		return ERR_SYNTAX;
	f->without_proof = slice_head(message, at);
	proof = slice_from(message, at + 1);
	if (!slice_starts(proof, "p="))
		return ERR_SYNTAX;
	if (!take(&rest, 'c', &binding) || !take(&rest, 'r', &nonce))
		return ERR_SYNTAX;
	if (!slice_eq(nonce, buf_slice(&s->full_nonce)))
		return ERR_AUTH;
	e = check_binding(s, binding);
	if (e != ERR_OK)
		return e;
	return read_proof(f, slice_from(proof, 2));
}

void
scram_server_put_last(struct buf *b, struct slice signature)
{
	buf_put_str(b, "v=");
	enc_put_base64(b, signature);
}

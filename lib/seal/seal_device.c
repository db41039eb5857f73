/* SPDX-License-Identifier: ISC */
/*
 * The first part's lines become facts; with the device's secrets the facts give
 * the account's secret, that the epoch key, and that the content key, which
 * opens the second part.
 */
#include "lib/seal/seal_device.h"

#include "lib/base/enc.h"
#include "lib/base/num.h"
#include "lib/base/secret.h"
#include "lib/seal/epoch.h"
#include "lib/seal/seal.h"
#include "lib/seal/seal_arrival.h"

#define KEYS_TYPE	"application/vnd.godwit.sealed-keys"

enum { KEYS_BYTES_MAX = 32768, LINES_MAX = 100, FACT_BYTES_MAX = 128, SEALED_KEY_BYTES = 80 };

enum fact {
	FACT_VERSION, FACT_ACCOUNT, FACT_CONTENT, FACT_GENERATION, FACT_EPOCH, FACT_EPOCH_GENERATION,
	FACT_COMMITMENT, FACT_CONTENT_KEY, FACT_EPOCH_SEALED, FACT_EPOCH_WRAPPED, FACT_ACCOUNT_KEY,
	FACT_TRACE, FACT_COUNT
};
enum { FACT_NUMBERS = FACT_COMMITMENT };

static const char *const fact_names[FACT_COUNT] = {
	"Version", "Account", "Content", "Generation", "Epoch", "Epoch-Generation", "Commitment",
	"Content-Key", "Epoch-Key-Sealed", "Epoch-Key-Wrapped", "Account-Key-Sealed", "Trace"
};

struct facts {
	uint64_t	 numbers[FACT_NUMBERS];
	bool		 has[FACT_COUNT];
	struct buf	 bytes[FACT_COUNT - FACT_NUMBERS];
};

/* ---- the form ---- */

static bool
has_type(const struct mime *m, uint32_t part, const char *type, const char *subtype)
{
	return slice_ieq_str(mime_text(m, m->meta[part].type), type) &&
	    slice_ieq_str(mime_text(m, m->meta[part].subtype), subtype);
}

static struct slice
body_of(const struct mime *m, uint32_t part, struct slice message)
{
	const struct mime_span *s = &m->map.spans[part];

	return slice_head(slice_from(message, s->body_off), s->body_bytes);
}

bool
seal_device_is(const struct mime *m, struct slice message)
{
	struct slice params;

	if (m->bytes != message.n || m->map.count != 3 ||
	    !has_type(m, 0, "multipart", "encrypted") ||
	    !has_type(m, 1, "application", "vnd.godwit.sealed-keys") ||
	    !has_type(m, 2, "application", "octet-stream") ||
	    m->map.spans[1].parent != 0 || m->map.spans[2].parent != 0)
		return false;
	params = mime_text(m, m->meta[0].params);
	return slice_search(params, SLICE_LIT("\"" KEYS_TYPE "\"")) < params.n;
}

/* ---- facts ---- */

static void
facts_init(struct facts *f)
{
	*f = (struct facts){ .numbers = { 0 } };
	for (int i = 0; i < FACT_COUNT - FACT_NUMBERS; i++)
		buf_init(&f->bytes[i], i == FACT_TRACE - FACT_NUMBERS ? SEAL_ARRIVAL_MAX :
		    FACT_BYTES_MAX);
}

static void
facts_fini(struct facts *f)
{
	for (int i = 0; i < FACT_COUNT - FACT_NUMBERS; i++)
		buf_fini(&f->bytes[i]);
}

static struct slice
fact_bytes(const struct facts *f, enum fact fact)
{
	return buf_slice(&f->bytes[fact - FACT_NUMBERS]);
}

static enum err
read_fact(struct facts *f, int fact, struct slice value)
{
	if (f->has[fact] && fact != FACT_TRACE)
		return ERR_SYNTAX;
	f->has[fact] = true;
	if (fact < FACT_NUMBERS)
		return num_parse_u64(value, fact == FACT_GENERATION ||
		    fact == FACT_EPOCH_GENERATION ? UINT32_MAX : UINT64_MAX, &f->numbers[fact]);
	return enc_get_base64(&f->bytes[fact - FACT_NUMBERS], value) == ERR_OK ? ERR_OK : ERR_SYNTAX;
}

static bool
is_complete(const struct facts *f)
{
	return f->has[FACT_ACCOUNT] && f->has[FACT_CONTENT] && f->has[FACT_GENERATION] &&
	    f->has[FACT_EPOCH] && f->has[FACT_EPOCH_SEALED] != f->has[FACT_EPOCH_WRAPPED] &&
	    fact_bytes(f, FACT_COMMITMENT).n == SEAL_COMMITMENT_BYTES;
}

/* Names that are not known are passed over. */
static enum err
read_facts(struct facts *f, struct slice text)
{
	struct slice line, name, value;
	unsigned lines = 0;
	enum err e = ERR_OK;

	if (text.n > KEYS_BYTES_MAX)
		return ERR_SYNTAX;
	while (text.n > 0 && e == ERR_OK) {
		if (lines++ == LINES_MAX)
			return ERR_SYNTAX;
		text = slice_cut(text, '\n', &line);
		value = slice_trim(slice_cut(line, ':', &name));
		for (int i = 0; i < FACT_COUNT; i++)
			if (e == ERR_OK && slice_eq_str(name, fact_names[i]))
				e = read_fact(f, i, value);
	}
	if (e != ERR_OK || !f->has[FACT_VERSION])
		return ERR_SYNTAX;
	if (f->numbers[FACT_VERSION] != 1)
		return ERR_VERSION;
	return is_complete(f) ? ERR_OK : ERR_SYNTAX;
}

/* ---- keys ---- */

static enum err
unbox(unsigned char out[CRY_KEY_BYTES], struct slice sealed, const unsigned char *secret)
{
	unsigned char public_key[CRY_KEY_BYTES];

	if (sealed.n != SEALED_KEY_BYTES)
		return ERR_CORRUPT;
	cry_box_public(public_key, secret);
	return cry_box_open(out, sealed, public_key, secret);
}

static enum err
epoch_with(struct cry_aead *a, unsigned char out[CRY_KEY_BYTES], const struct facts *f,
    const unsigned char *secret)
{
	const struct epoch_id id = { f->numbers[FACT_ACCOUNT], f->numbers[FACT_EPOCH],
		(uint32_t)f->numbers[f->has[FACT_EPOCH_GENERATION] ? FACT_EPOCH_GENERATION :
		FACT_GENERATION] };
	unsigned char under[CRY_KEY_BYTES];
	enum err e;

	if (f->has[FACT_EPOCH_SEALED])
		return unbox(out, fact_bytes(f, FACT_EPOCH_SEALED), secret);
	cry_subkey(under, secret, "godwit epoch wrap");
	e = epoch_unwrap(a, out, fact_bytes(f, FACT_EPOCH_WRAPPED), under, &id);
	secret_wipe(under, sizeof(under));
	return e;
}

/* The account's secret is that of the device, or is sealed to it. */
static enum err
epoch_by(struct cry_aead *a, unsigned char out[CRY_KEY_BYTES], const struct facts *f,
    const unsigned char *device_secret)
{
	unsigned char secret[CRY_KEY_BYTES];
	enum err e;

	if (!f->has[FACT_ACCOUNT_KEY])
		return epoch_with(a, out, f, device_secret);
	if ((e = unbox(secret, fact_bytes(f, FACT_ACCOUNT_KEY), device_secret)) == ERR_OK)
		e = epoch_with(a, out, f, secret);
	secret_wipe(secret, sizeof(secret));
	return e;
}

static enum err
content_key(unsigned char out[CRY_KEY_BYTES], const struct seal_device *d, const struct facts *f,
    struct slice object)
{
	const struct epoch_slot slot = { f->numbers[FACT_ACCOUNT], f->numbers[FACT_CONTENT],
		(uint32_t)f->numbers[FACT_GENERATION],
		(const unsigned char *)fact_bytes(f, FACT_COMMITMENT).p };
	/* It came sealed: the head stands for the wrap, as in the index (epoch.h). */
	struct slice wrapped = f->has[FACT_CONTENT_KEY] ? fact_bytes(f, FACT_CONTENT_KEY) :
	    slice_head(object, EPOCH_DIRECT_BYTES);
	struct cry_aead *a = cry_aead_new();
	unsigned char epoch[CRY_KEY_BYTES];
	enum err e = ERR_CORRUPT;

	for (unsigned i = 0; i < d->count && e == ERR_CORRUPT; i++)
		e = epoch_by(a, epoch, f, d->secrets[i]);
	if (e == ERR_CORRUPT)
		e = ERR_DENIED;
	else if (e == ERR_OK)
		e = epoch_unwrap_content(a, out, wrapped, epoch, &slot);
	secret_wipe(epoch, sizeof(epoch));
	cry_aead_free(&a);
	return e;
}

/* ---- what they open ---- */

/* The key of what is sealed beside the message, by any of the device's. */
static enum err
trace_key(unsigned char key[CRY_KEY_BYTES], const struct seal_device *d,
    const struct seal_arrival *parsed)
{
	const struct epoch_slot slot = { .commitment = (const unsigned char *)parsed->commitment.p };
	struct cry_aead *a = cry_aead_new();
	unsigned char epoch[CRY_KEY_BYTES];
	enum err e = ERR_CORRUPT;

	for (unsigned i = 0; i < d->count && e != ERR_OK; i++)
		e = unbox(epoch, parsed->sealed_key, d->secrets[i]);
	if (e == ERR_OK)
		e = epoch_unwrap_content(a, key, seal_arrival_wrap(parsed), epoch, &slot);
	secret_wipe(epoch, sizeof(epoch));
	cry_aead_free(&a);
	return e;
}

static enum err
open_trace(struct seal_reader *r, const struct seal_device *d, struct slice arrival,
    struct buf *out)
{
	unsigned char key[CRY_KEY_BYTES];
	struct seal_arrival parsed;
	struct buf trace;
	enum err e = seal_arrival_parse(&parsed, arrival);

	if (e != ERR_OK || (e = trace_key(key, d, &parsed)) != ERR_OK)
		return e;
	buf_init(&trace, SEAL_TRACE_MAX);
	if ((e = seal_arrival_open(&trace, r, key, arrival)) == ERR_OK) {
		buf_put_slice(out, buf_slice(&trace));
		e = buf_err(out) == ERR_OK ? ERR_OK : ERR_TOOBIG;
	}
	buf_fini(&trace);
	secret_wipe(key, sizeof(key));
	return e;
}

static enum err
open_all(const struct seal_device *d, const struct facts *f, struct slice object,
    uint64_t plain_max, struct buf *out)
{
	struct seal_reader *r = seal_reader_new();
	unsigned char key[CRY_KEY_BYTES];
	enum err e = ERR_OK;

	if (f->has[FACT_TRACE])
		e = open_trace(r, d, fact_bytes(f, FACT_TRACE), out);
	if (e == ERR_OK && (e = content_key(key, d, f, object)) == ERR_OK) {
		e = seal_open(r, key, object,
		    (const unsigned char *)fact_bytes(f, FACT_COMMITMENT).p, plain_max, out);
		secret_wipe(key, sizeof(key));
	}
	seal_reader_free(&r);
	return e;
}

static void
decode(const struct mime *m, uint32_t part, struct slice message, struct buf *out)
{
	struct mime_decoder d;

	mime_decoder_init(&d, (enum mime_code)m->map.spans[part].code);
	mime_decoder_put(&d, body_of(m, part, message), out);
	mime_decoder_end(&d, out);
	mime_decoder_fini(&d);
}

enum err
seal_device_open(const struct seal_device *d, const struct mime *m, struct slice message,
    uint64_t plain_max, struct buf *out)
{
	size_t before = out->n;
	struct buf object;
	struct facts f;
	enum err e;

	if (!seal_device_is(m, message))
		return ERR_SYNTAX;
	facts_init(&f);
	/* Decoded, nothing is longer than it was. */
	buf_init(&object, message.n);
	if ((e = read_facts(&f, body_of(m, 1, message))) == ERR_OK) {
		decode(m, 2, message, &object);
		e = open_all(d, &f, buf_slice(&object), plain_max, out);
	}
	if (e != ERR_OK)
		buf_truncate(out, before);
	buf_fini(&object);
	facts_fini(&f);
	return e == ERR_FULL ? ERR_TOOBIG : e;
}

/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/cmtp_parser.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"

enum parser_state {
	ST_NAME,	/* of a command */
	ST_HEAD,	/* MAIL's numbers */
	ST_PARAM,
	ST_LOG,
	ST_BODY,	/* the body is to begin */
	ST_LENGTH,	/* of an attachment */
	ST_DATA,
	ST_ASK,		/* KEYREQUEST2's nonce and serial */
	ST_HEAD2,	/* MAIL2's numbers */
	ST_POSTAGE,
	ST_OBJECT,
	ST_PROOF,
	ST_FIXED,	/* a message of OPAQUE */
	ST_RECORD,	/* RECORD2's record and length */
	ST_BUNDLE,
	ST_FAULT
};

static const struct {
	const char	*name;
	unsigned	 params;
	unsigned	 version;
} verbs[] = {
#define C(name, params, version)	{ #name, params, version },
	CMTP_VERBS(C)
#undef C
};

_Static_assert(CMTP2_KE1_BYTES <= CMTP2_PROOF_MAX, "what is gathered fits");

#define NAME_MAX_BYTES	10	/* KEYREQUEST */
#define NAME2_MAX_BYTES	11	/* KEYREQUEST2 */
#define EV_GO		((enum cmtp_event)-1)	/* no event yet, but the state changed */

void
cmtp_parser_init(struct cmtp_parser *p, const struct cmtp_limits *limits)
{
	memset(p, 0, sizeof(*p));
	p->limits = limits;
	p->state = ST_NAME;
	buf_init(&p->text, CMTP_TEXT_MAX);
	p->text.secret = true;	/* REGISTER2 has a password */
}

void
cmtp_parser_fini(struct cmtp_parser *p)
{
	cry_hasher_free(&p->hasher);
	buf_fini(&p->text);
}

bool
cmtp_parser_is_idle(const struct cmtp_parser *p)
{
	return p->state == ST_NAME && (p->is_lent || p->text.n == 0);
}

const char *
cmtp_verb_name(enum cmtp_verb v)
{
	must((unsigned)v < lengthof(verbs));
	return verbs[v].name;
}

unsigned
cmtp_verb_version(enum cmtp_verb v)
{
	must((unsigned)v < lengthof(verbs));
	return verbs[v].version;
}

static enum cmtp_event
fault(struct cmtp_parser *p, const char *why)
{
	p->state = ST_FAULT;
	p->fault = why;
	buf_release(&p->text);
	return CMTP_EV_FAULT;
}

/* Ready for the next command. */
static void
restart(struct cmtp_parser *p)
{
	p->state = ST_NAME;
	p->total = 0;
}

/* Up to n bytes into tail; true when they are all there, and the next ones come anew. */
static bool
gather_tail(struct cmtp_parser *p, struct slice *in, size_t n)
{
	size_t take = n - p->tail_n < in->n ? n - p->tail_n : in->n;

	if (take > 0)
		memcpy(p->tail + p->tail_n, in->p, take);
	*in = slice_from(*in, take);
	p->tail_n += take;
	if (p->tail_n < n)
		return false;
	p->tail_n = 0;
	return true;
}

/* Up to n bytes into text; true when they are all there. */
static bool
gather(struct cmtp_parser *p, struct slice *in, size_t n)
{
	size_t take = n - p->text.n < in->n ? n - p->text.n : in->n;

	buf_put(&p->text, in->p, take);
	*in = slice_from(*in, take);
	return p->text.n == n;
}

/*
 * A word that ends in NUL, from `from` on in text; true when it is whole.
 * Over max bytes it is not taken further: text then has more than max.
 */
static bool
gather_word(struct cmtp_parser *p, struct slice *in, size_t from, size_t max)
{
	size_t n = slice_find(*in, '\0');
	size_t room = from + max + 1 - p->text.n;
	size_t take = n < room ? n : room;

	buf_put(&p->text, in->p, take);
	if (p->text.n - from > max || n == in->n) {
		*in = slice_from(*in, take);
		return false;
	}
	*in = slice_from(*in, n + 1);
	return true;
}

static unsigned
find_verb(const struct cmtp_parser *p, struct slice name)
{
	unsigned v;

	for (v = 0; v < lengthof(verbs) && !slice_eq_str(name, verbs[v].name); v++)
		continue;
	if (v < lengthof(verbs) && verbs[v].version > CMTP_VERSION && !p->speaks_2)
		return lengthof(verbs);
	return v;
}

static enum cmtp_event
read_name(struct cmtp_parser *p, struct slice *in)
{
	size_t max = p->speaks_2 ? NAME2_MAX_BYTES : NAME_MAX_BYTES;
	struct slice name;
	unsigned v;

	if (!gather_word(p, in, 0, max))
		return p->text.n > max ? fault(p, "unknown_command") : CMTP_EV_MORE;
	name = buf_slice(&p->text);
	if (name.n == 0)	/* a lone NUL */
		return EV_GO;
	v = find_verb(p, name);
	if (v == lengthof(verbs))
		return fault(p, "unknown_command");
	p->verb = (enum cmtp_verb)v;
	p->params = 0;
	p->word_from = 0;
	buf_reset(&p->text);
	if (v == CMTP_MAIL) {
		p->state = ST_HEAD;
	} else if (v == CMTP_MAIL2) {
		p->state = ST_HEAD2;
	} else if (v == CMTP_PROOF2) {
		p->state = ST_FIXED;
	} else if (v == CMTP_RECORD2) {
		p->state = ST_RECORD;
	} else if (verbs[v].params > 0) {
		p->state = ST_PARAM;
	} else {
		restart(p);
		return CMTP_EV_COMMAND;
	}
	return EV_GO;
}

/* Held against the limits without adding up what could wrap. */
static bool
add_bytes(struct cmtp_parser *p, uint64_t n)
{
	if (n > p->limits->message_bytes - p->total)
		return false;
	p->total += n;
	return true;
}

static bool
is_sealed_length(const struct cmtp_parser *p, uint64_t n)
{
	return p->mail.is_plaintext || n >= CMTP_BOX_EXTRA;
}

static enum cmtp_event
read_head(struct cmtp_parser *p, struct slice *in)
{
	const char *b;
	uint32_t version;
	uint64_t log_bytes;

	if (!gather(p, in, CMTP_HEAD_BYTES))
		return CMTP_EV_MORE;
	b = buf_data(&p->text);
	version = dec_be32(b);
	log_bytes = dec_be64(b + 8);
	p->mail = (struct cmtp_mail){ version == 0, dec_be32(b + 4), 0, dec_be64(b + 16) };
	if (version > CMTP_VERSION)
		return fault(p, "version");
	if (version == 0 && !p->limits->takes_plaintext)
		return fault(p, "plaintext");
	if (p->mail.attachments > CMTP_ATTACHMENTS_MAX)
		return fault(p, "attachments");
	if (log_bytes > CMTP_LOG_MAX)
		return fault(p, "log_length");
	p->total = 0;
	if (!add_bytes(p, log_bytes) || !add_bytes(p, p->mail.body_bytes))
		return fault(p, "size");
	if (!is_sealed_length(p, p->mail.body_bytes))
		return fault(p, "body_length");
	p->mail.log_bytes = (uint32_t)log_bytes;
	buf_reset(&p->text);
	p->state = ST_PARAM;
	return EV_GO;
}

/* Where the parameters lie in text: each ends in a NUL there. */
static void
find_params(struct cmtp_parser *p)
{
	struct slice rest = buf_slice(&p->text);

	for (unsigned i = 0; i < p->params; i++)
		rest = slice_cut(rest, '\0', &p->param[i]);
}

/* All parameters are there. */
static enum cmtp_event
end_params(struct cmtp_parser *p)
{
	switch (p->verb) {
	case CMTP_MAIL:
		p->state = ST_LOG;
		p->left = p->text.n + p->mail.log_bytes;
		return EV_GO;
	case CMTP_MAIL2:
		p->state = ST_POSTAGE;
		return EV_GO;
	case CMTP_KEYREQUEST2:
		p->state = ST_ASK;
		return EV_GO;
	case CMTP_LOGIN2:
	case CMTP_REGISTER2:
		p->state = ST_FIXED;
		return EV_GO;
	case CMTP_PROOF2:
	case CMTP_RECORD2:
	case CMTP_OHAI:
	case CMTP_NOOP:
	case CMTP_HELP:
	case CMTP_KEYREQUEST:
	case CMTP_LOGIN:
	case CMTP_OBAI:
	case CMTP_VERB_COUNT:
		break;
	}
	find_params(p);
	restart(p);
	return CMTP_EV_COMMAND;
}

static enum cmtp_event
read_param(struct cmtp_parser *p, struct slice *in)
{
	unsigned want = p->verb == CMTP_MAIL2 ? CMTP2_NAMES + p->mail2.destinations :
	    verbs[p->verb].params;
	size_t from = p->word_from;
	bool is_done;

	if (!gather_word(p, in, from, CMTP_PARAM_MAX)) {
		return p->text.n - from > CMTP_PARAM_MAX ? fault(p, "parameter_length") :
		    CMTP_EV_MORE;
	}
	if (!utf8_ok(slice_from(buf_slice(&p->text), from)))
		return fault(p, "utf8");
	is_done = p->text.n == from && p->params == 0 && p->verb == CMTP_KEYREQUEST;
	buf_put_char(&p->text, '\0');
	p->params++;
	if (is_done) {		/* the server's own key: some send no domain then */
		buf_put_char(&p->text, '\0');
		p->params++;
	}
	p->word_from = p->text.n;
	return p->params < want ? EV_GO : end_params(p);
}

/* Lines of UTF-8 that each end in NUL. */
static bool
is_log(struct slice log)
{
	if (log.n > 0 && log.p[log.n - 1] != '\0')
		return false;
	return utf8_ok(log);
}

static enum cmtp_event
read_log(struct cmtp_parser *p, struct slice *in)
{
	if (!gather(p, in, (size_t)p->left))
		return CMTP_EV_MORE;
	find_params(p);
	p->log = slice_from(buf_slice(&p->text), p->text.n - p->mail.log_bytes);
	if (!is_log(p->log))
		return fault(p, "log");
	p->state = ST_BODY;
	return CMTP_EV_MAIL;
}

static enum cmtp_event
begin_part(struct cmtp_parser *p, uint64_t bytes)
{
	p->part_bytes = bytes;
	p->left = bytes;
	p->state = ST_DATA;
	return CMTP_EV_PART;
}

static enum cmtp_event
read_length(struct cmtp_parser *p, struct slice *in)
{
	uint64_t n;

	if (!gather(p, in, 8))
		return CMTP_EV_MORE;
	n = dec_be64(buf_data(&p->text));
	buf_reset(&p->text);
	if (!add_bytes(p, n))
		return fault(p, "size");
	if (!is_sealed_length(p, n))
		return fault(p, "attachment_length");
	p->parts--;
	return begin_part(p, n);
}

static enum cmtp_event
read_data(struct cmtp_parser *p, struct slice *in)
{
	if (p->left == 0) {
		if (p->parts > 0) {
			p->state = ST_LENGTH;
			return EV_GO;
		}
		restart(p);
		return CMTP_EV_END;
	}
	if (in->n == 0)
		return CMTP_EV_MORE;
	p->piece = slice_head(*in, p->left < in->n ? (size_t)p->left : in->n);
	*in = slice_from(*in, p->piece.n);
	p->left -= p->piece.n;
	return CMTP_EV_DATA;
}

/* ---- version 2 */

static enum cmtp_event
read_ask(struct cmtp_parser *p, struct slice *in)
{
	if (!gather_tail(p, in, CMTP2_ASK_BYTES))
		return CMTP_EV_MORE;
	p->nonce = slice_of(p->tail, CMTP2_NONCE_BYTES);
	p->known = dec_be64(p->tail + CMTP2_NONCE_BYTES);
	find_params(p);
	restart(p);
	return CMTP_EV_COMMAND;
}

static size_t
fixed_bytes(enum cmtp_verb v)
{
	if (v == CMTP_LOGIN2)
		return CMTP2_KE1_BYTES;
	return v == CMTP_PROOF2 ? CMTP2_KE3_BYTES : CMTP2_REQUEST_BYTES;
}

static enum cmtp_event
read_fixed(struct cmtp_parser *p, struct slice *in)
{
	size_t n = fixed_bytes(p->verb);

	if (!gather_tail(p, in, n))
		return CMTP_EV_MORE;
	p->fixed = slice_of(p->tail, n);
	find_params(p);
	restart(p);
	return CMTP_EV_COMMAND;
}

static enum cmtp_event
read_record(struct cmtp_parser *p, struct slice *in)
{
	const unsigned char *length;

	if (!gather(p, in, CMTP2_RECORD_HEAD))
		return CMTP_EV_MORE;
	length = (const unsigned char *)buf_data(&p->text) + CMTP2_RECORD_HEAD - 2;
	p->left = (uint64_t)(length[0] << 8 | length[1]);
	if (p->left > CMTP2_BUNDLE_MAX)
		return fault(p, "bundle_length");
	p->left += CMTP2_RECORD_HEAD;
	p->state = ST_BUNDLE;
	return EV_GO;
}

static enum cmtp_event
read_bundle(struct cmtp_parser *p, struct slice *in)
{
	struct slice all;

	if (!gather(p, in, (size_t)p->left))
		return CMTP_EV_MORE;
	all = buf_slice(&p->text);
	p->fixed = slice_head(all, CMTP2_RECORD_HEAD - 2);
	p->bundle = slice_from(all, CMTP2_RECORD_HEAD);
	restart(p);
	return CMTP_EV_COMMAND;
}

static enum cmtp_event
read_head2(struct cmtp_parser *p, struct slice *in)
{
	const struct cmtp2_mail *m = &p->mail2;

	if (!gather(p, in, CMTP2_HEAD_BYTES))
		return CMTP_EV_MORE;
	if (cmtp2_mail_read_head(&p->mail2, slice_of(buf_data(&p->text), CMTP2_HEAD_BYTES)) != ERR_OK)
		return fault(p, "version");
	if (m->destinations == 0 || m->destinations > CMTP2_DESTINATIONS_MAX)
		return fault(p, "destinations");
	if (m->postage_bytes != 0 && m->postage_bytes != CMTP2_POSTAGE_BYTES)
		return fault(p, "postage_length");
	if (m->object_bytes > p->limits->message_bytes)
		return fault(p, "size");
	if (m->object_bytes < CMTP2_OBJECT_MIN)
		return fault(p, "object_length");
	cmtp2_mail_unpay(buf_data(&p->text));
	p->word_from = p->text.n;
	p->state = ST_PARAM;
	return EV_GO;
}

static enum cmtp_event
read_postage(struct cmtp_parser *p, struct slice *in)
{
	if (!gather_tail(p, in, p->mail2.postage_bytes))
		return CMTP_EV_MORE;
	p->postage = slice_of(p->tail, p->mail2.postage_bytes);
	p->envelope = buf_slice(&p->text);
	cmtp2_mail_read_names(&p->mail2, slice_from(p->envelope, CMTP2_HEAD_BYTES));
	if (p->hasher == NULL)
		p->hasher = cry_hasher_new();
	p->left = p->mail2.object_bytes;
	p->state = ST_OBJECT;
	return CMTP_EV_MAIL2;
}

static enum cmtp_event
read_object(struct cmtp_parser *p, struct slice *in)
{
	if (p->left == 0) {
		cry_hasher_end(p->hasher, p->object_hash);
		cry_hasher_free(&p->hasher);
		p->state = ST_PROOF;
		return EV_GO;
	}
	if (in->n == 0)
		return CMTP_EV_MORE;
	p->piece = slice_head(*in, p->left < in->n ? (size_t)p->left : in->n);
	*in = slice_from(*in, p->piece.n);
	p->left -= p->piece.n;
	cry_hasher_put(p->hasher, p->piece);
	return CMTP_EV_DATA;
}

static enum cmtp_event
read_proof(struct cmtp_parser *p, struct slice *in)
{
	struct slice tail;
	size_t n;

	if (p->tail_n == 0 && in->n == 0)
		return CMTP_EV_MORE;
	n = cmtp2_proof_bytes((unsigned char)(p->tail_n > 0 ? p->tail[0] : in->p[0]));
	tail = slice_of(p->tail, n);
	if (n > 0 && !gather_tail(p, in, n))
		return CMTP_EV_MORE;
	if (n == 0 || cmtp2_proof_read(&p->proof, &tail) != ERR_OK)
		return fault(p, "proof");
	restart(p);
	return CMTP_EV_END2;
}

static enum cmtp_event
read_state(struct cmtp_parser *p, struct slice *in)
{
	switch ((enum parser_state)p->state) {
	case ST_NAME:
		return read_name(p, in);
	case ST_HEAD:
		return read_head(p, in);
	case ST_PARAM:
		return read_param(p, in);
	case ST_LOG:
		return read_log(p, in);
	case ST_BODY:
		buf_release(&p->text);
		p->parts = p->mail.attachments;
		return begin_part(p, p->mail.body_bytes);
	case ST_LENGTH:
		return read_length(p, in);
	case ST_DATA:
		return read_data(p, in);
	case ST_ASK:
		return read_ask(p, in);
	case ST_HEAD2:
		return read_head2(p, in);
	case ST_POSTAGE:
		return read_postage(p, in);
	case ST_OBJECT:
		return read_object(p, in);
	case ST_PROOF:
		return read_proof(p, in);
	case ST_FIXED:
		return read_fixed(p, in);
	case ST_RECORD:
		return read_record(p, in);
	case ST_BUNDLE:
		return read_bundle(p, in);
	case ST_FAULT:
		break;
	}
	return CMTP_EV_FAULT;
}

void
cmtp_parser_forget(struct cmtp_parser *p)
{
	must(p->is_lent);
	buf_release(&p->text);
}

enum cmtp_event
cmtp_parser_next(struct cmtp_parser *p, struct slice *in)
{
	enum cmtp_event ev;

	if (p->is_lent && p->verb == CMTP_MAIL2)
		buf_release(&p->text);
	else if (p->is_lent)	/* the parameters of the last command */
		buf_reset(&p->text);
	do {
		ev = read_state(p, in);
	} while (ev == EV_GO);
	p->is_lent = ev == CMTP_EV_COMMAND || ev == CMTP_EV_END2;
	return ev;
}

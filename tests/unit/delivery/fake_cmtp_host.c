/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>
#include <unistd.h>

#include "lib/seal/seal_arrival.h"
#include "tests/unit/delivery/fake_cmtp.h"

void
fake_cmtp_on_sign(void *arg, struct tls_sign_job *job, uint32_t key, uint16_t scheme, struct slice tbs)
{
	unsigned char sig[CRY_SIGNATURE_MAX];
	size_t n = 0;

	(void)arg, (void)key;
	assert_int_equal(cry_sign(w->tls_key, scheme, tbs, sig, &n), ERR_OK);
	tls_sign_done(job, ERR_OK, slice_of(sig, n));
}

static struct fake_cmtp_user *
user_of(struct slice name)
{
	for (unsigned i = 0; i < w->user_n; i++)
		if (slice_eq_str(name, w->users[i].name))
			return &w->users[i];
	return NULL;
}

static void
put_keys(struct buf *out, const struct cmtp2_keys_request *q)
{
	const struct fake_cmtp_user *u = q->user.n > 0 ? user_of(q->user) : NULL;
	const struct cmtp_key *chain = q->user.n == 0 ? w->chain : u != NULL ? u->chain : NULL;
	unsigned n = q->user.n == 0 ? w->chain_n : u != NULL ? u->n : 0;
	uint8_t status = n > 0 ? w->status : CMTP2_NONE;
	unsigned char sig[CRY_ED_SIG_BYTES];
	struct buf records, content;
	struct cmtp_sign s;
	unsigned count = 0;

	buf_init(&records, 20000);
	buf_init(&content, 20000);
	for (unsigned i = 0; i < n; i++)
		if (chain[i].serial > q->known || i + 1 == n) {
			assert_int_equal(cmtp_key_put(&records, &chain[i]), ERR_OK);
			count++;
		}
	if (status != CMTP2_FOUND) {
		count = 0;
		buf_reset(&records);
	}
	cmtp2_keys_content(&content, status, count, buf_slice(&records));
	s = cmtp2_keys_sign(q, buf_slice(&content));
	cmtp_sign_make(sig, &s, w->secrets[w->chain_n - 1]);
	sig[0] ^= w->bad_signature;
	cmtp2_keys_put(out, buf_slice(&content), sig);
	buf_fini(&records);
	buf_fini(&content);
}

/* The content key, which the entry's seed carries. */
static void
open_entry(unsigned char key[SEAL_KEY_BYTES], const struct seal_split *s,
    const struct seal_entry *en, const struct fake_cmtp_user *u)
{
	const struct epoch_slot slot = { .commitment = s->head.commitment };
	unsigned char seed[CRY_KEY_BYTES], wrap[EPOCH_CARRIED_BYTES];
	struct cry_aead *a = cry_aead_new();
	struct slice sealed, carry;

	assert_int_equal(seal_entry_parts(en, &sealed, &carry), ERR_OK);
	assert_int_equal(carry.n, EPOCH_CARRY_BYTES);
	assert_int_equal(epoch_unseal(seed, sealed, u->box, u->secret), ERR_OK);
	w->seeds += memcmp(w->seed, seed, sizeof(seed)) != 0;
	memcpy(w->seed, seed, sizeof(seed));
	memcpy(wrap, s->head.fixed, EPOCH_DIRECT_BYTES);
	memcpy(wrap + EPOCH_DIRECT_BYTES, carry.p, carry.n);
	assert_int_equal(epoch_unwrap_content(a, key, slice_of(wrap, sizeof(wrap)), seed, &slot),
	    ERR_OK);
	cry_aead_free(&a);
}

/* The object, by the secret of any user that has an entry. */
static void
open_object(struct slice object)
{
	struct seal_reader *r = seal_reader_new();
	unsigned char key[32], id[SEAL_KEY_ID_BYTES];
	struct seal_split split;
	struct seal_entry entry;
	struct slice rest = object;
	struct buf out;
	unsigned opened = 0;

	seal_split_init(&split);
	buf_init(&out, sizeof(w->text));
	assert_int_equal(seal_split_take(&split, &rest), ERR_OK);
	for (unsigned i = 0; i < w->user_n; i++) {
		struct fake_cmtp_user *u = &w->users[i];

		seal_key_id(id, u->box);
		if (u->n == 0 || seal_split_find(&split, SEAL_ENTRY_SEED, 1, id, &entry) != ERR_OK)
			continue;
		open_entry(key, &split, &entry, u);
		buf_reset(&out);
		assert_int_equal(seal_open(r, key, object, NULL, sizeof(w->text), &out), ERR_OK);
		opened++;
	}
	assert_true(opened > 0 && opened == split.head.entry_count);
	w->was_zstd = split.head.method == SEAL_ZSTD;
	w->text_n = out.n;
	memcpy(w->text, buf_data(&out), out.n);
	buf_fini(&out);
	seal_split_fini(&split);
	seal_reader_free(&r);
}

static void
answer(struct conn *c, const unsigned char digest[CMTP_DIGEST_BYTES], enum cmtp2_what what,
    const struct buf *content)
{
	const struct cmtp2_asked asked = { digest, &w->proof, &w->pact };
	struct cmtp2_proof proof = { .kind = CMTP2_SIGNED };
	struct cmtp2_half half = { .share = { 0 } };
	struct cmtp_sign s;
	struct buf out;

	if (w->proof.kind == CMTP2_MAC && w->pact.stands) {
		cmtp2_pact_prove_answer(&proof, &w->pact, digest, (unsigned char)what,
		    buf_slice(content));
	} else {
		if (!w->wants_no_pact && cmtp2_proof_has_share(&w->proof))
			cmtp2_half_make(&half);
		memcpy(proof.share, half.share, sizeof(proof.share));
		s = cmtp2_answer_sign(&asked, what, buf_slice(content), proof.share);
		cmtp_sign_make(proof.sig, &s, w->secrets[w->session_n - 1]);
		if (cmtp2_proof_has_share(&proof))
			assert_int_equal(cmtp2_pact_make(&w->pact, &half, digest, &w->proof, &proof), ERR_OK);
	}
	buf_init(&out, 20000);
	cmtp2_answer_put(&out, what, buf_slice(content), &proof);
	conn_write(c, buf_slice(&out));
	buf_fini(&out);
}

static void
answer_mail(struct conn *c, const unsigned char digest[CMTP_DIGEST_BYTES])
{
	unsigned char wrong[CMTP_DIGEST_BYTES];
	struct slice rest = slice_str(w->statuses), line;
	struct buf content;

	buf_init(&content, 10000);
	while (rest.n > 0) {
		rest = slice_cut(rest, '\n', &line);
		cmtp2_answer_put_status(&content, (unsigned)(line.p[0] - '0'), slice_from(line, 1));
	}
	memcpy(wrong, digest, sizeof(wrong));
	wrong[0] ^= w->answer_is_wrong;
	answer(c, wrong, (enum cmtp2_what)w->what, &content);
	buf_fini(&content);
}

/* True: it was asked for, and is awaited. */
static bool
asks_postage(struct conn *c, const unsigned char digest[CMTP_DIGEST_BYTES], struct slice postage)
{
	struct cmtp2_price p = w->price;
	struct buf content;

	if (postage.n > 0) {
		assert_int_equal(cmtp2_postage_check(&p, postage, digest, w->price_secret, 0), ERR_OK);
		assert_int_equal(cmtp2_postage_try(&p, digest, cmtp2_postage_counter(postage)), ERR_OK);
		w->paid++;
	}
	if (w->price.kib == 0 || (postage.n > 0 && !w->asks_again))
		return false;
	cmtp2_postage_ask(&p, digest, w->price_secret);
	buf_init(&content, CMTP2_PRICE_BYTES);
	cmtp2_postage_put(&content, &p);
	buf_reset(&w->mail);
	answer(c, digest, CMTP2_POSTAGE, &content);
	buf_fini(&content);
	return true;
}

static void
note_names(const struct cmtp2_mail *m)
{
	struct slice names = m->users, user;
	struct buf list;

	buf_init(&list, sizeof(w->names));
	buf_printf(&list, "%.*s@%.*s\n", SLICE_FMT(m->source_user), SLICE_FMT(m->source_domain));
	while (cmtp2_mail_user(&names, &user))
		buf_printf(&list, "%.*s@%.*s\n", SLICE_FMT(user), SLICE_FMT(m->domain));
	assert_true(slice_to_cstr(buf_slice(&list), w->names, sizeof(w->names)));
	buf_fini(&list);
}

static void
refuse(struct conn *c, const unsigned char digest[CMTP_DIGEST_BYTES], enum cmtp2_what what,
    const char *text)
{
	struct buf content;

	buf_init(&content, 100);
	cmtp2_answer_put_status(&content, (unsigned)(text[0] - '0'), slice_str(text));
	buf_reset(&w->mail);
	answer(c, digest, what, &content);
	buf_fini(&content);
}

/* Some destination has another key than the object is for: it is told, and nothing taken. */
static bool
is_stale(struct conn *c, const struct cmtp2_mail *m, struct slice object,
    const unsigned char digest[CMTP_DIGEST_BYTES])
{
	struct slice names = m->users, user;
	unsigned char id[SEAL_KEY_ID_BYTES] = { 0 };
	struct seal_split split;
	struct seal_entry entry;
	bool is_good = !w->is_never_content;

	seal_split_init(&split);
	assert_int_equal(seal_split_take(&split, &object), ERR_OK);
	while (cmtp2_mail_user(&names, &user)) {
		const struct fake_cmtp_user *u = user_of(user);

		if (u != NULL)
			seal_key_id(id, u->box);
		is_good &= u != NULL && u->n > 0 &&
		    seal_entry_of(&split, 1, id, &entry) == ERR_OK;
	}
	seal_split_fini(&split);
	if (is_good)
		return false;
	w->stale++;
	refuse(c, digest, CMTP2_STALE, "4.7.5 another key");
	return true;
}

/* False: by a pact that is forgotten here, and it is told. */
static bool
is_proven(struct conn *c, struct slice envelope, struct slice object,
    unsigned char digest[CMTP_DIGEST_BYTES])
{
	unsigned char hash[CRY_HASH_BYTES];
	struct cmtp2_proof made;
	struct cmtp_sign s;

	cry_hash(hash, sizeof(hash), object);
	cmtp2_mail_digest(digest, envelope, hash);
	if (w->forgets_pact)
		cmtp2_pact_end(&w->pact);
	w->forgets_pact = false;
	if (w->proof.kind == CMTP2_SIGNED) {
		w->signatures++;
		s = cmtp2_mail_sign(envelope, hash, w->proof.share);
		assert_int_equal(cmtp_sign_verify(w->proof.sig, &s, w->here.sign), ERR_OK);
		return true;
	}
	w->macs++;
	if (!w->pact.stands && w->price.kib > 0)
		return true;	/* it hears the price, signed */
	if (!w->pact.stands) {
		refuse(c, digest, CMTP2_REFUSED, "4.7.7 no pact");
		return false;
	}
	w->pact.number++;
	cmtp2_pact_prove_mail(&made, &w->pact, digest);
	assert_true(cmtp2_proof_is_mac(&w->proof, &made));
	return true;
}

static bool
is_of_twin(struct conn *c, const unsigned char digest[CMTP_DIGEST_BYTES])
{
	if (w->is_twin)
		refuse(c, digest, CMTP2_BY_SMTP, "5.7.1 mine too");
	return w->is_twin;
}

/* The whole command, when it is there. */
static void
take_mail(struct conn *c)
{
	struct slice all = buf_slice(&w->mail), object, proof, postage;
	unsigned char digest[CMTP_DIGEST_BYTES];
	struct cmtp2_mail m;
	size_t n = CMTP2_HEAD_BYTES;

	if (all.n < n || cmtp2_mail_read_head(&m, slice_head(all, n)) != ERR_OK)
		return;
	for (unsigned i = 0; i < CMTP2_NAMES + m.destinations; i++)
		n += slice_find(slice_from(all, n), '\0') + 1;
	if (all.n < n + m.postage_bytes + m.object_bytes)
		return;
	proof = slice_from(all, n + m.postage_bytes + (size_t)m.object_bytes);
	if (cmtp2_proof_read(&w->proof, &proof) == ERR_SHORT)
		return;
	assert_int_equal(proof.n, 0);
	postage = slice_head(slice_from(all, n), m.postage_bytes);
	object = slice_head(slice_from(all, n + postage.n), (size_t)m.object_bytes);
	cmtp2_mail_unpay(buf_data(&w->mail));
	assert_int_equal(cmtp2_mail_read(&m, slice_head(all, n)), ERR_OK);
	if (!is_proven(c, slice_head(all, n), object, digest))
		return;
	note_names(&m);
	if (w->hangs_up) {
		w->hangs_up = false;
		buf_reset(&w->mail);
		conn_close(c, "fault");
		return;
	}
	if (is_of_twin(c, digest) || is_stale(c, &m, object, digest))
		return;
	open_object(object);
	w->mails++;
	if (w->closes)
		conn_close(c, "fault");
	else if (!asks_postage(c, digest, postage) && w->statuses != NULL)
		answer_mail(c, digest);
}

size_t
fake_cmtp_on_raw(void *arg, struct conn *c, struct slice in)
{
	struct cmtp2_keys_request q = { .user = SLICE_NONE };
	struct slice word, rest;
	struct buf out;

	(void)arg;
	if (memcmp(in.p, "OHAI", in.n < 5 ? in.n : 5) == 0) {
		w->sessions++;
		w->session_n = w->chain_n;
		cmtp2_pact_end(&w->pact);
		conn_write(c, w->ohai != NULL ? slice_of(w->ohai, strlen(w->ohai) + 1) :
		    slice_of("OHAI 1 2", 9));
		return 5;
	}
	rest = slice_cut(in, '\0', &word);
	if (w->mail.n > 0 || slice_eq_str(word, "MAIL2")) {
		if (w->cuts_source && w->source >= 0)
			assert_int_equal(ftruncate(w->source, 0), 0);
		buf_put_slice(&w->mail, w->mail.n > 0 ? in : rest);
		take_mail(c);
		return in.n;
	}
	assert_true(slice_eq_str(word, "KEYREQUEST2"));
	rest = slice_cut(rest, '\0', &q.user);
	rest = slice_cut(rest, '\0', &q.domain);
	assert_int_equal(rest.n, 40);
	q.nonce = slice_head(rest, 32);
	for (unsigned i = 32; i < 40; i++)
		q.known = q.known << 8 | (unsigned char)rest.p[i];
	w->requests += q.user.n == 0;
	w->user_requests += q.user.n > 0;
	w->known = q.known;
	if (w->hangs_up) {
		w->hangs_up = false;
		conn_close(c, "fault");
		return in.n;
	}
	if (w->garbage != NULL) {
		conn_write_str(c, w->garbage);
		return in.n;
	}
	buf_init(&out, 20000);
	put_keys(&out, &q);
	conn_write(c, buf_slice(&out));
	buf_fini(&out);
	return in.n;
}

uint64_t
fake_cmtp_now_s(void)
{
	return loop_real_ms(w->loop) / 1000;
}

/* The next of the server's records. */
void
fake_cmtp_add_record(unsigned char seed, bool is_linked)
{
	unsigned char bytes[32] = { seed };
	unsigned i = w->chain_n++;
	struct cmtp_key *k = &w->chain[i];

	*k = (struct cmtp_key){ .kind = CMTP_KEY_LIVE, .generation = i + 1, .serial = i + 1,
		.created_s = fake_cmtp_now_s() - 1000, .expires_s = fake_cmtp_now_s() + 1000000,
		.domain = SLICE_LIT("there.example") };
	cry_ed_pair(k->sign, w->secrets[i], bytes);
	if (i > 0)
		cmtp_key_hash(k->before, k - 1);
	cmtp_key_sign_own(k, w->secrets[i]);
	if (i > 0 && is_linked)
		cmtp_key_sign_previous(k, w->secrets[i - 1]);
	cmtp_key_sign_server(k, w->secrets[i]);
}

void
fake_cmtp_add_user(const char *name)
{
	w->users[w->user_n++] = (struct fake_cmtp_user){ .name = name };
}

/* The next of a user's records; with linked signed by the key before. */
void
fake_cmtp_add_key(unsigned at, unsigned char seed, bool is_linked)
{
	struct fake_cmtp_user *u = &w->users[at];
	struct cmtp_key *k = &u->chain[u->n];
	unsigned char bytes[32] = { seed }, before[CRY_ED_SECRET_BYTES];

	memcpy(before, u->sign_secret, sizeof(before));
	*k = (struct cmtp_key){ .kind = CMTP_KEY_LIVE, .generation = 1, .serial = u->n + 1,
		.created_s = fake_cmtp_now_s() - 1000, .expires_s = fake_cmtp_now_s() + 1000000,
		.domain = SLICE_LIT("there.example"), .user = slice_str(u->name) };
	cry_ed_pair(k->sign, u->sign_secret, bytes);
	cry_box_pair(u->box, u->secret);
	memcpy(k->seal, u->box, 32);
	if (u->n > 0)
		cmtp_key_hash(k->before, k - 1);
	cmtp_key_sign_own(k, u->sign_secret);
	if (is_linked)
		cmtp_key_sign_previous(k, before);
	cmtp_key_sign_server(k, w->secrets[w->chain_n - 1]);
	u->n++;
}

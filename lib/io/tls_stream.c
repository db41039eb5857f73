/* SPDX-License-Identifier: ISC */
/*
 * A BIO method of our own takes the place of memory BIOs: reading is one
 * recv() into OpenSSL's record buffer (read_ahead, so header and body come
 * together), writing appends to the wire buffer.  After a short recv the
 * socket is known to be empty and is not asked again before the loop says so.
 *
 * A handshake is a step of SSL_do_handshake that may pause: inside an
 * ASYNC_JOB until the signature comes, or as a job of the loop's pool.  In
 * both cases nobody else touches the SSL object meanwhile; a stream that is
 * freed then becomes an orphan, which runs to its end and frees itself.
 */
#include "lib/io/tls_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/must.h"
#include "lib/io/tls_client_priv.h"
#include "lib/io/tls_priv.h"
#include "lib/io/tls_verify.h"

#define WIRE_MAX	(4u << 20)	/* the owner sends long before */
/*
 * What OpenSSL may take from the socket in one call.  A record of data needs
 * a quarter of it; messages without data (KeyUpdate, HelloRequest, empty
 * records) would keep one call, and so the process, busy for as long as they
 * come.
 */
#define ALLOWANCE	65536u

enum stage { STAGE_HANDSHAKE, STAGE_UP, STAGE_FAILED };

struct tls_stream {
	struct tls_base		*base;
	struct tls_verify	*verify;	/* of the server; NULL: we are it */
	SSL			*ssl;
	int			 fd;
	enum stage		 stage;
	bool			 is_paused;	/* not ours to touch */
	bool			 is_resumable;	/* paused, and may go on */
	bool			 is_dry;	/* recv had nothing more */
	bool			 is_eof;
	bool			 is_orphan;
	bool			 is_ended;	/* close_notify is made */
	int			 step_rc;	/* of a step done in a thread */
	int			 step_error;
	unsigned long		 lib_error;
	const char		*reason;
	timer_fn		*wake;
	void			*arg;
	struct loop_idle	 last_step;	/* of an orphan */
	struct buf		 wire;
	struct tls_asked	*asked;		/* a client, for its certificate; or NULL */
	uint64_t		 in_total;
	size_t			 allowance;	/* left of this call */
	struct tls_facts	 facts;
};

/* ---- the BIO ---- */

static int
bio_read(BIO *b, char *dst, int n)
{
	struct tls_stream *t = BIO_get_data(b);
	ssize_t got;

	BIO_clear_retry_flags(b);
	if (t->is_orphan || n <= 0)
		return -1;
	if (t->is_eof)
		return 0;
	if (!t->is_dry && t->allowance > 0) {
		do
			got = recv(t->fd, dst, (size_t)n, MSG_DONTWAIT);
		while (got < 0 && errno == EINTR);
		if (got > 0) {
			t->in_total += (uint64_t)got;
			t->allowance -= (size_t)got < t->allowance ?
			    (size_t)got : t->allowance;
			t->is_dry = got < n;
			return (int)got;
		}
		if (got == 0) {
			t->is_eof = true;
			return 0;
		}
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return -1;
		t->is_dry = true;
	}
	BIO_set_retry_read(b);
	return -1;
}

static int
bio_write(BIO *b, const char *src, int n)
{
	struct tls_stream *t = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	if (n <= 0)
		return 0;
	buf_put(&t->wire, src, (size_t)n);
	return buf_err(&t->wire) == ERR_OK ? n : -1;
}

static long
bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	struct tls_stream *t = BIO_get_data(b);

	(void)num;
	(void)ptr;
	if (cmd == BIO_CTRL_FLUSH)
		return 1;
	if (cmd == BIO_CTRL_EOF)
		return t->is_eof;
	return 0;
}

static int
bio_create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

void *
tls_stream_bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() |
	    BIO_TYPE_SOURCE_SINK, "godwit socket");

	must(m != NULL && BIO_meth_set_read(m, bio_read) == 1 &&
	    BIO_meth_set_write(m, bio_write) == 1 &&
	    BIO_meth_set_ctrl(m, bio_ctrl) == 1 &&
	    BIO_meth_set_create(m, bio_create) == 1);
	return m;
}

/* ---- life ---- */

static void
resume(struct tls_stream *t)
{
	t->is_resumable = true;
	if (t->is_orphan)
		loop_defer(t->base->loop, &t->last_step);
	else
		t->wake(t->arg);
}

/* May run inside the fibre: only remembers. */
static int
on_signature(SSL *ssl, void *arg)
{
	(void)ssl;
	resume(arg);
	return 1;
}

static void on_last_step(void *arg);

static void
leave_handshake(struct tls_stream *t, enum stage to)
{
	if (t->stage == STAGE_HANDSHAKE)
		t->base->handshakes--;
	t->stage = to;
}

static void
destroy(struct tls_stream *t)
{
	leave_handshake(t, STAGE_FAILED);
	loop_idle_cancel(&t->last_step);
	if (t->fd >= 0)
		(void)close(t->fd);
	SSL_free(t->ssl);
	ERR_clear_error();
	tls_verify_free(&t->verify);
	tls_base_unref(t->base);
	buf_fini(&t->wire);
	tls_asked_free(&t->asked);
	free(t);
}

static enum err
make(struct tls_stream **tp, struct tls_base *base, int fd, timer_fn *wake,
    void *arg)
{
	struct tls_stream *t;
	BIO *bio;

	if (base->ssl == NULL)
		return ERR_STATE;
	if (base->handshakes >= base->max_handshakes)
		return ERR_BUSY;
	t = must_alloc(1, sizeof(*t));
	t->base = base;
	t->fd = fd;
	t->wake = wake;
	t->arg = arg;
	loop_idle_init(&t->last_step, on_last_step, t);
	buf_init(&t->wire, WIRE_MAX);
	t->ssl = SSL_new(base->ssl);
	bio = BIO_new(base->bio);
	must(t->ssl != NULL && bio != NULL);
	BIO_set_data(bio, t);
	SSL_set_bio(t->ssl, bio, bio);
	base->refs++;
	base->handshakes++;
	*tp = t;
	return ERR_OK;
}

enum err
tls_stream_new(struct tls_stream **tp, struct tls_ctx *c, enum tls_ask ask, int fd,
    timer_fn *wake, void *arg)
{
	enum err e = make(tp, &c->base, fd, wake, arg);
	struct tls_stream *t = *tp;

	if (e != ERR_OK)
		return e;
	SSL_set_accept_state(t->ssl);
	t->asked = tls_ask(t->ssl, c, ask);
	if (!c->base.use_threads) {
		SSL_set_mode(t->ssl, SSL_MODE_ASYNC);
		SSL_set_async_callback_arg(t->ssl, t);
		SSL_set_async_callback(t->ssl, on_signature);
	}
	return ERR_OK;
}

enum err
tls_stream_new_client(struct tls_stream **tp, struct tls_client_ctx *c,
    const struct tls_demand *demand, int fd, timer_fn *wake, void *arg)
{
	enum err e = make(tp, &c->base, fd, wake, arg);
	struct tls_stream *t = *tp;

	if (e != ERR_OK)
		return e;
	SSL_set_connect_state(t->ssl);
	e = tls_verify_new(&t->verify, t->ssl, demand);
	if (e == ERR_OK)
		return ERR_OK;
	t->fd = -1;			/* stays the caller's */
	destroy(t);
	*tp = NULL;
	return e;
}

void
tls_stream_free(struct tls_stream **tp, int take_fd)
{
	struct tls_stream *t = *tp;

	if (t == NULL)
		return;
	*tp = NULL;
	must(t->fd == take_fd);
	if (!t->is_paused) {
		destroy(t);
		return;
	}
	t->is_orphan = true;
	(void)shutdown(t->fd, SHUT_RDWR);	/* a thread may be reading */
	if (t->is_resumable)
		loop_defer(t->base->loop, &t->last_step);
}

/* ---- the handshake ---- */

static void
read_facts(struct tls_stream *t)
{
	const char *sni = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);

	t->facts = (struct tls_facts){
		.version = SSL_get_version(t->ssl),
		.cipher = SSL_get_cipher_name(t->ssl),
		.sni = sni != NULL ? sni : "",
		.bits = (unsigned)SSL_get_cipher_bits(t->ssl, NULL),
		.is_resumed = SSL_session_reused(t->ssl) == 1,
	};
}

static void
keep_reason(struct tls_stream *t)
{
	const char *text = ERR_reason_error_string(t->lib_error);

	if (text != NULL)
		t->reason = text;
	else if (t->is_eof)
		t->reason = t->verify != NULL ? "server went away" :
		    "client went away";
	else
		t->reason = "handshake failed";
}

/* What a step of SSL_do_handshake came to. */
static enum err
end_step(struct tls_stream *t, int rc, int error)
{
	if (rc == 1) {
		leave_handshake(t, STAGE_UP);
		/* Else every SSL_read would run in a fibre of its own. */
		SSL_clear_mode(t->ssl, SSL_MODE_ASYNC);
		/* Not before: each message of the handshake would get its own. */
		SSL_set_mode(t->ssl, SSL_MODE_RELEASE_BUFFERS);
		(void)SSL_free_buffers(t->ssl);
		read_facts(t);
		if (t->asked != NULL)
			tls_asked_read(t->asked, t->ssl);
		return ERR_OK;
	}
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return ERR_AGAIN;
	keep_reason(t);
	if (t->verify != NULL)
		t->reason = tls_verify_fail(t->verify, t->reason);
	leave_handshake(t, STAGE_FAILED);
	return t->is_eof ? ERR_END : ERR_CRYPTO;
}

static void
do_step(struct tls_stream *t)
{
	ERR_clear_error();
	t->allowance = ALLOWANCE;
	t->step_rc = SSL_do_handshake(t->ssl);
	t->step_error = t->step_rc == 1 ? SSL_ERROR_NONE :
	    SSL_get_error(t->ssl, t->step_rc);
	t->lib_error = ERR_peek_error();
	ERR_clear_error();
}

static void
work_step(void *arg)
{
	do_step(arg);
}

static void
work_done(void *arg)
{
	resume(arg);
}

static enum err
step_in_thread(struct tls_stream *t)
{
	if (t->is_paused) {			/* its result is here */
		t->is_paused = t->is_resumable = false;
		return end_step(t, t->step_rc, t->step_error);
	}
	if (t->is_dry && t->wire.n == 0 && !t->is_eof)
		return ERR_AGAIN;		/* not worth a thread */
	if (loop_work(t->base->loop, work_step, work_done, t) != ERR_OK) {
		t->reason = "no thread";
		leave_handshake(t, STAGE_FAILED);
		return ERR_BUSY;
	}
	t->is_paused = true;
	return ERR_AGAIN;
}

enum err
tls_stream_handshake(struct tls_stream *t)
{
	if (t->stage == STAGE_UP)
		return ERR_OK;
	if (t->stage == STAGE_FAILED)
		return ERR_CRYPTO;
	if (t->is_paused && !t->is_resumable)
		return ERR_AGAIN;
	if (t->base->use_threads)
		return step_in_thread(t);
	t->is_resumable = false;
	do_step(t);
	t->is_paused = t->step_error == SSL_ERROR_WANT_ASYNC;
	if (t->is_paused)
		return ERR_AGAIN;
	return end_step(t, t->step_rc, t->step_error);
}

/* The owner has gone: let OpenSSL finish what it paused in, then free. */
static void
on_last_step(void *arg)
{
	struct tls_stream *t = arg;

	if (!t->base->use_threads) {
		t->is_resumable = false;
		do_step(t);
		if (t->step_error == SSL_ERROR_WANT_ASYNC)
			return;
	}
	destroy(t);
}

bool
tls_stream_is_paused(const struct tls_stream *t)
{
	return t->is_paused && !t->is_resumable;
}

bool
tls_stream_is_up(const struct tls_stream *t)
{
	return t->stage == STAGE_UP;
}

const struct tls_facts *
tls_stream_facts(const struct tls_stream *t)
{
	return t->stage == STAGE_UP ? &t->facts : NULL;
}

enum err
tls_stream_binding(const struct tls_stream *t, enum tls_binding_type type,
    struct tls_binding *b)
{
	return t->stage == STAGE_UP ? tls_binding_read(b, t->ssl, type) : ERR_STATE;
}

enum tls_binding_type
tls_stream_binding_type(const struct tls_stream *t)
{
	return SSL_version(t->ssl) >= TLS1_3_VERSION ? TLS_BINDING_EXPORTER :
	    TLS_BINDING_END_POINT;
}

struct tls_proof
tls_stream_proof(const struct tls_stream *t)
{
	return tls_asked_proof(t->asked);
}

const struct tls_peer *
tls_stream_peer(const struct tls_stream *t)
{
	return t->verify != NULL ? tls_verify_result(t->verify) : NULL;
}

void
tls_stream_give_up(struct tls_stream *t, const char *reason)
{
	if (t->verify != NULL && t->stage == STAGE_HANDSHAKE)
		t->reason = tls_verify_fail(t->verify, reason);
}

const char *
tls_stream_reason(const struct tls_stream *t)
{
	return t->reason != NULL ? t->reason : "";
}

/* ---- data ---- */

void
tls_stream_readable(struct tls_stream *t)
{
	if (!t->is_paused)	/* a thread may be setting it right now */
		t->is_dry = false;
}

enum err
tls_stream_read(struct tls_stream *t, char *dst, size_t n, size_t *got)
{
	int error;

	*got = 0;
	t->allowance = ALLOWANCE;
	ERR_clear_error();
	if (SSL_read_ex(t->ssl, dst, n, got) == 1)
		return ERR_OK;
	error = SSL_get_error(t->ssl, 0);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return ERR_AGAIN;
	t->lib_error = ERR_peek_error();
	ERR_clear_error();
	if (error == SSL_ERROR_ZERO_RETURN || t->is_eof)
		return ERR_END;
	t->stage = STAGE_FAILED;
	keep_reason(t);
	return ERR_IO;
}

bool
tls_stream_has_input(const struct tls_stream *t)
{
	return t->stage == STAGE_UP &&
	    (SSL_has_pending(t->ssl) == 1 || !t->is_dry);
}

enum err
tls_stream_write(struct tls_stream *t, struct slice s)
{
	size_t done = 0;

	if (s.n == 0)
		return ERR_OK;
	ERR_clear_error();
	if (SSL_write_ex(t->ssl, s.p, s.n, &done) == 1 && done == s.n)
		return ERR_OK;
	t->lib_error = ERR_peek_error();
	ERR_clear_error();
	keep_reason(t);
	t->stage = STAGE_FAILED;
	return ERR_IO;
}

void
tls_stream_end(struct tls_stream *t)
{
	if (t->stage != STAGE_UP || t->is_paused || t->is_ended)
		return;
	t->is_ended = true;
	ERR_clear_error();
	(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
}

struct buf *
tls_stream_wire(struct tls_stream *t)
{
	return &t->wire;
}

uint64_t
tls_stream_in_total(const struct tls_stream *t)
{
	return t->in_total;
}

/* SPDX-License-Identifier: ISC */
#include "lib/io/tls_signer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/list.h"
#include "lib/base/must.h"
#include "lib/io/openssl.h"

struct tls_signer {
	tls_sign_fn		*fn;
	void			*arg;
	pthread_t		 loop_thread;
	/* requests of pool threads, made by the loop */
	struct loop_wake	*wake;
	pthread_mutex_t		 lock;
	pthread_cond_t		 done;
	struct list		 queue;		/* tls_sign_job */
};

struct tls_sign_job {
	struct list		 link;
	struct tls_signer	*signer;
	bool			 is_threaded;	/* the fields below under lock */
	bool			 is_done;
	enum err		 error;
	uint32_t		 key;
	uint16_t		 scheme;
	struct slice		 tbs;
	ASYNC_callback_fn	 resume;
	void			*resume_arg;
	size_t			 signature_bytes;
	unsigned char		 signature[TLS_SIGNATURE_MAX];
};

/* In the loop: make the requests that pool threads wait for. */
static void
on_thread_jobs(void *arg)
{
	struct tls_signer *s = arg;
	struct tls_sign_job *j;
	struct list *n;

	pthread_mutex_lock(&s->lock);
	while ((n = list_first(&s->queue)) != NULL) {
		list_remove(n);
		pthread_mutex_unlock(&s->lock);
		j = obj_of(n, struct tls_sign_job, link);
		s->fn(s->arg, j, j->key, j->scheme, j->tbs);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
}

struct tls_signer *
tls_signer_new(struct loop *l, tls_sign_fn *fn, void *arg)
{
	struct tls_signer *s = must_alloc(1, sizeof(*s));

	s->fn = fn;
	s->arg = arg;
	s->loop_thread = pthread_self();
	s->wake = loop_wake_new(l, on_thread_jobs, s);
	must(pthread_mutex_init(&s->lock, NULL) == 0);
	must(pthread_cond_init(&s->done, NULL) == 0);
	list_init(&s->queue);
	return s;
}

void
tls_signer_free(struct tls_signer **sp)
{
	struct tls_signer *s = *sp;

	if (s == NULL)
		return;
	*sp = NULL;
	must(list_is_empty(&s->queue));
	loop_wake_free(&s->wake);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->done);
	free(s);
}

static void
finish_job(struct tls_sign_job *j, enum err e, struct slice signature)
{
	if (e == ERR_OK && (signature.n == 0 ||
	    signature.n > sizeof(j->signature)))
		e = ERR_CRYPTO;
	j->error = e;
	if (e == ERR_OK) {
		memcpy(j->signature, signature.p, signature.n);
		j->signature_bytes = signature.n;
	}
	j->is_done = true;
}

void
tls_sign_done(struct tls_sign_job *j, enum err e, struct slice signature)
{
	struct tls_signer *s = j->signer;
	ASYNC_callback_fn resume = j->resume;
	void *resume_arg = j->resume_arg;

	must(!j->is_done);
	if (j->is_threaded) {
		pthread_mutex_lock(&s->lock);
		finish_job(j, e, signature);
		pthread_cond_broadcast(&s->done);
		pthread_mutex_unlock(&s->lock);
		return;
	}
	finish_job(j, e, signature);
	if (resume != NULL)
		(void)resume(resume_arg);
}

static void
sign_in_fibre(struct tls_sign_job *j, ASYNC_JOB *fibre)
{
	struct tls_signer *s = j->signer;

	(void)ASYNC_WAIT_CTX_get_callback(ASYNC_get_wait_ctx(fibre),
	    &j->resume, &j->resume_arg);
	s->fn(s->arg, j, j->key, j->scheme, j->tbs);
	while (!j->is_done)
		ASYNC_pause_job();
}

static void
sign_in_thread(struct tls_sign_job *j)
{
	struct tls_signer *s = j->signer;

	j->is_threaded = true;
	pthread_mutex_lock(&s->lock);
	list_push(&s->queue, &j->link);
	loop_wake_send(s->wake);
	while (!j->is_done)
		pthread_cond_wait(&s->done, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

bool
tls_signer_ask(struct tls_signer *s, uint32_t key, uint16_t scheme,
    struct slice tbs, unsigned char *dst, size_t *bytes)
{
	struct tls_sign_job *j = must_alloc(1, sizeof(*j));
	ASYNC_JOB *fibre = ASYNC_get_current_job();
	bool ok;

	j->signer = s;
	j->key = key;
	j->scheme = scheme;
	j->tbs = tbs;
	list_init(&j->link);
	if (fibre != NULL)
		sign_in_fibre(j, fibre);
	else if (!pthread_equal(pthread_self(), s->loop_thread))
		sign_in_thread(j);
	else		/* waiting here would stop the answer from coming */
		finish_job(j, ERR_STATE, SLICE_NONE);
	ok = j->error == ERR_OK && j->signature_bytes <= *bytes;
	if (ok) {
		memcpy(dst, j->signature, j->signature_bytes);
		*bytes = j->signature_bytes;
	}
	free(j);
	return ok;
}

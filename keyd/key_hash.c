/* SPDX-License-Identifier: ISC */
#include "keyd/key_hash.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "keyd/key_scram.h"
#include "lib/base/cc.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/crypto/cry.h"
#include "lib/mail/saslprep.h"

enum { THREADS_MAX = 16, SWEEP_MS = 1000 };

struct key_hash {
	struct loop		*loop;
	struct loop_wake	*wake;
	struct timer		 sweep;
	pthread_t		 threads[THREADS_MAX];
	unsigned		 thread_count;
	unsigned		 waiting;	/* loop thread only */
	pthread_mutex_t		 lock;		/* guards what follows */
	pthread_cond_t		 more;
	struct list		 queue;
	struct list		 done;
	bool			 stop;
};

void
key_hash_verifier(unsigned char verifier[32], const unsigned char out[32])
{
	cry_subkey(verifier, out, "godwit password verifier");
}

static bool
fits(const struct key_hash_job *j)
{
	unsigned char got[32];
	bool fits;

	key_hash_verifier(got, j->out);
	fits = secret_eq(got, j->verifier, sizeof(got));
	secret_wipe(got, sizeof(got));
	return fits;
}

static void
hash(struct key_hash_job *j, struct slice password)
{
	j->result = cry_argon2id(j->out, password, j->salt, j->passes, j->memory_kib);
}

static void
job_run(struct key_hash_job *j)
{
	struct slice raw = slice_of(j->password, j->password_n), password = raw;
	struct buf prepared;

	buf_init(&prepared, SASLPREP_OUT_MAX);
	prepared.secret = true;
	if (j->is_password && saslprep_password(raw, &prepared) == ERR_OK)
		password = buf_slice(&prepared);
	hash(j, password);
	if (j->result == ERR_OK && j->is_checked && !slice_eq(password, raw) && !fits(j)) {
		password = raw;
		hash(j, password);
	}
	if (j->result == ERR_OK && j->scram.rounds > 0)
		key_scram_make(&j->scram, j->client_key, password);
	buf_fini(&prepared);
	secret_wipe(j->password, sizeof(j->password));
}

static void *
thread_main(void *arg)
{
	struct key_hash *h = arg;
	struct key_hash_job *j;
	struct list *l;

	pthread_mutex_lock(&h->lock);
	while (!h->stop) {
		l = list_first(&h->queue);
		if (l == NULL) {
			pthread_cond_wait(&h->more, &h->lock);
			continue;
		}
		list_remove(l);
		pthread_mutex_unlock(&h->lock);
		j = obj_of(l, struct key_hash_job, link);
		job_run(j);
		pthread_mutex_lock(&h->lock);
		list_push(&h->done, &j->link);
		loop_wake_send(h->wake);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

static void
on_wake(void *arg)
{
	struct key_hash *h = arg;
	struct list *l;

	for (;;) {
		pthread_mutex_lock(&h->lock);
		l = list_first(&h->done);
		if (l != NULL)
			list_remove(l);
		pthread_mutex_unlock(&h->lock);
		if (l == NULL)
			return;
		h->waiting--;
		obj_of(l, struct key_hash_job, link)->done(
		    obj_of(l, struct key_hash_job, link));
	}
}

/* Who has waited too long is told now, and not when its turn comes. */
static void
on_sweep(void *arg)
{
	struct key_hash *h = arg;
	uint64_t now = loop_now(h->loop);
	struct list *l, *tmp;

	pthread_mutex_lock(&h->lock);
	LIST_EACH(l, tmp, &h->queue) {
		struct key_hash_job *j = obj_of(l, struct key_hash_job, link);

		if (j->deadline_ms > now)
			continue;
		list_remove(l);
		secret_wipe(j->password, sizeof(j->password));
		j->result = ERR_BUSY;
		list_push(&h->done, l);
	}
	pthread_mutex_unlock(&h->lock);
	on_wake(h);
	if (h->waiting > 0)
		timer_set(&h->sweep, now + SWEEP_MS);
}

struct key_hash *
key_hash_new(struct loop *loop, unsigned threads)
{
	struct key_hash *h = must_alloc(1, sizeof(*h));
	sigset_t all, old;
	unsigned i;

	must(threads > 0);
	h->loop = loop;
	h->thread_count = threads < THREADS_MAX ? threads : THREADS_MAX;
	list_init(&h->queue);
	list_init(&h->done);
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->more, NULL);
	h->wake = loop_wake_new(loop, on_wake, h);
	timer_init(&h->sweep, loop, on_sweep, h);
	/* Signals are for the loop. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (i = 0; i < h->thread_count; i++)
		if (pthread_create(&h->threads[i], NULL, thread_main, h) != 0)
			log_fatal("no thread for checking passwords");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return h;
}

void
key_hash_free(struct key_hash **hp)
{
	struct key_hash *h = *hp;
	unsigned i;

	if (h == NULL)
		return;
	pthread_mutex_lock(&h->lock);
	h->stop = true;
	pthread_cond_broadcast(&h->more);
	pthread_mutex_unlock(&h->lock);
	for (i = 0; i < h->thread_count; i++)
		pthread_join(h->threads[i], NULL);
	timer_stop(&h->sweep);
	loop_wake_free(&h->wake);
	pthread_mutex_destroy(&h->lock);
	pthread_cond_destroy(&h->more);
	free(h);
	*hp = NULL;
}

void
key_hash_submit(struct key_hash *h, struct key_hash_job *j)
{
	j->result = ERR_BUSY;
	h->waiting++;
	pthread_mutex_lock(&h->lock);
	list_push(&h->queue, &j->link);
	pthread_cond_signal(&h->more);
	pthread_mutex_unlock(&h->lock);
	if (!timer_is_set(&h->sweep))
		timer_set(&h->sweep, loop_now(h->loop) + SWEEP_MS);
}

unsigned
key_hash_waiting(const struct key_hash *h)
{
	return h->waiting;
}

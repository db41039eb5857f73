/* SPDX-License-Identifier: ISC */
/*
 * The engine's life: its files, opened, scanned and removed.  The rest is in
 * blob_record.c (a record's head), blob_count.c (counters), blob_place.c
 * (putting; main thread), blob_write.c (batches; journal thread), blob_read.c.
 */
#include "store/blob_segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/daemon/daemon.h"
#include "store/blob_priv.h"

#define NAME_BYTES	16

static void
segment_name(char name[NAME_BYTES], uint32_t number)
{
	static const char hex[] = "0123456789abcdef";

	memcpy(name, "body.", 5);
	for (unsigned i = 0; i < 8; i++)
		name[5 + i] = hex[number >> (28 - 4 * i) & 15];
	name[13] = '\0';
}

int
blob_seg_open(int dir_fd, uint32_t number, int flags)
{
	char name[NAME_BYTES];

	segment_name(name, number);
	return openat(dir_fd, name, flags | O_CLOEXEC, 0600);
}

/* ---- opening ---- */

/* A number that stands in the directory is used, whatever the index says. */
static enum err
scan_directory(struct blob *b)
{
	struct dirent *d;
	uint32_t n;
	DIR *dir;
	int fd;

	if ((fd = openat(b->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_from_errno(errno);
	if ((dir = fdopendir(fd)) == NULL) {
		close(fd);
		return ERR_IO;
	}
	while ((d = readdir(dir)) != NULL) {
		if (strncmp(d->d_name, "body.", 5) != 0 || strlen(d->d_name) != 13)
			continue;
		n = (uint32_t)strtoul(d->d_name + 5, NULL, 16);
		if (n >= b->next_number && n < UINT32_MAX)
			b->next_number = n + 1;
	}
	closedir(dir);
	return ERR_OK;
}

enum err
blob_open(struct blob **out, struct kv *kv, int dir_fd, uint64_t segment_bytes)
{
	struct blob *b = must_alloc(1, sizeof(*b));
	enum err e;

	b->kv = kv;
	b->dir_fd = dir_fd;
	b->segment_bytes = segment_bytes;
	b->next_number = 1;
	b->serial = 1;
	b->pending = blob_batch_new(b);
	for (unsigned i = 0; i < BLOB_CACHE_MAX; i++)
		b->cache[i].fd = -1;
	if ((e = blob_load_counters(b)) != ERR_OK || (e = scan_directory(b)) != ERR_OK)
		blob_close(&b);
	*out = b;
	return e;
}

void
blob_close(struct blob **pb)
{
	struct blob *b = *pb;

	*pb = NULL;
	if (b == NULL)
		return;
	blob_batch_free(&b->pending);
	blob_batch_free(&b->spare);
	for (unsigned i = 0; i < BLOB_CACHE_MAX; i++)
		if (b->cache[i].fd >= 0)
			close(b->cache[i].fd);
	if (b->kept.segment != 0)
		close(b->kept.fd);
	free(b->segs);
	free(b->unsynced);
	free(b);
}

/* ---- emptied ones go ---- */

/*
 * Empty is said in the batch of what emptied it, or a later one: is that
 * durable?  What the journal still has of it would come back in a replay.
 */
static bool
is_known_empty(const struct blob *b, struct kv_txn *durable, const struct seg *s)
{
	for (size_t i = 0; i < b->unsynced_n; i++)
		if (b->unsynced[i] == s->number)
			return false;
	return s->is_empty && blob_is_saved_empty(durable, s->number);
}

static void
remove_segment(struct blob *b, const struct seg *s)
{
	char name[NAME_BYTES];

	segment_name(name, s->number);
	blob_forget_fd(b, s->number);
	(void)unlinkat(b->dir_fd, name, 0);
	daemon_crash_at("store.compact-unlinked");
	log_event(LOG_compact, log_num("segment", s->number), log_num("freed", s->bytes));
}

void
blob_remove_empty(struct blob *b)
{
	struct kv_txn *durable, *t = NULL;
	struct kv_key k;
	struct seg *s;
	size_t kept = 0;

	if (kv_begin_shard(b->kv, 0, KV_READ, &durable) != ERR_OK)
		return;
	for (size_t i = 0; i < b->seg_n; i++) {
		s = &b->segs[i];
		if (!is_known_empty(b, durable, s) ||
		    (t == NULL && kv_begin_shard(b->kv, 0, KV_WRITE, &t) != ERR_OK)) {
			b->segs[kept++] = *s;
			continue;
		}
		k = blob_counter_key(s->number);
		kv_del(t, &k);
		remove_segment(b, s);
	}
	b->seg_n = kept;
	kv_end(&durable);
	if (t != NULL && kv_submit(&t, KV_LAZY, NULL, NULL) != ERR_OK)
		log_event(LOG_disk, log_str("what", "segment counters"));
}

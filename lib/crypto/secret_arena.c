/* SPDX-License-Identifier: ISC */
#include "lib/crypto/secret_arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"

enum { GRANULE = 16, GRANULES_MAX = SECRET_ARENA_MAX / GRANULE };

/* The book-keeping is no secret and stays in ordinary memory. */
struct secret_arena {
	unsigned char	*base;		/* behind the first guard page */
	size_t		 bytes;
	size_t		 page;
	size_t		 free_granules;
	enum secret_kind kind;
	bool		 used[GRANULES_MAX];
};

static bool
map_hidden(unsigned char *at, size_t bytes)
{
#ifdef SYS_memfd_secret
	long fd = syscall(SYS_memfd_secret, 0);
	void *p;

	if (fd < 0)
		return false;
	if (ftruncate((int)fd, (off_t)bytes) != 0) {
		close((int)fd);
		return false;
	}
	p = mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, (int)fd, 0);
	close((int)fd);
	return p != MAP_FAILED;
#else
	(void)at;
	(void)bytes;
	return false;
#endif
}

/* What a failed MAP_FIXED left is undefined, so this maps anew. */
static enum secret_kind
map_ordinary(unsigned char *at, size_t bytes)
{
	if (mmap(at, bytes, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		log_fatal("no memory for secrets");
	(void)madvise(at, bytes, MADV_DONTDUMP);
	(void)madvise(at, bytes, MADV_WIPEONFORK);
	return mlock(at, bytes) == 0 ? SECRET_LOCKED : SECRET_GUARDED;
}

struct secret_arena *
secret_arena_new(size_t bytes)
{
	struct secret_arena *a = must_alloc(1, sizeof(*a));
	unsigned char *p;

	a->page = (size_t)sysconf(_SC_PAGESIZE);
	a->bytes = (bytes + a->page - 1) / a->page * a->page;
	/* Pages larger than 4 KiB round up past the nominal maximum. */
	must(bytes > 0 && bytes <= SECRET_ARENA_MAX);
	p = mmap(NULL, a->bytes + 2 * a->page, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		log_fatal("no memory for secrets");
	a->base = p + a->page;
	a->kind = map_hidden(a->base, a->bytes) ? SECRET_HIDDEN :
	    map_ordinary(a->base, a->bytes);
	a->free_granules = a->bytes / GRANULE;
	if (a->free_granules > GRANULES_MAX)
		a->free_granules = GRANULES_MAX;
	return a;
}

void
secret_arena_free(struct secret_arena **ap)
{
	struct secret_arena *a = *ap;

	if (a == NULL)
		return;
	secret_wipe(a->base, a->bytes);
	(void)munmap(a->base - a->page, a->bytes + 2 * a->page);
	free(a);
	*ap = NULL;
}

enum secret_kind
secret_arena_kind(const struct secret_arena *a)
{
	return a->kind;
}

static size_t
granules_of(size_t bytes)
{
	return (bytes + GRANULE - 1) / GRANULE;
}

static size_t
granules_all(const struct secret_arena *a)
{
	size_t n = a->bytes / GRANULE;

	return n < GRANULES_MAX ? n : GRANULES_MAX;
}

void *
secret_arena_alloc(struct secret_arena *a, size_t bytes)
{
	size_t need = granules_of(bytes), all = granules_all(a), run = 0, i;

	if (bytes == 0 || need > a->free_granules)
		return NULL;
	for (i = 0; i < all; i++) {
		run = a->used[i] ? 0 : run + 1;
		if (run < need)
			continue;
		memset(&a->used[i + 1 - need], true, need);
		a->free_granules -= need;
		return a->base + (i + 1 - need) * GRANULE;
	}
	return NULL;
}

void
secret_arena_release(struct secret_arena *a, void *p, size_t bytes)
{
	size_t need = granules_of(bytes), first;

	if (p == NULL)
		return;
	must((unsigned char *)p >= a->base);
	first = (size_t)((unsigned char *)p - a->base) / GRANULE;
	must(first + need <= granules_all(a) && a->used[first]);
	secret_wipe(p, need * GRANULE);
	memset(&a->used[first], false, need);
	a->free_granules += need;
}

size_t
secret_arena_free_bytes(const struct secret_arena *a)
{
	return a->free_granules * GRANULE;
}

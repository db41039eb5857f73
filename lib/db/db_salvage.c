/* SPDX-License-Identifier: ISC */
#include "lib/db/db_salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/must.h"
#include "lib/db/db.h"

#define META_MAGIC	0xbeefc0deu
#define META_VERSION	1
#define PAGE_MIN	512u
#define PAGE_MAX	65536u
#define DEPTH_MAX	32	/* of LMDB's cursors too */
#define PAGES_MAX	(1ull << 32)

#define P_BRANCH	0x01
#define P_LEAF		0x02
#define P_OVERFLOW	0x04
#define P_META		0x08
#define F_BIGDATA	0x01	/* the value is the number of an overflow page */
#define TREE_FLAGS	0xff	/* above them stand those of the environment */
#define TREE_INTEGERS	0x08	/* keys are numbers: the free list's */
#define TAIL_MAX	65536u	/* pages given out and not yet written */

/* As they are in the file: the machine's own words and order. */
struct page_head {
	size_t		 number;
	uint16_t	 pad;
	uint16_t	 flags;
	uint16_t	 lower;		/* overflow: lower and upper are a u32 of pages */
	uint16_t	 upper;
};
struct tree {
	uint32_t	 pad;		/* of the free list's: page size */
	uint16_t	 flags;
	uint16_t	 depth;
	size_t		 branch_pages;
	size_t		 leaf_pages;
	size_t		 overflow_pages;
	size_t		 entries;
	size_t		 root;
};
struct meta {
	uint32_t	 magic;
	uint32_t	 version;
	void		*address;
	size_t		 map_bytes;
	struct tree	 free;
	struct tree	 main;
	size_t		 last_page;
	size_t		 txn;
};
struct node {
	uint16_t	 lo;
	uint16_t	 hi;
	uint16_t	 flags;
	uint16_t	 key_n;
};

#define HEAD_BYTES	sizeof(struct page_head)
#define NO_PAGE		SIZE_MAX

struct file {
	int			 fd;
	uint64_t		 bytes;
	size_t			 page_bytes;
	size_t			 pages;
	unsigned char		*seen;		/* a bit for each page */
	struct db_salvage	*out;
	db_salvage_fn		*fn;
	void			*arg;
	bool			 is_free_tree;
	size_t			 txn;		/* the last one */
	size_t			 entries;	/* of this tree */
	size_t			 branch_pages;
	size_t			 leaf_pages;
	unsigned		 depth;
	size_t			 highest;	/* page of either */
	unsigned char		 last[DB_KEY_MAX];	/* key */
	size_t			 last_n;
};

static bool
read_at(const struct file *f, uint64_t offset, void *to, size_t n)
{
	char *p = to;
	ssize_t r;

	while (n > 0) {
		r = pread(f->fd, p, n, (off_t)offset);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		p += r;
		offset += (uint64_t)r;
		n -= (size_t)r;
	}
	return true;
}

static void
fault(struct file *f)
{
	f->out->faults++;
}

/* False when it was met before, or is none of the file's. */
static bool
see_page(struct file *f, size_t number)
{
	if (number >= f->pages || f->seen[number / 8] & 1u << number % 8)
		return false;
	f->seen[number / 8] |= (unsigned char)(1u << number % 8);
	if (number > f->highest)
		f->highest = number;
	return true;
}

/* ---- headers ---- */

static bool
read_meta(const struct file *f, uint64_t offset, struct meta *m)
{
	struct page_head h;

	return read_at(f, offset, &h, sizeof(h)) && (h.flags & P_META) &&
	    read_at(f, offset + HEAD_BYTES, m, sizeof(*m)) &&
	    m->magic == META_MAGIC && m->version == META_VERSION &&
	    m->free.pad >= PAGE_MIN && m->free.pad <= PAGE_MAX &&
	    (m->free.pad & (m->free.pad - 1)) == 0;
}

/* The newer of two; the second one's place follows from the first, or is tried. */
static bool
find_meta(struct file *f, struct meta *newest)
{
	struct meta a, b;
	bool has_a = read_meta(f, 0, &a), has_b = false;

	if (has_a)
		has_b = read_meta(f, a.free.pad, &b) && b.free.pad == a.free.pad;
	for (size_t n = PAGE_MIN; !has_a && !has_b && n <= PAGE_MAX; n *= 2)
		has_b = read_meta(f, n, &b) && b.free.pad == n;
	if (!has_a && !has_b) {
		fault(f);
		return false;
	}
	*newest = has_a && (!has_b || a.txn > b.txn) ? a : b;
	/* They are written in turn, each by every other transaction. */
	if (!has_a || !has_b || (newest->txn & 1) != (size_t)(b.txn > a.txn) ||
	    (a.txn > b.txn ? a.txn - b.txn : b.txn - a.txn) != (newest->txn > 0))
		fault(f);
	return true;
}

/* ---- entries ---- */

/* Pages that may be written over: none that a tree has. */
static void
see_free_list(struct file *f, const unsigned char *list, size_t n)
{
	size_t count, number, last = SIZE_MAX;

	if (n < sizeof(count)) {
		fault(f);
		return;
	}
	memcpy(&count, list, sizeof(count));
	if (count > n / sizeof(number) - 1) {
		fault(f);
		return;
	}
	for (size_t i = 1; i <= count; i++) {
		memcpy(&number, list + i * sizeof(number), sizeof(number));
		/* Behind the end: pages that were given up before they were written. */
		if (number < 2 || number >= last || (number < f->pages && !see_page(f, number)))
			fault(f);
		last = number;		/* they descend */
	}
}

static void
see_overflow(struct file *f, const unsigned char *at, size_t n)
{
	struct page_head h;
	unsigned char *list;
	uint32_t pages;
	size_t number;

	memcpy(&number, at, sizeof(number));
	if (number >= f->pages ||
	    !read_at(f, (uint64_t)number * f->page_bytes, &h, sizeof(h)) ||
	    h.number != number || h.flags != P_OVERFLOW) {
		fault(f);
		return;
	}
	memcpy(&pages, &h.lower, sizeof(pages));
	if (pages == 0 || pages > f->pages - number ||
	    n > (size_t)pages * f->page_bytes - HEAD_BYTES) {
		fault(f);
		return;
	}
	for (uint32_t i = 0; i < pages; i++)
		if (!see_page(f, number + i))
			fault(f);
	list = must_alloc(1, n);
	if (!read_at(f, (uint64_t)number * f->page_bytes + HEAD_BYTES, list, n))
		fault(f);
	else if (f->is_free_tree)
		see_free_list(f, list, n);
	else
		fault(f);	/* nobody whose files are salvaged has such values */
	free(list);
}

static bool
is_next_key(struct file *f, const unsigned char *key, size_t n)
{
	size_t both = n < f->last_n ? n : f->last_n;
	size_t a, b;
	int c;

	if (f->is_free_tree) {		/* numbers of transactions */
		if (n != sizeof(a))
			return false;
		memcpy(&b, key, sizeof(b));
		if (b > f->txn)
			return false;
		memcpy(&a, f->last, sizeof(a));
		c = f->last_n == 0 || b > a ? 1 : -1;
	} else {
		c = memcmp(key, f->last, both);
		c = c != 0 ? c : n > f->last_n ? 1 : -1;
	}
	if (c < 0)
		return false;
	memcpy(f->last, key, n);
	f->last_n = n;
	return true;
}

static void
see_entry(struct file *f, const unsigned char *key, const struct node *nd, size_t room)
{
	const unsigned char *value = key + nd->key_n;
	size_t n = (size_t)nd->lo | (size_t)nd->hi << 16;
	bool is_big = nd->flags == F_BIGDATA;

	if (nd->key_n == 0 || nd->key_n > DB_KEY_MAX || nd->key_n > room ||
	    (nd->flags != 0 && !is_big) ||
	    (is_big ? sizeof(size_t) : n) > room - nd->key_n) {
		fault(f);
		return;
	}
	if (!is_next_key(f, key, nd->key_n))
		fault(f);
	f->entries++;
	if (is_big)
		see_overflow(f, value, n);
	else if (f->is_free_tree)
		see_free_list(f, value, n);
	else {
		f->out->entries++;
		f->fn(f->arg, slice_of(key, nd->key_n), slice_of(value, n));
	}
}

/* ---- pages ---- */

static void	 walk_page(struct file *, size_t number, unsigned depth);

static bool
node_at(const struct file *f, const unsigned char *page, unsigned i, uint16_t upper,
    struct node *nd, size_t *offset)
{
	uint16_t at;

	memcpy(&at, page + HEAD_BYTES + 2 * i, sizeof(at));
	if (at < upper || at > f->page_bytes - sizeof(*nd))
		return false;
	memcpy(nd, page + at, sizeof(*nd));
	*offset = at + sizeof(*nd);
	return true;
}

static size_t
node_bytes(const struct node *nd, uint16_t page_flags)
{
	size_t n = sizeof(*nd) + nd->key_n;

	if (page_flags & P_LEAF)
		n += nd->flags & F_BIGDATA ? sizeof(size_t) : (size_t)nd->lo | (size_t)nd->hi << 16;
	return n + (n & 1);
}

static void
walk_nodes(struct file *f, const unsigned char *page, const struct page_head *h, unsigned depth)
{
	unsigned n = (h->lower - (unsigned)HEAD_BYTES) / 2;
	struct node nd;
	size_t offset, used = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!node_at(f, page, i, h->upper, &nd, &offset)) {
			fault(f);
			continue;
		}
		used += node_bytes(&nd, h->flags);
		if (h->flags & P_LEAF)
			see_entry(f, page + offset, &nd, f->page_bytes - offset);
		else
			walk_page(f, (size_t)((uint64_t)nd.lo | (uint64_t)nd.hi << 16 |
			    (sizeof(size_t) > 4 ? (uint64_t)nd.flags << 32 : 0)), depth + 1);
	}
	/* They lie close together, or LMDB would write over one of them. */
	if (used != f->page_bytes - h->upper)
		fault(f);
}

static void
walk_page(struct file *f, size_t number, unsigned depth)
{
	unsigned char *page;
	struct page_head h;

	if (depth >= DEPTH_MAX || number < 2 || !see_page(f, number)) {
		fault(f);
		return;
	}
	page = must_alloc(1, f->page_bytes);
	if (read_at(f, (uint64_t)number * f->page_bytes, page, f->page_bytes)) {
		f->out->pages++;
		memcpy(&h, page, sizeof(h));
		if (h.number == number && (h.flags == P_BRANCH || h.flags == P_LEAF) &&
		    h.lower >= HEAD_BYTES && h.lower <= h.upper && h.upper <= f->page_bytes) {
			f->branch_pages += h.flags == P_BRANCH;
			f->leaf_pages += h.flags == P_LEAF;
			f->depth = depth + 1 > f->depth ? depth + 1 : f->depth;
			walk_nodes(f, page, &h, depth);
		} else
			fault(f);
	} else {
		fault(f);
	}
	free(page);
}

static void
walk_tree(struct file *f, const struct tree *t, bool is_free)
{
	f->is_free_tree = is_free;
	f->entries = f->branch_pages = f->leaf_pages = 0;
	f->last_n = 0;
	f->depth = 0;
	if (t->root != NO_PAGE)
		walk_page(f, t->root, 0);
	/* LMDB goes by these numbers, too. */
	if (f->entries != t->entries || f->branch_pages != t->branch_pages ||
	    f->leaf_pages != t->leaf_pages || f->depth != t->depth ||
	    (t->flags & TREE_FLAGS) != (is_free ? TREE_INTEGERS : 0))
		fault(f);
}

static enum err
walk_file(struct file *f)
{
	struct meta m;

	if (!find_meta(f, &m))
		return ERR_CORRUPT;
	f->page_bytes = m.free.pad;
	f->txn = m.txn;
	if (f->bytes / f->page_bytes > PAGES_MAX)
		return ERR_CORRUPT;
	f->pages = (size_t)(f->bytes / f->page_bytes);
	f->seen = must_alloc(f->pages / 8 + 1, 1);
	/* What the main tree has must not be free: it is seen first. */
	walk_tree(f, &m.main, false);
	walk_tree(f, &m.free, true);
	if (m.last_page < f->highest || m.last_page > f->pages + TAIL_MAX)
		fault(f);
	free(f->seen);
	return ERR_OK;
}

enum err
db_salvage(const char *path, db_salvage_fn *fn, void *arg, struct db_salvage *out)
{
	struct file *f;
	struct stat st;
	enum err e;
	int fd;

	memset(out, 0, sizeof(*out));
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return err_from_errno(errno);
	f = must_alloc(1, sizeof(*f));
	f->fd = fd;
	f->out = out;
	f->fn = fn;
	f->arg = arg;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		e = ERR_IO;
	} else {
		f->bytes = (uint64_t)st.st_size;
		e = walk_file(f);
	}
	close(fd);
	free(f);
	return e;
}

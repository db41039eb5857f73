/* SPDX-License-Identifier: ISC */
/*
 * In the place of cmtpd: brings mail to queue as if it had come by CMTP 2.
 * Each file brought.N beside the program, from 1 on, is one message: a line
 *
 *	RECIPIENT FLIP KEY GENERATION
 *
 * then the text.  It is sealed to KEY (hex, X25519) or, for "-", to what keyd
 * says of the recipient; FLIP bytes before the end a bit is turned (0: none).
 * A line "brought number=N result=..." tells what queue said of each.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/must.h"
#include "lib/cmtp/cmtp_key.h"
#include "lib/cmtp/cmtp_wire.h"
#include "lib/seal/chunkfile.h"
#include "tests/system/inplace.h"
#include "tests/unit/seal/travelling.h"

#define TEXT_MAX	(64u << 20)
#define MEMFD_MAX	(256u << 10)

/* ---- whom it is sealed to */

static bool
ask_key(const char *rcpt, unsigned char key[32], uint32_t *generation)
{
	struct ipc_cmtp2_keys m = { .client = SLICE_LIT("192.0.2.1"), .user = slice_str(rcpt) };
	struct cmtp_key record;
	struct slice rest;

	if (inplace_ask(IPC_KEYD, IPC_MSG_cmtp2_keys, &m) != ERR_OK ||
	    inplace_type != IPC_MSG_cmtp2_keys_reply ||
	    inplace_reply.cmtp2_keys_reply.status != CMTP2_FOUND)
		return false;
	rest = inplace_reply.cmtp2_keys_reply.records;
	while (rest.n > 0) {
		if (cmtp_key_read(&record, &rest) != ERR_OK)
			return false;
		memcpy(key, record.seal, 32);
		*generation = record.generation;
	}
	return true;
}

static bool
read_hex(unsigned char key[32], const char *hex)
{
	unsigned byte;

	for (unsigned i = 0; i < 32; i++) {
		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return false;
		key[i] = (unsigned char)byte;
	}
	return true;
}

/* ---- to queue */

static const struct ipc_queue_open from_elsewhere = { .session = 1, .kind = QUEUE_KIND_CMTP2,
	.sender = SLICE_LIT("b@else.example"), .client = SLICE_LIT("192.0.2.1"),
	.helo = SLICE_LIT("else.example") };

static bool
put_memfd(struct ipc_queue_commit *c, int *fd, struct slice text)
{
	*fd = memfd_create("brought", MFD_ALLOW_SEALING);
	c->form = QUEUE_FORM_MEMFD;
	return *fd >= 0 && write(*fd, text.p, text.n) == (ssize_t)text.n &&
	    fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0;
}

static bool
put_file(struct ipc_queue_commit *c, int *fd, struct slice text, unsigned char key[32])
{
	const struct ipc_queue_file m = { .msg = c->msg };
	struct chunkfile_writer *w;
	bool good;

	if (inplace_ask(IPC_QUEUE, IPC_MSG_queue_file, &m) != ERR_OK ||
	    inplace_type != IPC_MSG_queue_file_ok)
		return false;
	*fd = ipc_take_fd(&inplace_in, 0);
	w = chunkfile_writer_new(chunkfile_write_fd, fd);
	good = chunkfile_writer_put(w, text) == ERR_OK && chunkfile_writer_end(w) == ERR_OK;
	memcpy(key, chunkfile_writer_key(w), 32);
	chunkfile_writer_free(&w);
	c->form = QUEUE_FORM_FILE;
	c->key = slice_of(key, 32);
	return good;
}

static const char *
bring(const char *rcpt, struct slice message)
{
	struct ipc_queue_rcpt r = { .rcpt = slice_str(rcpt) };
	struct ipc_queue_commit c = { .size = message.n };
	unsigned char key[32];
	int fd = -1;

	if (!inplace_open(&from_elsewhere, &r.msg))
		return "not-opened";
	c.msg = r.msg;
	if (inplace_ask(IPC_QUEUE, IPC_MSG_queue_rcpt, &r) != ERR_OK ||
	    inplace_type != IPC_MSG_queue_rcpt_ok)
		return "no-recipient";
	if (message.n <= MEMFD_MAX ? !put_memfd(&c, &fd, message) : !put_file(&c, &fd, message, key))
		return "no-file";
	if (inplace_ask_fd(IPC_QUEUE, IPC_MSG_queue_commit, &c, fd) != ERR_OK)
		return "closed";
	(void)close(fd);
	return inplace_type == IPC_MSG_queue_committed ? "taken" : "refused";
}

static const char *
bring_file(FILE *f)
{
	static char text[TEXT_MAX];
	char line[1000], rcpt[320], hex[80];
	unsigned char key[32];
	unsigned generation, flip;
	struct buf message;
	const char *result;
	size_t n;

	if (fgets(line, sizeof(line), f) == NULL ||
	    sscanf(line, "%319s %u %79s %u", rcpt, &flip, hex, &generation) != 4)
		return "no-line";
	if (strcmp(hex, "-") == 0 ? !ask_key(rcpt, key, &generation) : !read_hex(key, hex))
		return "no-key";
	n = fread(text, 1, sizeof(text), f);
	buf_init(&message, TEXT_MAX);
	travelling_message(&message, key, generation, slice_of(text, n));
	if (flip > 0)
		buf_data(&message)[message.n - flip] ^= 1;
	result = bring(rcpt, buf_slice(&message));
	buf_fini(&message);
	return result;
}

static FILE *
open_file(unsigned number)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);
	char *name;

	must(n > 0);
	path[n] = '\0';
	name = strrchr(path, '/');
	(void)snprintf(name, 32, "/brought.%u", number);
	return fopen(path, "r");
}

int
main(void)
{
	FILE *f;

	cry_init();
	inplace_start();
	for (unsigned i = 1; (f = open_file(i)) != NULL; i++) {
		printf("brought number=%u result=%s\n", i, bring_file(f));
		(void)fclose(f);
	}
	printf("brought all\n");
	inplace_stay();		/* so that nothing is restarted */
	return 0;
}

/* SPDX-License-Identifier: ISC */
/*
 * The file of a key ring: DIR/ring-ADDRESS, the address in lower case.  All of
 * it say why something failed and return an exit code.
 */
#ifndef GWCMTP_RINGFILE_H
#define GWCMTP_RINGFILE_H

#include <stdbool.h>

#include "cmtpd/gwcmtp_file.h"
#include "cmtpd/gwcmtp_tool.h"

struct gwcmtp_ringfile {
	char		 name[GWCMTP_FILE_NAME_MAX + 1];
	struct slice	 address;	/* within the name */
	struct buf	 bytes;		/* as they stand there */
	bool		 is_there;
};

int	 gwcmtp_ringfile_find(const struct gwcmtp *, struct gwcmtp_ringfile *,
	    const char *address) MUST_USE;
void	 gwcmtp_ringfile_fini(struct gwcmtp_ringfile *);
/* Asks for the password and opens it; the password stays until it is forgotten. */
int	 gwcmtp_ringfile_open(const struct gwcmtp *, const struct gwcmtp_ringfile *,
	    struct gwcmtp_ring *, struct gwcmtp_password **) MUST_USE;
int	 gwcmtp_ringfile_save(const struct gwcmtp *, const struct gwcmtp_ringfile *,
	    const struct gwcmtp_ring *, struct slice password) MUST_USE;

#endif

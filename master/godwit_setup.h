/* SPDX-License-Identifier: ISC */
/*
 * godwit setup: makes an instance (or fills the installation's own places)
 * with configuration, certificate, root key and empty data directories, and
 * prints the DNS records that belong to it.  Refuses to touch one that is
 * there already (exit 73).
 */
#ifndef GODWIT_SETUP_H
#define GODWIT_SETUP_H

int	 godwit_setup(int argc, char *argv[]);	/* argv[0] is "setup" */

#endif

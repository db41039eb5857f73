/* SPDX-License-Identifier: ISC */
/*
 * OpenSSL's headers for lib/io, included before any other of ours.  One of
 * its types is called ERR_STATE, as is one of our error codes: it gets
 * another name here.
 */
#ifndef OPENSSL_H
#define OPENSSL_H

#define ERR_STATE	openssl_err_state
#include <openssl/async.h>
#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

#endif

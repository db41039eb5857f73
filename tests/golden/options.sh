#!/bin/sh
# SPDX-License-Identifier: ISC
# After a change of an .opt file: print tests/golden/options.txt and the
# options of man/godwit.conf.5 anew.  The diff is then reviewed like code.
set -eu
cd "$(dirname "$0")/../.."
# As one of the tests it only compares.
[ -z "${GODWIT_BUILD:-}" ] || exec "$GODWIT_BUILD/unit/conf_opt_man_test"
build=${1:-build/test}
"$build/unit/conf_opt_man_test" -p >tests/golden/options.txt
page=man/godwit.conf.5
{
	sed '/^\.Sh OPTIONS$/q' $page
	"$build/bin/gwconf" -m
	sed -n '/^\.Sh FILES$/,$p' $page
} >$page.new
mv $page.new $page

#!/bin/sh
# SPDX-License-Identifier: ISC
# Plain "make" builds all, whatever rule a sources.mk brings first.
set -eu
cd "$(dirname "$0")/../.."
goal=$(make -pn clean 2>/dev/null | sed -n 's/^\.DEFAULT_GOAL :*= //p')
[ "$goal" = all ] || { echo "make without a target makes: $goal"; exit 1; }

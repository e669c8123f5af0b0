#!/bin/sh
# One upload with the ledger on its own branch (docs/ci/state.md), for any CI system or cron. Run it in the repository:
#   upload.sh [ARGUMENTS OF billproof upload]
# With --dry-run it only shows what would be uploaded: it needs no token, and nothing is saved.
# It exits with billproof's exit code: 0 done, 1 a file has errors, 2 wrong usage, 3 unproved, 4 not sent; also with 3 if the
# ledger could not be fetched or saved. billproof.yaml must say `ledger: .ledger`. BILLPROOF_LEDGER_REMOTE is the remote with
# the branch, if it is not this repository's origin.
set -eu
here=$(dirname "$0")
dry_run=
for argument in "$@"; do
    [ "$argument" != --dry-run ] || dry_run=yes
done

unproved() {
    echo "UNPROVED  $1" >&2
    exit 3
}

# Any other ledger would be used but not saved.
if ! grep -Eq "^ledger: *['\"]?(\./)?\.ledger/?['\"]? *(#.*)?\$" billproof.yaml; then
    echo "upload.sh: billproof.yaml must say \`ledger: .ledger\`, because this script fetches and saves that folder" >&2
    exit 2
fi

if [ ! -e .ledger ]; then
    git clone --quiet --depth 1 --branch billproof-ledger \
        "${BILLPROOF_LEDGER_REMOTE:-$(git remote get-url origin)}" .ledger || unproved "the ledger could not be fetched"
else
    # Receipts that an earlier run did not save stay here and are saved with the rest.
    git -C .ledger pull --quiet --rebase || unproved "the ledger could not be fetched"
fi

trap : HUP INT TERM # however billproof ends, its receipts are saved
code=0
billproof upload "$@" || code=$?
if [ -z "$dry_run" ] && ! "$here/save-ledger.sh" .ledger; then
    [ "$code" -ne 0 ] || unproved "uploaded, but the ledger was not saved: keep .ledger, or the next run will not know about it"
fi
exit "$code"

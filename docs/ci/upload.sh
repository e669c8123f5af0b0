#!/bin/sh
# One upload with the ledger on a branch of its own (docs/ci/state.md), for any CI system or cron. Run it in the repository:
#   upload.sh [ARGUMENTS OF billproof upload]
# With --dry-run it only tells what would be uploaded: no token is needed, and nothing is saved.
# It ends as billproof does: 0 done, 1 a file is at fault, 2 wrong usage, 3 unproved, 4 not sent; also with 3 if the ledger
# could not be fetched or saved. billproof.yaml must say `ledger: .ledger`. BILLPROOF_LEDGER_REMOTE is where the branch is, if not at this repository's origin.
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

# Another ledger would be used and saved nowhere.
if ! grep -Eq "^ledger: *['\"]?(\./)?\.ledger/?['\"]? *(#.*)?\$" billproof.yaml; then
    echo "upload.sh: billproof.yaml must say \`ledger: .ledger\`, for that is the folder which is fetched and saved here" >&2
    exit 2
fi

if [ ! -e .ledger ]; then
    git clone --quiet --depth 1 --branch billproof-ledger \
        "${BILLPROOF_LEDGER_REMOTE:-$(git remote get-url origin)}" .ledger || unproved "the ledger could not be fetched"
else
    # What a run before this one did not save stays, and is saved with the rest.
    git -C .ledger pull --quiet --rebase || unproved "the ledger could not be fetched"
fi

trap : HUP INT TERM # whatever ends billproof, what it left is saved
code=0
billproof upload "$@" || code=$?
if [ -z "$dry_run" ] && ! "$here/save-ledger.sh" .ledger; then
    [ "$code" -ne 0 ] || unproved "uploaded, but the ledger was not saved: keep .ledger, or the next run knows nothing of it"
fi
exit "$code"

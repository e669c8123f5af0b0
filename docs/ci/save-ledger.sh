#!/bin/sh
# Commits the receipts that uploads added to the ledger, and pushes them to the ledger's branch.
#   save-ledger.sh FOLDER     a checkout of that branch, with the ledger and nothing else in it
# 0: everything is on the remote. 1: it is not, and FOLDER may be the only copy: keep it.
set -eu
export LC_ALL=C
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE # a git hook sets them, and they name another repository

fail() {
    echo "save-ledger: $1" >&2
    exit 1
}

[ $# -eq 1 ] || fail "usage: save-ledger.sh FOLDER"
cd "$1" || fail "$1 does not exist"
[ -f ledger.json ] || fail "$1 has no ledger.json, so it is not a ledger; nothing was saved"
[ "$(git rev-parse --show-prefix 2>/dev/null || echo none)" = "" ] || fail "$1 is not a separate checkout"
branch=$(git symbolic-ref --quiet --short HEAD) || fail "$1 is not on a branch; check out the ledger's branch by its name"
git config user.name >/dev/null || git config user.name billproof
git config user.email >/dev/null || git config user.email billproof@example.com

# Receipts are added, never changed. Changed or missing receipts must not reach the intact copy.
if git rev-parse --quiet --verify HEAD >/dev/null; then
    changed=$(git diff HEAD --name-only --diff-filter=a)
    [ -z "$changed" ] || fail "changed or removed, not saved: $changed"
fi
git add --all
# Whatever somebody's git ignores elsewhere: all that is visible in a ledger is part of it.
git add --all --force -- . ':(exclude,glob)**/.*'
git diff --cached --quiet || git commit --quiet --no-verify --message "Receipts of billproof"

# Receipts of two machines never have the same name, so a rebase has nothing to merge.
attempt=1
until git push --quiet --set-upstream origin "HEAD:refs/heads/$branch"; do
    [ "$attempt" -lt 8 ] || fail "not pushed after $attempt attempts; $1 is the only copy of its receipts"
    sleep "$attempt"
    attempt=$((attempt + 1))
    git fetch --quiet origin "$branch" || continue
    git rebase --quiet FETCH_HEAD || { git rebase --abort; fail "the remote's $branch is another ledger; nothing was pushed"; }
done

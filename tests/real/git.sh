#: git: init, add, commit, branch, merge, log, diff, gc, clone
#: needs: git
#: expect: merge
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_PAGER=cat
cd "$HOME" && rm -rf repo copy && git init -q -b main repo && cd repo
for i in 1 2 3 4 5 6; do for j in 1 2 3 4 5; do seq $i $((j * 500)) > file$j; done; git add . ; git commit -q -m "commit $i"; done
git checkout -q -b side HEAD~2; echo side > other; git add other; git commit -q -m side; git checkout -q main; git merge -q -m merge side
git log --oneline --graph --stat | cat
git diff HEAD~3 --shortstat; git status --short; git rev-parse HEAD; git fsck 2>&1 | tail -1
git gc -q; git count-objects -v | grep -v size; git clone -q . ../copy; (cd ../copy; git log --format=%H | md5sum)
git blame -s file1 | md5sum; git grep -c 77 | head -3; git archive --format=tar HEAD | md5sum

# shellcheck shell=bash disable=SC2164,SC2103
# Make a repository of AMOUNT commits on the mount, clone it, collect garbage, and check everything.
git config --global user.name tester
git config --global user.email tester@localhost
git config --global init.defaultBranch main
git init -q repo
cd repo
for i in $(seq "$AMOUNT"); do
	mkdir -p "dir$((i % 7))"
	echo "line $i" >>"dir$((i % 7))/file$((i % 13))"
	echo "all $i" >>all
	git add -A
	git commit -qm "commit $i"
done
[ "$(git rev-list --count HEAD)" = "$AMOUNT" ]
git fsck --strict
git gc -q
git fsck --strict
cd ..
git clone -q --no-local repo clone
git -C clone fsck --strict
git clone -q --no-local repo "$LOCAL/clone"
diff -r --exclude=.git clone "$LOCAL/clone"
[ "$(wc -l <clone/all)" = "$AMOUNT" ]
git -C clone checkout -q -b other HEAD~5
git -C clone checkout -q main
[ -z "$(git -C clone status --porcelain)" ]

# This works in the folder $dir, as a shell does, until the file $stop is there, and says what has failed.
n=0
bad=0
try() {
	"$@" && echo done || { echo "failed in pass $n: $*"; bad=$((bad + 1)); }
}
append() { echo "line $n" >>$dir/lines; }
quiet() { "$@" >/dev/null; }
while [ ! -e $stop ] && [ $bad -lt 3 ]; do
	n=$((n + 1))
	try append
	try mkdir $dir/d
	try cp $dir/lines $dir/d/new
	try mv $dir/d/new $dir/d/copy
	try quiet ls -l $dir/d
	try cmp $dir/lines $dir/d/copy
	try rm $dir/d/copy
	try rm -r $dir/d
done
echo "passes $n failures $bad"

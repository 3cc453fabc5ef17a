# A thin front on go, for mk(1) of plan9port or 9base.  Without a target mk
# lists them.

MKSHELL=sh

help:VQ:
	sed -n 's/^#:/  mk/p' mkfile

#: all        build everything
all:V:
	CGO_ENABLED=0 go build ./...

#: install    put the commands into ./bin, or with PREFIX=dir everything that is needed into dir
install:V:
	to=${PREFIX:+$PREFIX/lib/styxkit}
	to=${to:-${STYX:-.}}
	mkdir -p $to/bin
	CGO_ENABLED=0 go build -trimpath -o $to/bin/ ./cmd/...
	if [ -n "$PREFIX" ]; then
		mkdir -p $PREFIX/bin
		mkdir -p $to/man
		cp -R man/[1-8] $to/man
		cp styx LICENSE $to
		ln -sf ../lib/styxkit/styx $PREFIX/bin/styx
	fi

#: test       test the packages and the commands
test:V:
	go test ./...

#: check      hold the manual pages to the rules
check:V:
	go test -count=1 ./man

#: vet        gofmt, go vet and staticcheck, on both modules
vet:V:
	tests/run -n gofmt vet staticcheck shellcheck

#: fuzz       run each fuzz test for FUZZTIME, which is 30s
fuzz:V:
	go list -f '{{.Dir}}' ./... | while read -r dir; do
		for f in $(cat /dev/null $dir/*_test.go 2>/dev/null | sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p'); do
			go test -run='^$' -fuzz="^$f\$" -fuzztime=${FUZZTIME:-30s} $dir
		done
	done

#: sim        play random histories against styxpersist until stopped, other ones each time
sim:V:
	first=${FIRST:-$(date +%s)000}
	go test -tags sim -c -o sim.test ./styxpersist/sim
	trap 'rm -f sim.test' EXIT
	while ./sim.test -test.run=TestHistories -test.timeout=0 -first=$first -histories=10000; do
		first=$((first + 10000))
	done
	exit 1

#: bench      run the benchmarks of the packages, and measure what a relay costs
bench:V:
	go test -run='^$' -bench=. ./...
	cd tests
	go run ./bench

#: ci         all that must hold before a change goes in: what tests/run does
ci:V:
	tests/run

#: clean      remove the commands from ./bin
clean:V:
	rm -rf bin

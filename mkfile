# A thin front on go, for mk(1) of plan9port or 9base.  Without a target mk
# lists them.

MKSHELL=sh

help:VQ:
	sed -n 's/^#:/  mk/p' mkfile

#: all        build everything
all:V:
	CGO_ENABLED=0 go build ./...

#: install    put the commands into ./bin, or with PREFIX=dir everything that is needed into dir, below DESTDIR if that is set
install:V:
	to=${PREFIX:+$DESTDIR$PREFIX/lib/styxkit}
	to=${to:-${STYX:-.}}
	mkdir -p $to/bin
	CGO_ENABLED=0 go build -trimpath -o $to/bin/ ./cmd/...
	if [ -z "$PREFIX" ]; then
		exit
	fi
	at=$DESTDIR$PREFIX
	mkdir -p $at/bin $at/share/bash-completion/completions $at/share/zsh/vendor-completions
	mkdir -p $to/man
	cp -R man/[1-8] $to/man
	cp styx LICENSE $to
	ln -sf ../lib/styxkit/styx $at/bin/styx
	cp cmd/completion/styx.bash $at/share/bash-completion/completions/styx
	cp cmd/completion/_styx $at/share/zsh/vendor-completions/_styx
	# mount(8) looks for its helpers in /sbin and nowhere else.
	if [ -n "$DESTDIR" ] || [ -w /sbin ]; then
		mkdir -p $DESTDIR/sbin
		ln -sf $PREFIX/lib/styxkit/bin/mount $DESTDIR/sbin/mount.styx
	fi

#: uninstall  take away what install has put into PREFIX, below DESTDIR if that is set
uninstall:V:
	if [ -z "$PREFIX" ]; then
		echo 'mk: uninstall: say from where: mk PREFIX=/usr/local uninstall' >&2
		exit 1
	fi
	at=$DESTDIR$PREFIX
	rm -rf $at/lib/styxkit
	rm -f $at/bin/styx $at/share/bash-completion/completions/styx $at/share/zsh/vendor-completions/_styx
	if [ "$(readlink $DESTDIR/sbin/mount.styx)" = $PREFIX/lib/styxkit/bin/mount ]; then
		rm -f $DESTDIR/sbin/mount.styx
	fi

#: deb        make a Debian package in the folder OUT, which is .
deb:V:
	d=$(mktemp -d)
	trap 'rm -rf $d' EXIT
	mk PREFIX=/usr DESTDIR=$d install
	if [ -d $d/sbin ]; then # Debian's /sbin is a link to it
		mkdir -p $d/usr/sbin
		mv $d/sbin/mount.styx $d/usr/sbin
		rmdir $d/sbin
	fi
	mkdir -p $d/DEBIAN $d/usr/share/doc/styxkit/examples $d/usr/share/man/man8
	cp LICENSE $d/usr/share/doc/styxkit/copyright
	cp README.md $d/usr/share/doc/styxkit
	cp cmd/mount/host/* $d/usr/share/doc/styxkit/examples
	gzip -9nc man/8/mount.styx >$d/usr/share/man/man8/mount.styx.8.gz
	chmod -R u=rwX,go=rX $d
	arch=$(go env GOARCH | sed 's/^386$/i386/; s/^arm$/armhf/; s/^ppc64le$/ppc64el/')
	version=0~$(git log -1 --format=%cd.%h --date=format:%Y%m%d 2>/dev/null || date +%Y%m%d)
	{
		echo Package: styxkit
		echo Version: $version
		echo Architecture: $arch
		echo 'Maintainer: The styxkit authors <styxkit@localhost>'
		echo Installed-Size: $(du -sk $d | cut -f1)
		echo 'Recommends: fuse3'
		echo 'Section: net'
		echo 'Priority: optional'
		echo 'Description: 9P mounts that outlive their server, and other commands for 9P'
		echo ' Styxkit is a set of commands for 9P, the file protocol of Plan 9 and Inferno. Its'
		echo ' mount survives a server that is killed, restarted or cut off: programs wait, and go'
		echo ' on as if nothing had happened. The commands are run by styx(1); mount(8) mounts'
		echo ' file systems of type styx.'
	} >$d/DEBIAN/control
	mkdir -p ${OUT:-.}
	dpkg-deb --build --root-owner-group $d ${OUT:-.}/styxkit_${version}_$arch.deb

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

#: matrix     hold every message against every fault, and write tests/matrix/RESULTS
matrix:V:
	cd tests
	go test -count=1 -run TestMatrix ./matrix -results RESULTS

#: programs   run git, sqlite, tar, rsync, vim and go at length on mounts whose server is killed every 2 seconds
programs:V:
	cd tests
	go test ./programs -count=1 -v -full -timeout 3h

#: soak       run programs on mounts whose servers are tormented, for FOR, which is 10m
soak:V:
	cd tests
	go test ./soak -count=1 -v -timeout 0 -for ${FOR:-10m}

#: bench      run the benchmarks of the packages, and measure what a relay costs and how long recoveries take
bench:V:
	go test -run='^$' -bench=. ./...
	cd tests
	go run ./bench
	go run -tags sim ./bench -recovery -rounds 3

#: guest      test with the kernel's own client, in a guest, and write what was seen into tests/guest/RESULTS
guest:V:
	tests/guest/kernel
	cd tests
	go test -count=1 -timeout 20m -parallel 20 ./guest -args -results $PWD/guest/RESULTS

#: ci         all that must hold before a change goes in: what tests/run does
ci:V:
	tests/run

#: clean      remove the commands from ./bin
clean:V:
	rm -rf bin

# shellcheck shell=bash disable=SC2164,SC2103
# Build packages of the toolkit with source and cache on the mount.
mkdir src
tar cf - -C "$TREE" --exclude=.git --exclude=bin --exclude=tests --exclude=man . | tar xf - -C src
cd src
GOCACHE=$PWD/../cache GOMODCACHE=$(HOME=/root go env GOMODCACHE) GOFLAGS=-mod=mod CGO_ENABLED=0 go build -o ../out/ "$AMOUNT"
[ -x ../out/unmount ]

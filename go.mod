module github.com/styxkit/styxkit

go 1.26.0

require (
	9fans.net/go v0.0.8-0.20250307142834-96bdba94b63f
	github.com/google/go-cmp v0.7.0
	github.com/hanwen/go-fuse/v2 v2.12.1
	github.com/u-root/u-root v0.16.0
	golang.org/x/sys v0.49.0
)

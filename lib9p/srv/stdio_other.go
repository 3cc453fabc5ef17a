//go:build !unix

package srv

import "os"

func pollable(f *os.File) *os.File { return f }

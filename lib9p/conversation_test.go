package lib9p

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The files of testdata/conversations are what went over real lines: diod with its own clients and ours, 9fans.net/go's client
// with our server, and our own in .u. Each message is its line, and its bytes in the next. A file's name holds its dialect.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/conversations/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			d := map[string]Dialect{"2000": P2000, "u": U, "L": L}[strings.Split(filepath.Base(file), ".")[1]]
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
			for i := 0; i+1 < len(lines); i += 2 {
				frame, err := hex.DecodeString(strings.TrimPrefix(lines[i+1], "\t"))
				if err != nil {
					t.Fatal(err)
				}
				if err := Frame(frame).Validate(d); err != nil {
					t.Errorf("%s: %v", lines[i], err)
				}
				tag, m, err := Unpack(d, frame)
				if err != nil {
					t.Errorf("%s: %v", lines[i], err)
				} else if got := Format(d, tag, m); got != lines[i] {
					t.Errorf("line is\n\t%s\nnot\n\t%s", got, lines[i])
				}
				tag, m, err = Parse(d, lines[i])
				if err != nil {
					t.Error(err)
				} else if got, err := Pack(d, tag, m); err != nil || !bytes.Equal(got, frame) {
					t.Errorf("%s: packed to %x, %v", lines[i], got, err)
				}
			}
		})
	}
}

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What is said goes to a file, and with -S the messages too.
func TestMessages(t *testing.T) {
	for _, flag := range []string{"-S", "-pS"} {
		s := serve(t)
		name := filepath.Join(t.TempDir(), "log")
		c := start(t, flag, "-o", "log="+name, s.addr, t.TempDir())
		c.succeeds(t)
		if data := cat(t, c.dir, "file"); data != "contents" {
			t.Errorf("read %q: %s", data, c.text())
		}
		if flag == "-pS" {
			s.stop()
			s.start(t)
			cat(t, c.dir, "file")
		}
		b, err := os.ReadFile(name)
		must(t, err)
		line := regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{6} (-> T|<- R)[a-z]+ tag \d+`)
		all := string(b)
		for l := range strings.Lines(all) {
			if !line.MatchString(l) && !strings.HasPrefix(l, "mount: "+s.addr) || len(l) > maxLine+30 {
				t.Errorf("%s: a line says %q", flag, l)
			}
		}
		for _, want := range []string{"-> Tversion tag 65535 msize", "<- Rversion tag 65535", "-> Tattach", `<- Rread tag`, `count 8 data`} {
			if !strings.Contains(all, want) {
				t.Errorf("%s: the log has no %q", flag, want)
			}
		}
		if away := strings.Contains(all, "server went away"); away != (flag == "-pS") {
			t.Errorf("%s: the server went away: %v", flag, away)
		}
		if c.text() != "" {
			t.Errorf("%s: on standard error is %q", flag, c.text())
		}
	}
}

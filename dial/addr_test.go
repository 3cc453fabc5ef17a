package dial

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

var parseTests = []struct {
	addr, defnet, defservice string
	want                     Addr
}{
	{"tcp!fs!564", "", "", Addr{"tcp", "fs", "564", 564}},
	{"tcp!fs.example.org.!9fs", "", "", Addr{"tcp", "fs.example.org.", "9fs", 564}},
	{"net!fs!styx", "", "", Addr{"tcp", "fs", "styx", 6666}},
	{"tcp4!10.0.0.1!http", "", "", Addr{"tcp4", "10.0.0.1", "http", 80}},
	{"tcp6!::1!0", "", "", Addr{"tcp6", "::1", "0", 0}},
	{"tcp![fe80::1%eth0]!65535", "", "", Addr{"tcp", "fe80::1%eth0", "65535", 65535}},
	{"tcp!*!9fs", "", "", Addr{"tcp", "*", "9fs", 564}},
	{"tcp!büro_1!9fs", "", "", Addr{"tcp", "büro_1", "9fs", 564}},

	{"fs", "tcp", "9fs", Addr{"tcp", "fs", "9fs", 564}},
	{"fs", "", "9fs", Addr{"tcp", "fs", "9fs", 564}},
	{"fs", "tcp6", "styx", Addr{"tcp6", "fs", "styx", 6666}},
	{"tcp4!fs", "tcp6", "9fs", Addr{"tcp4", "fs", "9fs", 564}},
	{"fs!5640", "tcp6", "9fs", Addr{"tcp6", "fs", "5640", 5640}},
	{"fs!5640", "", "", Addr{"tcp", "fs", "5640", 5640}},
	{"::1", "", "9fs", Addr{"tcp", "::1", "9fs", 564}},
	{"[2001:db8::2]!5640", "", "", Addr{"tcp", "2001:db8::2", "5640", 5640}},

	{"unix!/tmp/x", "", "", Addr{"unix", "/tmp/x", "", 0}},
	{"unix!x", "", "9fs", Addr{"unix", "x", "", 0}},
	{"unix!a!b", "", "9fs", Addr{"unix", "a!b", "", 0}},
	{"unix!@x", "", "", Addr{"unix", "./@x", "", 0}},
	{"net!/tmp/x", "", "9fs", Addr{"unix", "/tmp/x", "", 0}},
	{"/tmp/x", "tcp", "9fs", Addr{"unix", "/tmp/x", "", 0}},
	{"/tmp/a!b!c!d", "tcp", "9fs", Addr{"unix", "/tmp/a!b!c!d", "", 0}},
	{"./x", "tcp", "9fs", Addr{"unix", "./x", "", 0}},
	{"../x", "tcp", "9fs", Addr{"unix", "../x", "", 0}},
	{"x", "unix", "9fs", Addr{"unix", "x", "", 0}},
}

func TestParse(t *testing.T) {
	for _, tt := range parseTests {
		got, err := Parse(tt.addr, tt.defnet, tt.defservice)
		if err != nil || got != tt.want {
			t.Errorf("Parse(%q, %q, %q) = %+v, %v, want %+v", tt.addr, tt.defnet, tt.defservice, got, err, tt.want)
			continue
		}
		if again, err := Parse(got.String(), "", ""); err != nil || again != got {
			t.Errorf("Parse(%q) = %+v, %v, want %+v", got.String(), again, err, got)
		}
	}
}

func TestParseFaults(t *testing.T) {
	for _, tt := range []struct{ addr, defnet, defservice, fault string }{
		{"", "tcp", "9fs", "empty string"},
		{"!fs!564", "", "", "empty network"},
		{"tcp!!564", "", "", "empty host"},
		{"tcp!", "", "9fs", "empty host"},
		{"!564", "", "", "empty host"},
		{"tcp!fs!", "", "", "empty service"},
		{"fs!", "", "", "empty service"},
		{"tcp!fs", "", "", "missing service"},
		{"fs", "", "", "missing service"},
		{"tcp!fs!564!", "", "", "too many '!'"},
		{"tcp!fs!564!x", "", "", "too many '!'"},
		{"il!fs!564", "", "", `unknown network "il"`},
		{"udp!fs", "", "9fs", `unknown network "udp"`},
		{"TCP!fs!564", "", "", `unknown network "TCP"`},
		{"fs!564", "udp", "", `unknown network "udp"`},
		{"tcp!fs!65536", "", "", "bad port 65536"},
		{"tcp!fs!-1", "", "", "bad port -1"},
		{"tcp!fs!+80", "", "", "bad port +80"},
		{"tcp!fs!99999999999999999999", "", "", "bad port"},
		{"tcp!fs!no-such-service", "", "", `unknown service "no-such-service"`},
		{"tcp!fs!5 64", "", "", `unknown service "5 64"`},
		{"tcp!fs:564", "", "9fs", "a service is set off by '!'"},
		{"fs:564", "", "9fs", "a service is set off by '!'"},
		{"tcp![::1!564", "", "", "not an ipv6 address in brackets"},
		{"tcp![fs]!564", "", "", "not an ipv6 address in brackets"},
		{"tcp![127.0.0.1]!564", "", "", "brackets are for ipv6"},
		{"tcp!::1%a b!564", "", "", "not an ipv6 address"},
		{"tcp4!::1!564", "", "", "not an address of network tcp4"},
		{"tcp6!127.0.0.1!564", "", "", "not an address of network tcp6"},
		{"no/such/socket", "", "9fs", "the path of a socket begins with / or ./"},
		{"tcp!f s!564", "", "", "bad host name"},
		{"tcp!fs\n!564", "", "", "bad host name"},
		{"tcp!a..b!564", "", "", "bad host name"},
		{"tcp!-v!564", "", "", "bad host name"},
		{"{u9fs .}", "", "9fs", "bad host name"},
		{"unix!", "", "", "empty path"},
		{"/tmp/\x00", "", "", "zero byte"},
	} {
		_, err := Parse(tt.addr, tt.defnet, tt.defservice)
		ae, ok := errors.AsType[*AddrError](err)
		if !ok || ae.Addr != tt.addr || !strings.Contains(ae.Fault, tt.fault) {
			t.Errorf("Parse(%q, %q, %q): %v, want %s", tt.addr, tt.defnet, tt.defservice, err, tt.fault)
			continue
		}
		if !strings.HasPrefix(err.Error(), "parse dial string ") || !strings.Contains(err.Error(), "want net!host!service") {
			t.Errorf("Parse(%q): %v: does not say what was done and what is wanted", tt.addr, err)
		}
	}
}

func TestNetMkAddr(t *testing.T) {
	for _, tt := range []struct{ addr, defnet, defservice, want string }{
		{"fs", "", "", "net!fs"},
		{"fs", "", "9fs", "net!fs!9fs"},
		{"fs", "tcp", "9fs", "tcp!fs!9fs"},
		{"tcp!fs", "net", "9fs", "tcp!fs!9fs"},
		{"il!fs", "net", "9fs", "il!fs!9fs"},
		{"fs!564", "tcp", "9fs", "tcp!fs!564"},
		{"tcp!fs!564", "net", "9fs", "tcp!fs!564"},
		{"a!b!c!d", "net", "9fs", "a!b!c!d"},
		{"/srv/x", "net", "9fs", "unix!/srv/x"},
		{"net!/srv/x", "net", "9fs", "unix!/srv/x"},
		{"unix!/srv/x", "net", "9fs", "unix!/srv/x"},
		{"", "net", "9fs", "net!!9fs"},
	} {
		if got := NetMkAddr(tt.addr, tt.defnet, tt.defservice); got != tt.want {
			t.Errorf("NetMkAddr(%q, %q, %q) = %q, want %q", tt.addr, tt.defnet, tt.defservice, got, tt.want)
		}
	}
}

// A socket that exists needs no mark of a path.
func TestParseSocketThatExists(t *testing.T) {
	t.Chdir(t.TempDir())
	if a, err := Parse("sock", "", "9fs"); err != nil || a.Net != "tcp" {
		t.Fatalf("before: %+v, %v, want a host", a, err)
	}
	l, err := net.Listen("unix", "sock")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	want := Addr{Net: "unix", Host: "sock"}
	if a, err := Parse("sock", "", "9fs"); err != nil || a != want {
		t.Errorf("%+v, %v, want %+v", a, err, want)
	}
	if got := NetMkAddr("sock", "tcp", "9fs"); got != "unix!sock" {
		t.Errorf("NetMkAddr = %q", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, tt := range parseTests {
		f.Add(tt.addr, tt.defnet, tt.defservice)
	}
	f.Add("a!b!c!d", "", "")
	f.Add("[::1]]!%", "tcp", "99999")
	f.Fuzz(func(t *testing.T, addr, defnet, defservice string) {
		a, err := Parse(addr, defnet, defservice)
		if err != nil {
			if ae, ok := errors.AsType[*AddrError](err); !ok || ae.Addr != addr || ae.Fault == "" {
				t.Fatalf("error %#v", err)
			}
			return
		}
		if again, err := Parse(a.String(), "", ""); err != nil || again != a {
			t.Fatalf("%+v again: %+v, %v", a, again, err)
		}
		if b, err := Parse(NetMkAddr(addr, defnet, defservice), "", ""); err != nil || b != a {
			t.Fatalf("%+v by way of NetMkAddr: %+v, %v", a, b, err)
		}
		if a.Net == "unix" {
			if a.Port != 0 || a.Service != "" || filepath.Clean(a.Host) == "" {
				t.Fatalf("%+v", a)
			}
			return
		}
		if host, _, err := net.SplitHostPort(a.hostport()); err != nil || host != a.Host && a.Host != "*" {
			t.Fatalf("%+v: package net reads %q as host %q, %v", a, a.hostport(), host, err)
		}
	})
}

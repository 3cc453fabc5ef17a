package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/styxkit/styxkit/cmd/internal/cli"
)

func TestFromMount8(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"A D", "-- A D"},
		{"A D -o rw", "-o rw -- A D"},
		{"A D -o rw,persist", "-p -o rw -- A D"},
		{"A D -n -v -o persist,ro,aname=/srv -t styx", "-p -v -o ro -- A D /srv"},
		{"A D -nv -t styx.v9fs -o persist", "-p -v -t v9fs -- A D"},
		{"A D -o persist,sole", "-p -o sole -- A D"},
		{"A D -o ro,auth={a,b{c,d}},persist", "-p -o ro,auth={a,b{c,d}} -- A D"},
		{"A D -o backend=fuse,spec=x", "-t fuse -- A D x"},
		{"A D -o rw,noauto,_netdev,nofail,x-systemd.automount,X-mount.mkdir,comment=a,user,nosuid,quiet", "-q -o rw -- A D"},
		{"A D -o ro -o msize=8192", "-o ro,msize=8192 -- A D"},
		{"A D -s -o ro,frobnicate", "-o ro -- A D"},
		{"A D -o ro,frobnicate", "-o ro,frobnicate -- A D"}, // mount refuses it
		{"A D -o remount,ro", "error: cannot be mounted anew"},
		{"A D -N /proc/1/ns/mnt", "error: -N /proc/1/ns/mnt is not built yet"},
		{"A", "usage"},
		{"-v A D", "usage"},
		{"A D -x", "usage"},
		{"A D -o", "usage"},
		{"A D -oro", "usage"},
		{"A D more", "usage"},
	} {
		var said bytes.Buffer
		c, err := fromMount8(strings.Fields(tt.args), &said)
		got := ""
		switch {
		case errors.Is(err, cli.ErrUsage) && strings.HasPrefix(said.String(), "usage: mount.styx"):
			got = "usage"
		case err != nil:
			got = "error: " + err.Error()
		default:
			got = strings.Join(c.args, " ")
		}
		if want, isError := strings.CutPrefix(tt.want, "error: "); got != tt.want && !(isError && strings.Contains(got, want)) {
			t.Errorf("mount.styx %s: %s, want %s", tt.args, got, tt.want)
		}
	}
}

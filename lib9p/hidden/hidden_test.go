package hidden

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestNames(t *testing.T) {
	m, o := New(), New()
	seen := make(map[string]bool)
	for range 100 {
		for _, name := range []string{m.Name(), o.Name()} {
			if !Is(name) || !Is([]byte(name)) || seen[name] || len(name) > 60 {
				t.Fatalf("%q is no good", name)
			}
			seen[name] = true
		}
	}
}

func TestIs(t *testing.T) {
	for name, want := range map[string]bool{
		".styx0a1b2c3d.abcdefghijkl.1":              true,
		".styx0a1b2c3d.abcdefghijk2.3w5e11264sgsf":  true,
		".styx0a1b2c3d.abcdefghijk2.3w5e11264sgsfx": false,
		".styx0a1b2c3g.abcdefghijkl.1":              false,
		".styx0a1b2c3d.abcdefghijkl.":               false,
		".styx0a1b2c3d.abcdefghijkl":                false,
		".styx0a1b2c3d-abcdefghijkl.1":              false,
		".styx0a1b2c3d.abcdefghijkL.1":              false,
		".styx0a1b2c3d.abcdefghijkl.a.b":            false,
		".stix0a1b2c3d.abcdefghijkl.1":              false,
		".styxrc":                                   false,
		"":                                          false,
	} {
		if Is(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

func TestAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		name := New().Name()
		time.Sleep(Old)
		if age := Age(name); age < Old || age > Old+time.Second {
			t.Errorf("%q is %v old", name, age)
		}
	})
}

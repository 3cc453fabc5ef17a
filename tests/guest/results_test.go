package guest

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

var results = flag.String("results", "", "file to write the table of what was seen to")

var outcomes struct {
	sync.Mutex
	of map[setting]*outcome
}

// record keeps what a test has seen.
func record(s setting, set func(*outcome)) {
	outcomes.Lock()
	defer outcomes.Unlock()
	if outcomes.of == nil {
		outcomes.of = make(map[setting]*outcome)
	}
	if outcomes.of[s] == nil {
		outcomes.of[s] = &outcome{setting: s}
	}
	set(outcomes.of[s])
}

// writeResults writes the table.
func writeResults(v *vm) error {
	var b strings.Builder
	fmt.Fprintf(&b, "The kernel's 9P client in a guest, written by mk guest on %s.\n\n", time.Now().Format(time.DateOnly))
	fmt.Fprintf(&b, "Guest: Linux %s, in %s. Servers: this tree's u9fs, diod %s.\n\n", v.kernel.release,
		output("qemu-system-x86_64", "--version"), output("dpkg-query", "-Wf", "${Version}", "diod"))
	b.WriteString("Restarts: programs work while the server is killed and started again. Undecided are calls that ended with EIO and may have\n" +
		"been done; errors are all others. Dead: there is no server; silent: it is stopped. Read is what a program gets that reads a file,\n" +
		"SIGKILL how long it takes to kill that, and unmount how long to unmount then.\n\n")
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "\trestarts:\t\t\tdead:\t\t\tsilent:")
	fmt.Fprintln(w, "server, dialect, mount\toperations\tundecided\terrors\tread\tSIGKILL\tunmount\tread\tSIGKILL\tunmount")
	for _, s := range settings {
		o := outcomes.of[s]
		if o == nil {
			return fmt.Errorf("%v was not tested", s)
		}
		fmt.Fprintf(w, "%v\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\n", s, o.ops, o.honest, len(o.faults),
			o.dead.read, o.dead.killed, o.dead.unmount, o.silent.read, o.silent.killed, o.silent.unmount)
	}
	w.Flush()
	return os.WriteFile(*results, []byte(b.String()), 0o644)
}

// output is the first line that a program says, or why there is none.
func output(name string, args ...string) string {
	b, err := exec.Command(name, args...).Output()
	if err != nil {
		return err.Error()
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return line
}

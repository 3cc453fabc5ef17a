package guest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/styxkit/styxkit/tests/internal/guest"
	"github.com/styxkit/styxkit/tests/internal/lab"
)

// processors is how many the guest has.
const processors = 2

// host is what the guest calls the machine that it runs on.
const host = "10.0.2.2"

// A vm is the guest.
type vm struct {
	cmd     *exec.Cmd
	console string // file
	agent   *rpc.Client
	kernel  *kernel
	// Filled by scripts that run and by scenes that are played: more of them than processors only wait for each other.
	slots, stage chan struct{}
	booted       time.Duration
}

// the returns the guest that all tests share, which the first one boots.
var the = sync.OnceValues(boot)

// booted says that there is a guest to switch off.
var booted bool

// use returns the guest, or skips the test and says what is missing.
func use(t testing.TB) *vm {
	t.Helper()
	v, err := the()
	if _, absent := errors.AsType[errAbsent](err); absent {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func boot() (*vm, error) {
	qemu, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		return nil, errAbsent{"qemu-system-x86_64", "install the package qemu-system-x86"}
	}
	k, err := findKernel()
	if err != nil {
		return nil, err
	}
	image, err := buildImage(k)
	if err != nil {
		return nil, err
	}
	sock := filepath.Join(workDir, "agent")
	l, err := net.Listen("unix", sock)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	v := &vm{console: filepath.Join(workDir, "console"), kernel: k, slots: make(chan struct{}, processors), stage: make(chan struct{}, processors)}
	v.cmd = exec.Command(qemu, "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", strconv.Itoa(processors), "-m", "512", "-no-reboot", "-nodefaults", "-display", "none",
		"-kernel", k.file, "-initrd", image, "-append", "console=ttyS0 panic=-1 mitigations=off",
		"-serial", "file:"+v.console,
		"-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n,romfile=",
		"-device", "virtio-serial-pci", "-chardev", "socket,id=c,path="+sock, "-device", "virtserialport,chardev=c")
	v.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said bytes.Buffer
	v.cmd.Stderr = &said
	start := time.Now()
	if err := v.cmd.Start(); err != nil {
		return nil, err
	}
	conn, err := l.Accept()
	if err != nil {
		return nil, err
	}
	v.agent = rpc.NewClient(conn)
	if err := v.awake(); err != nil {
		v.cmd.Process.Kill()
		v.cmd.Wait()
		return nil, fmt.Errorf("boot the guest: %w\n%s%s", err, said.String(), v.messages())
	}
	v.booted, booted = time.Since(start), true
	return v, nil
}

// awake waits for the first program that the guest runs.
func (v *vm) awake() error {
	done := make(chan error, 1)
	go func() {
		var id int
		done <- v.agent.Call("Agent.Start", guest.Command{Args: []string{"gosh", "-c", "echo 7 >/proc/sys/kernel/printk"}}, &id)
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(2 * time.Minute):
		return errors.New("it does not answer")
	}
}

// messages are what the guest's kernel has said.
func (v *vm) messages() string {
	b, _ := os.ReadFile(v.console)
	return string(b)
}

// off ends the guest.
func (v *vm) off() {
	v.agent.Close()
	v.cmd.Process.Kill()
	v.cmd.Wait()
}

// A proc is a process in the guest.
type proc struct {
	t    testing.TB
	vm   *vm
	id   int
	args []string
}

// start starts a program in the guest. It is killed when the test ends.
func (v *vm) start(t testing.TB, args ...string) *proc {
	t.Helper()
	return v.startAs(t, 0, args...)
}

func (v *vm) startAs(t testing.TB, user uint32, args ...string) *proc {
	t.Helper()
	p := &proc{t: t, vm: v, args: args}
	if err := v.agent.Call("Agent.Start", guest.Command{Args: args, User: user}, &p.id); err != nil {
		t.Fatalf("start %s in the guest: %v", strings.Join(args, " "), err)
	}
	return p
}

// wait waits for d at most until the process has ended.
func (p *proc) wait(d time.Duration) (s guest.Status) {
	p.t.Helper()
	if err := p.vm.agent.Call("Agent.Wait", guest.Call{ID: p.id, For: d}, &s); err != nil {
		p.t.Fatalf("wait for %v: %v", p.args, err)
	}
	return s
}

// signal sends a signal to the process; 0 ends its standard input.
func (p *proc) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.vm.agent.Call("Agent.Signal", guest.Call{ID: p.id, Signal: sig}, nil); err != nil {
		p.t.Fatalf("signal %v: %v", p.args, err)
	}
}

// call runs a program to its end and returns its exit status and what it said.
func (v *vm) call(t testing.TB, args ...string) (code int, output string) {
	t.Helper()
	v.slots <- struct{}{}
	defer func() { <-v.slots }()
	s := v.start(t, args...).wait(lab.Patience)
	if !s.Exited {
		t.Fatalf("in the guest still runs after %v: %q\n%s", lab.Patience, args, s.Output)
	}
	return s.Code, s.Output
}

// run runs a script of the guest's shell.
func (v *vm) run(t testing.TB, script string) (code int, output string) {
	t.Helper()
	return v.call(t, "gosh", "-c", script)
}

// must is run of a script that has to succeed.
func (v *vm) must(t testing.TB, script string) string {
	t.Helper()
	code, output := v.run(t, script)
	if code != 0 {
		t.Fatalf("in the guest: %s: exit %d\n%s", script, code, output)
	}
	return output
}

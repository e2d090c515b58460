package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// ready is the one line that `up` prints: all that a client has to know.
type ready struct {
	Dir        string         `json:"dir"`
	Kubeconfig string         `json:"kubeconfig"`
	Server     string         `json:"server"`
	CAFile     string         `json:"caFile"`
	Token      string         `json:"token"`
	Postgres   string         `json:"postgres,omitempty"`
	Node       string         `json:"node"`
	Pid        int            `json:"pid"`
	Pids       map[string]int `json:"pids"`
}

type options struct {
	dir      string
	postgres string
	detach   bool
	detached bool
}

// up runs a whole cluster until its standard input ends, or until it is told to stop. Then nothing is left: neither a
// process nor the folder.
func up(args []string) error {
	var o options
	flags := flag.NewFlagSet("up", flag.ContinueOnError)
	flags.StringVar(&o.dir, "dir", "", "folder for everything the cluster writes; must not exist; removed at the end")
	flags.StringVar(&o.postgres, "postgres", "no", "run PostgreSQL too: no, yes, or auto (if it is installed)")
	flags.BoolVar(&o.detach, "detach", false, "return once the cluster is ready, and leave it running")
	flags.BoolVar(&o.detached, "detached", false, "for internal use: live on after standard input has ended")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.dir == "" || flags.NArg() != 0 {
		return errors.New("usage: controlplane up --dir DIR [--postgres=no|yes|auto] [--detach]")
	}
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return err
	}
	o.dir = dir
	if o.detach {
		return detach(o)
	}
	return supervise(o)
}

func supervise(o options) error {
	// The kernel sends a child its death signal when the *thread* that started it ends, so this one must stay.
	runtime.LockOSThread()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	gone := make(chan struct{})
	if !o.detached {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			close(gone)
		}()
	}

	sweep(filepath.Dir(o.dir))
	// PostgreSQL runs as another user below this folder, which therefore lets everybody pass.
	if err := os.MkdirAll(filepath.Dir(o.dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(o.dir, 0o711); err != nil {
		return err
	}
	defer os.RemoveAll(o.dir)
	lock, err := hold(o.dir)
	if err != nil {
		return err
	}
	defer lock.Close()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-stop:
		case <-gone:
		}
		cancel()
	}()

	c, err := startWithRetries(ctx, o)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer c.stop()
	defer killGuests(o.dir)
	line, err := json.Marshal(c.ready)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if err := os.WriteFile(filepath.Join(o.dir, "bed.json"), line, 0o600); err != nil {
		return err
	}
	if _, err := os.Stdout.Write(line); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case dead := <-c.exits:
		return fmt.Errorf("%s ended: %w\n%s", dead.name, dead.err, c.tail(dead.name))
	}
}

// A free port can be taken by somebody else before the component listens on it, so that a start is worth trying again,
// but only then.
func startWithRetries(ctx context.Context, o options) (*cluster, error) {
	for attempt := 1; ; attempt++ {
		c, err := start(ctx, o)
		if err == nil {
			return c, nil
		}
		c.stop()
		lost := strings.Contains(strings.ToLower(err.Error()), "address already in use")
		if !lost || attempt == 5 {
			return nil, err
		}
		if err := c.wipe(); err != nil {
			return nil, err
		}
	}
}

// hold marks a folder as in use. The lock ends with this process, however it ends. It is taken before the file has its
// name, so that no sweep can find it free.
func hold(dir string) (*os.File, error) {
	file, err := os.CreateTemp(dir, ".lock-")
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, err
	}
	return file, os.Rename(file.Name(), filepath.Join(dir, "lock"))
}

// sweep removes the folders of supervisors that were killed: all that a SIGKILL can leave behind.
func sweep(parent string) {
	locks, _ := filepath.Glob(filepath.Join(parent, "bed-*", "lock"))
	for _, path := range locks {
		file, err := os.Open(path)
		if err != nil {
			continue
		}
		if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(filepath.Dir(path))
		}
		_ = file.Close()
	}
}

// detach starts the same supervisor in a session of its own and passes on its line.
func detach(o options) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(o.dir), 0o755); err != nil {
		return err
	}
	log, err := os.Create(o.dir + ".log")
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(self, "up", "--detached", "--dir", o.dir, "--postgres", o.postgres)
	command.Stderr = log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		_, err = os.Stdout.WriteString(line)
		return err
	}
	text, _ := os.ReadFile(o.dir + ".log")
	return fmt.Errorf("the cluster did not start: %w\n%s", command.Wait(), text)
}

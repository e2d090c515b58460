// Killproxy runs a client of a Kubernetes API server, such as Helm, behind an
// HTTP proxy that numbers its requests and lets it die or suffer at exactly one
// of them. See README.md.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ownFailure is the exit code for what went wrong in killproxy itself.
const ownFailure = 125

// How long writes that are on their way may take once the client has ended, or
// once killproxy has been told to end.
const (
	drainLimit = time.Minute
	stopLimit  = 2 * time.Second
)

type options struct {
	kubeconfig string
	context    string
	log        string
	logReads   bool
	summary    string
	pidFile    string
	faults     faults
	command    []string
}

func main() {
	code, err := run(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		code = 0
	case err != nil:
		fmt.Fprintln(os.Stderr, "killproxy:", err)
		code = ownFailure
	}
	os.Exit(code)
}

func parseOptions(args []string) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("killproxy", flag.ContinueOnError)
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig of the API server, written as JSON (required)")
	f.StringVar(&o.context, "context", "", "context to use (default: the current one)")
	f.StringVar(&o.log, "log", "", "file for the log: a JSON line for each write")
	f.BoolVar(&o.logReads, "log-reads", false, "log the reads too")
	f.StringVar(&o.summary, "summary", "", "file for the summary (default: standard error)")
	f.StringVar(&o.pidFile, "pid-file", "", "file for the client's process group id")
	f.Var(&o.faults, "fault", "WHEN:ACTION, repeatable; see README.md")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	o.command = f.Args()
	switch {
	case o.kubeconfig == "":
		return nil, errors.New("--kubeconfig is required")
	case len(o.command) == 0:
		return nil, errors.New("no command; use: killproxy --kubeconfig FILE [flags] -- COMMAND …")
	}
	return o, nil
}

// run does everything and returns the exit code.
func run(args []string) (int, error) {
	parent := os.Getppid()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	o, err := parseOptions(args)
	if err != nil {
		return 0, err
	}
	up, err := loadUpstream(o.kubeconfig, o.context)
	if err != nil {
		return 0, err
	}
	logFile, err := create(o.log, nil)
	if err != nil {
		return 0, err
	}
	summaryFile, err := create(o.summary, os.Stderr)
	if err != nil {
		return 0, err
	}
	scratch, err := os.MkdirTemp("", "killproxy-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(scratch)
	p := newProxy(up, &o.faults, newJournal(logFile, o.logReads))
	listener, err := p.start(o, scratch)
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	ended := p.wait(stop, parent)
	return exitCode(p.client, ended), p.journal.close(summaryFile, p.client)
}

// create opens a file for writing; without a path it returns the other writer.
func create(path string, other io.Writer) (io.Writer, error) {
	if path == "" {
		return other, nil
	}
	return os.Create(path)
}

// start starts the client and then serves it.
func (p *proxy) start(o *options, scratch string) (net.Listener, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := "http://" + listener.Addr().String()
	kubeconfig := filepath.Join(scratch, "kubeconfig")
	if err := p.up.writeKubeconfig(kubeconfig, server); err != nil {
		return nil, err
	}
	p.client, err = startClient(o.command, clientEnv(os.Environ(), kubeconfig, scratch))
	if err != nil {
		return nil, err
	}
	p.journal.start(p.client.pid, server)
	if o.pidFile != "" {
		if err := writePid(o.pidFile, p.client.pid); err != nil {
			p.kill()
			return nil, err
		}
	}
	quiet := log.New(io.Discard, "", 0)
	go func() { _ = (&http.Server{Handler: p, ErrorLog: quiet}).Serve(listener) }()
	return listener, nil
}

// clientEnv points the client to the proxy, and nowhere else.
func clientEnv(env []string, kubeconfig, scratch string) []string {
	var kept []string
	bypass := "127.0.0.1"
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		switch {
		case strings.EqualFold(name, "NO_PROXY"):
			bypass = value + "," + bypass
		case strings.HasPrefix(name, "HELM_KUBE") && !strings.HasPrefix(name, "HELM_KUBEAS"):
		default:
			kept = append(kept, v)
		}
	}
	// Each run has another port, so a shared discovery cache would only grow.
	return append(kept, "KUBECONFIG="+kubeconfig, "KUBECACHEDIR="+filepath.Join(scratch, "cache"),
		"NO_PROXY="+bypass, "no_proxy="+bypass)
}

// writePid writes the file in one step, so that no reader sees half of it.
func writePid(path string, pid int) error {
	partial := path + ".partial"
	if err := os.WriteFile(partial, []byte(strconv.Itoa(pid)+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(partial, path)
}

// wait returns when the client has ended and its writes are over. A signal, or
// the end of the parent, ends the client; the signal is returned. The parent is
// watched and not tied, because the kernel's tie is to one thread of it.
func (p *proxy) wait(stop <-chan os.Signal, parent int) (ended syscall.Signal) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	limit := drainLimit
	for {
		select {
		case s := <-stop:
			ended, _ = s.(syscall.Signal)
		case <-tick.C:
			if os.Getppid() != parent {
				ended = syscall.SIGTERM
			}
		case <-p.client.exited:
			p.drain(limit)
			return ended
		}
		if ended != 0 {
			limit = stopLimit
			p.kill()
		}
	}
}

// exitCode is the client's, or 128 and the signal that ended it or killproxy.
func exitCode(c *client, ended syscall.Signal) int {
	code, signal := c.exit()
	switch {
	case ended != 0:
		return 128 + int(ended)
	case code == nil:
		return 128 + int(signal)
	}
	return *code
}

// signalName is a signal's name without "SIG", or its number.
func signalName(s syscall.Signal) string {
	switch s {
	case syscall.SIGKILL:
		return "KILL"
	case syscall.SIGTERM:
		return "TERM"
	case syscall.SIGINT:
		return "INT"
	case syscall.SIGABRT:
		return "ABRT"
	case syscall.SIGSEGV:
		return "SEGV"
	}
	return strconv.Itoa(int(s))
}

package main

import (
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// client is the process under test, the leader of a process group of its own.
type client struct {
	pid    int
	exited chan struct{} // closed when the leader has been reaped

	mu        sync.Mutex
	changed   chan struct{} // closed and renewed at each stop and continue
	stopped   bool
	continued int
	gone      bool
	status    syscall.WaitStatus
}

// startClient runs the command with the caller's standard streams. The client
// is killed should this process die: that is tied to the thread that starts it,
// so one thread is kept for it until the client's end.
func startClient(command, env []string) (*client, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c := &client{exited: make(chan struct{}), changed: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		if err == nil {
			c.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			c.watch()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return c, nil
}

// watch follows the leader until it ends. The kernel reports each stop and
// continue, so that not even a short one is missed.
func (c *client) watch() {
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(c.pid, &status, syscall.WUNTRACED|syscall.WCONTINUED, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			status = syscall.WaitStatus(syscall.SIGKILL)
		}
		if c.note(status) {
			return
		}
	}
}

// note records a change of state and reports whether it was the end.
func (c *client) note(status syscall.WaitStatus) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case status.Stopped():
		c.stopped = true
	case status.Continued():
		c.stopped = false
		c.continued++
	default:
		c.gone, c.status = true, status
		// What the leader left behind in its group ends with it.
		_ = syscall.Kill(-c.pid, syscall.SIGKILL)
		close(c.exited)
		return true
	}
	close(c.changed)
	c.changed = make(chan struct{})
	return false
}

// signal sends a signal to the whole group.
func (c *client) signal(s syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.gone {
		_ = syscall.Kill(-c.pid, s)
	}
}

// freeze stops the group, calls frozen when it stands still, and returns when
// someone has continued it: false if the client ended instead.
func (c *client) freeze(frozen func()) bool {
	c.mu.Lock()
	before := c.continued
	c.mu.Unlock()
	c.signal(syscall.SIGSTOP)
	if !c.await(func() bool { return c.stopped || c.continued > before }) {
		return false
	}
	frozen()
	return c.await(func() bool { return c.continued > before })
}

// await waits for a state of the client: false if it ends first.
func (c *client) await(reached func() bool) bool {
	for {
		c.mu.Lock()
		done, gone, changed := reached(), c.gone, c.changed
		c.mu.Unlock()
		if done || gone {
			return !gone
		}
		select {
		case <-changed:
		case <-c.exited:
		}
	}
}

// exit returns the exit code, or else the number of the signal that ended it.
func (c *client) exit() (code *int, signal syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.status.Signaled() {
		return nil, c.status.Signal()
	}
	n := c.status.ExitStatus()
	return &n, 0
}

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const nodeName = "bed-node-1"

type exit struct {
	name string
	err  error
}

type child struct {
	name    string
	process *os.Process
	signal  syscall.Signal
	done    chan struct{}
}

// cluster is what runs below one folder.
type cluster struct {
	dir      string
	children []*child
	exits    chan exit
	ready    ready
	cancel   context.CancelFunc
}

// start returns a cluster even with an error: what has been started already must be stopped.
func start(ctx context.Context, o options) (*cluster, error) {
	ctx, cancel := context.WithCancel(ctx)
	c := &cluster{dir: o.dir, exits: make(chan exit, 16), cancel: cancel}
	database, err := findPostgres(o.postgres)
	if err != nil {
		return c, err
	}
	ports, err := freePorts(4)
	if err != nil {
		return c, err
	}
	if err := c.writeFiles(ports[2]); err != nil {
		return c, err
	}
	if err := c.startStore(ports); err != nil {
		return c, err
	}
	if database != nil {
		// Its first start takes as long as the API server's, so they share the time.
		if err := c.startPostgres(ctx, database, ports[3]); err != nil {
			return c, err
		}
	}
	client, err := c.client()
	if err != nil {
		return c, err
	}
	if err := c.await(ctx, "the API server", func() bool {
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error() == nil
	}); err != nil {
		return c, err
	}
	if err := c.startControllers(); err != nil {
		return c, err
	}
	if err := furnish(ctx, client); err != nil {
		return c, err
	}
	go provision(ctx, client)
	if err := c.await(ctx, "the node and the controllers", func() bool { return furnished(ctx, client) }); err != nil {
		return c, err
	}
	if database != nil {
		if err := c.await(ctx, "PostgreSQL", c.postgresReady); err != nil {
			return c, err
		}
	}
	c.ready.Node = nodeName
	c.ready.Dir = c.dir
	c.ready.Pid = os.Getpid()
	c.ready.Pids = map[string]int{}
	for _, child := range c.children {
		c.ready.Pids[child.name] = child.process.Pid
	}
	return c, nil
}

func (c *cluster) client() (*kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", c.ready.Kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 200, 400
	return kubernetes.NewForConfig(config)
}

// startStore starts etcd and the API server.
func (c *cluster) startStore(ports []int) error {
	etcd := "http://127.0.0.1:" + strconv.Itoa(ports[0])
	peer := "http://127.0.0.1:" + strconv.Itoa(ports[1])
	if err := c.component("etcd",
		"--data-dir", c.path("etcd"), "--log-level", "warn",
		"--listen-client-urls", etcd, "--advertise-client-urls", etcd,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer,
		// A bed never survives a power cut, and big loads need more than etcd's 2 GiB.
		"--unsafe-no-fsync", "--quota-backend-bytes", "8589934592",
	); err != nil {
		return err
	}
	return c.component("kube-apiserver",
		"--etcd-servers", etcd,
		"--bind-address", "127.0.0.1", "--secure-port", strconv.Itoa(ports[2]),
		// Without an address of its own to advertise it looks for a default route, which a sandbox may not have.
		"--advertise-address", "192.0.2.1", "--endpoint-reconciler-type", "none",
		"--tls-cert-file", c.path("server.crt"), "--tls-private-key-file", c.path("server.key"),
		"--token-auth-file", c.path("tokens.csv"), "--authorization-mode", "RBAC",
		"--service-account-issuer", "https://kubernetes.default.svc",
		"--service-account-key-file", c.path("serviceaccount.key"),
		"--service-account-signing-key-file", c.path("serviceaccount.key"),
		"--service-cluster-ip-range", "10.96.0.0/16", "--allow-privileged", "--profiling=false",
	)
}

// startControllers starts those that would give up if the API server were not there yet.
func (c *cluster) startControllers() error {
	if err := c.component("kube-controller-manager",
		"--kubeconfig", c.ready.Kubeconfig, "--leader-elect=false", "--secure-port", "0",
		"--service-account-private-key-file", c.path("serviceaccount.key"),
		"--use-service-account-credentials", "--root-ca-file", c.ready.CAFile,
		"--kube-api-qps", "300", "--kube-api-burst", "600", "--profiling=false",
	); err != nil {
		return err
	}
	if err := c.component("kube-scheduler",
		"--kubeconfig", c.ready.Kubeconfig, "--leader-elect=false", "--secure-port", "0",
		"--kube-api-qps", "300", "--kube-api-burst", "600", "--profiling=false",
	); err != nil {
		return err
	}
	return c.component("kwok", "--kubeconfig", c.ready.Kubeconfig)
}

func (c *cluster) component(name string, args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return c.spawn(name, syscall.SIGKILL, exec.Command(self, append([]string{name}, args...)...))
}

// spawn starts a child that the kernel kills when this process dies. `end` is the signal that stops it. It has to be
// called on the supervisor's main thread.
func (c *cluster) spawn(name string, end syscall.Signal, command *exec.Cmd) error {
	log, err := os.Create(c.logPath(name))
	if err != nil {
		return err
	}
	defer log.Close()
	command.Stdout, command.Stderr = log, log
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	command.SysProcAttr.Pdeathsig = syscall.SIGKILL
	// Ctrl-C in a terminal is for the supervisor alone.
	command.SysProcAttr.Setpgid = true
	if err := command.Start(); err != nil {
		return err
	}
	child := &child{name: name, process: command.Process, signal: end, done: make(chan struct{})}
	c.children = append(c.children, child)
	go func() {
		err := command.Wait()
		close(child.done)
		c.exits <- exit{name, err}
	}()
	return nil
}

// stop ends every child and waits for it: the newest first, as nobody likes to lose the API server.
func (c *cluster) stop() {
	c.cancel()
	for i := len(c.children) - 1; i >= 0; i-- {
		child := c.children[i]
		_ = child.process.Signal(child.signal)
		select {
		case <-child.done:
		case <-time.After(3 * time.Second):
			_ = child.process.Kill()
			<-child.done
		}
	}
	c.children = nil
}

// wipe makes room for another attempt.
func (c *cluster) wipe() error {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() != "lock" {
			if err := os.RemoveAll(c.path(entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// await polls, and gives up as soon as a child has ended.
func (c *cluster) await(ctx context.Context, what string, done func() bool) error {
	deadline := time.After(90 * time.Second)
	for !done() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case dead := <-c.exits:
			return fmt.Errorf("%s ended: %v\n%s", dead.name, dead.err, c.tail(dead.name))
		case <-deadline:
			return fmt.Errorf("waited 90 s for %s", what)
		case <-time.After(25 * time.Millisecond):
		}
	}
	return nil
}

func (c *cluster) path(name string) string    { return filepath.Join(c.dir, name) }
func (c *cluster) logPath(name string) string { return filepath.Join(c.dir, "logs", name+".log") }

// tail gives the last lines of a component's log.
func (c *cluster) tail(name string) string {
	text, _ := os.ReadFile(c.logPath(name))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// freePorts looks outside the kernel's range for outgoing connections, where a port that is free now stays free.
func freePorts(count int) ([]int, error) {
	var ports []int
	for attempt := 0; len(ports) < count; attempt++ {
		if attempt > 1000 {
			return nil, fmt.Errorf("no free port between 15000 and 30000")
		}
		port := 15000 + rand.IntN(15000)
		listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		// Held until all are chosen, so that none is chosen twice.
		defer listener.Close()
		ports = append(ports, port)
	}
	return ports, nil
}

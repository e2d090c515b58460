package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

type postgres struct {
	initdb, server string
	account        *syscall.SysProcAttr
	uid, gid       int
}

const noPostgres = "PostgreSQL is not installed: `apt-get install postgresql` (or your system's package) brings it; " +
	"initdb and postgres are looked for in PATH and in /usr/lib/postgresql/*/bin"

// findPostgres gives nil if there is to be none.
func findPostgres(mode string) (*postgres, error) {
	if mode == "no" {
		return nil, nil
	}
	if mode != "yes" && mode != "auto" {
		return nil, fmt.Errorf("--postgres=%s: it can be no, yes or auto", mode)
	}
	found := &postgres{}
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	for _, dir := range append(dirs, filepath.SplitList(os.Getenv("PATH"))...) {
		initdb, server := filepath.Join(dir, "initdb"), filepath.Join(dir, "postgres")
		if isFile(initdb) && isFile(server) {
			found.initdb, found.server = initdb, server
			break
		}
	}
	if found.initdb == "" {
		if mode == "auto" {
			return nil, nil
		}
		return nil, errors.New(noPostgres)
	}
	return found, found.chooseAccount()
}

func isFile(path string) bool {
	stat, err := os.Stat(path)
	return err == nil && stat.Mode().IsRegular()
}

// chooseAccount: PostgreSQL refuses to run as root.
func (p *postgres) chooseAccount() error {
	if os.Geteuid() != 0 {
		p.uid, p.gid = os.Getuid(), os.Getgid()
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(account.Uid)
		gid, err2 := strconv.Atoi(account.Gid)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		p.uid, p.gid = uid, gid
		p.account = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		return nil
	}
	return errors.New("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")
}

// startPostgres creates a database cluster in the bed's folder and starts a server on it.
func (c *cluster) startPostgres(ctx context.Context, p *postgres, port int) error {
	home := c.path("postgres")
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	if err := os.Chown(home, p.uid, p.gid); err != nil {
		return err
	}
	data := filepath.Join(home, "data")
	create := exec.CommandContext(ctx, p.initdb, "--pgdata", data, "--username", "refloat", "--auth", "trust",
		"--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
	create.Dir = home
	create.SysProcAttr = p.attributes()
	if out, err := create.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	serve := exec.Command(p.server, "-D", data, "-p", strconv.Itoa(port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=200",
		"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	serve.Dir = home
	serve.SysProcAttr = p.attributes()
	c.ready.Postgres = fmt.Sprintf("postgresql://refloat@127.0.0.1:%d/postgres?sslmode=disable", port)
	// SIGQUIT is its immediate shutdown; after a SIGKILL it would leave a shared memory segment.
	return c.spawn("postgres", syscall.SIGQUIT, serve)
}

func (p *postgres) attributes() *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if p.account != nil {
		attributes.Credential = p.account.Credential
	}
	return attributes
}

func (c *cluster) postgresReady() bool {
	text, err := os.ReadFile(c.logPath("postgres"))
	return err == nil && strings.Contains(string(text), "ready to accept connections")
}

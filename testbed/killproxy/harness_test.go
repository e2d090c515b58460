package main

import (
	"bufio"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The test binary is also killproxy and its client.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "as-proxy" {
		os.Args = append(os.Args[:1], os.Args[2:]...)
		main()
	}
	if len(os.Args) > 1 && os.Args[1] == "as-client" {
		os.Exit(actAsClient(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// actAsClient runs a script: "PUT /path body", the same after "& " without
// waiting for it, "wait", "watch /path", "sleep 1s", "on-term", "exit 3".
func actAsClient(script []string) int {
	config, err := os.ReadFile(os.Getenv("KUBECONFIG"))
	var k kubeconfig
	if err != nil || json.Unmarshal(config, &k) != nil {
		fmt.Println("no kubeconfig")
		return 9
	}
	server := k.Clusters[0].Cluster.Server
	var open sync.WaitGroup
	for _, step := range script {
		step, async := strings.CutPrefix(step, "& ")
		word, rest, _ := strings.Cut(step, " ")
		switch {
		case word == "wait":
			open.Wait()
		case word == "exit":
			code, _ := strconv.Atoi(rest)
			return code
		case word == "sleep":
			d, _ := time.ParseDuration(rest)
			time.Sleep(d)
		case word == "on-term":
			term := make(chan os.Signal, 1)
			signal.Notify(term, syscall.SIGTERM)
			go func() { <-term; fmt.Println("got TERM") }()
		case async:
			open.Go(func() { request1(server, word, rest) })
		default:
			request1(server, word, rest)
		}
	}
	return 0
}

func request1(server, method, rest string) {
	path, body, _ := strings.Cut(rest, " ")
	watch := method == "watch"
	if watch {
		method = "GET"
	}
	request, _ := http.NewRequest(method, server+path, strings.NewReader(body))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Println(method, path, "lost")
		return
	}
	defer response.Body.Close()
	if watch {
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			fmt.Println("event", lines.Text())
		}
		return
	}
	text, _ := io.ReadAll(response.Body)
	fmt.Println(method, path, response.StatusCode, response.Header.Get("Retry-After"), string(text))
}

// server is the API server's stand-in: it answers everything and remembers it.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	seen    []string // "PUT /path" in order
	headers []http.Header
	writing int
	most    int           // writes at the same time
	next    chan struct{} // lets a watch go on after an event
	over    chan struct{} // closed when the test ends
}

func newServer(t *testing.T) *server {
	s := &server{next: make(chan struct{}), over: make(chan struct{})}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(s.serve))
	t.Cleanup(func() {
		close(s.over)
		s.Close()
	})
	return s
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	_, _ = io.ReadAll(r.Body)
	s.mu.Lock()
	s.seen = append(s.seen, r.Method+" "+r.URL.Path)
	s.headers = append(s.headers, r.Header)
	if mutating(r.Method) {
		s.writing++
		s.most = max(s.most, s.writing)
	}
	s.mu.Unlock()
	if mutating(r.Method) {
		time.Sleep(10 * time.Millisecond)
		s.mu.Lock()
		s.writing--
		s.mu.Unlock()
	}
	if r.URL.Path == "/watch" {
		for i := range 2 {
			fmt.Fprintln(w, "number", i)
			w.(http.Flusher).Flush()
			select {
			case <-s.next:
			case <-s.over:
			}
		}
		return
	}
	if r.Method == http.MethodPost {
		w.WriteHeader(http.StatusCreated)
	}
	fmt.Fprint(w, "answer")
}

// requests returns what has been seen, without the given methods.
func (s *server) requests(without ...string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.seen), func(line string) bool {
		method, _, _ := strings.Cut(line, " ")
		return slices.Contains(without, method)
	})
}

func (s *server) kubeconfig(t *testing.T) string {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), ca, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c",
		"contexts":[{"name":"c","context":{"cluster":"k","user":"u","namespace":"apps"}}],
		"clusters":[{"name":"k","cluster":{"server":%q,"certificate-authority":"ca.pem","tls-server-name":"example.com"}}],
		"users":[{"name":"u","user":{"token":"secret"}}]}`, s.URL)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// outcome is what a run of killproxy left.
type outcome struct {
	code    int
	output  string // of the client
	summary summary
	log     []entry
}

// bed is a run in preparation or under way.
type bed struct {
	t      *testing.T
	server *server
	dir    string
	cmd    *exec.Cmd
}

// begin starts killproxy with the faults before "--" and the script after it.
func begin(t *testing.T, s *server, args ...string) *bed {
	t.Helper()
	at := slices.Index(args, "--")
	b := &bed{t: t, server: s, dir: t.TempDir()}
	all := []string{"as-proxy", "--kubeconfig", s.kubeconfig(t), "--log", b.file("log"),
		"--summary", b.file("summary"), "--pid-file", b.file("pid")}
	for _, f := range args[:at] {
		if !strings.HasPrefix(f, "--") {
			all = append(all, "--fault")
		}
		all = append(all, f)
	}
	all = append(all, "--", os.Args[0], "as-client")
	b.cmd = exec.Command(os.Args[0], append(all, args[at+1:]...)...)
	// Files and not pipes: the client has them too, and waiting must not depend on it.
	for name, stream := range map[string]*io.Writer{"stdout": &b.cmd.Stdout, "stderr": &b.cmd.Stderr} {
		file, err := os.Create(b.file(name))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		*stream = file
	}
	b.cmd.Env = append(os.Environ(), "TMPDIR="+b.dir, "GORACE=atexit_sleep_ms=0")
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.cmd.Process.Kill() })
	return b
}

func (b *bed) file(name string) string { return filepath.Join(b.dir, name) }

// end waits for killproxy and reads its files.
func (b *bed) end() outcome {
	b.t.Helper()
	_ = b.cmd.Wait()
	stderr := b.read("stderr")
	if strings.Contains(stderr, "DATA RACE") {
		b.t.Error(stderr)
	}
	o := outcome{code: b.cmd.ProcessState.ExitCode(), output: b.read("stdout")}
	text, err := os.ReadFile(b.file("summary"))
	if err != nil || json.Unmarshal(text, &o.summary) != nil {
		b.t.Fatalf("no summary: %v %s %s", err, text, stderr)
	}
	for _, line := range b.logLines() {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			b.t.Fatal(err)
		}
		o.log = append(o.log, e)
	}
	if left, _ := filepath.Glob(b.file("killproxy-*")); len(left) > 0 {
		b.t.Error("left behind:", left)
	}
	return o
}

// read returns what a file of the run holds so far.
func (b *bed) read(name string) string {
	text, _ := os.ReadFile(b.file(name))
	return string(text)
}

func (b *bed) logLines() []string { return strings.Split(strings.TrimSpace(b.read("log")), "\n") }

// awaitLog waits for a log line that holds the text.
func (b *bed) awaitLog(part string) {
	b.t.Helper()
	eventually(b.t, "the log has "+part, func() bool {
		return strings.Contains(b.read("log"), part)
	})
}

func (b *bed) pgid() int {
	b.t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(b.read("pid")))
	if err != nil {
		b.t.Fatal(err)
	}
	return pid
}

func eventually(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for range 500 {
		if reached() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("never: ", what)
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		t.Errorf("%s: got %s, want %s", what, g, w)
	}
}

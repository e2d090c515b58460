package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// grace is how long a client may react to SIGTERM before its request goes on.
const grace = 200 * time.Millisecond

// proxy forwards the client's requests and makes the faults happen.
type proxy struct {
	up      *upstream
	faults  *faults
	journal *journal
	client  *client       // set before the client's first request can come
	turn    chan struct{} // one place: who holds it may write

	mu       sync.Mutex
	k        int
	draining bool           // no new requests
	closed   chan struct{}  // closed when nothing more may be forwarded
	pending  sync.WaitGroup // numbered writes that are not over
}

func newProxy(up *upstream, fs *faults, j *journal) *proxy {
	return &proxy{up: up, faults: fs, journal: j, turn: make(chan struct{}, 1), closed: make(chan struct{})}
}

// shut lets nothing more through.
func (p *proxy) shut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.isShut() {
		close(p.closed)
	}
}

// drain lets no new requests in and waits for the writes that had come, for at
// most the given time. Then the proxy is shut.
func (p *proxy) drain(limit time.Duration) {
	p.mu.Lock()
	p.draining = true
	p.mu.Unlock()
	over := make(chan struct{})
	go func() {
		p.pending.Wait()
		close(over)
	}()
	select {
	case <-over:
	case <-time.After(limit):
	}
	p.shut()
}

func (p *proxy) isShut() bool {
	select {
	case <-p.closed:
		return true
	default:
		return false
	}
}

// ServeHTTP numbers a request, finds its faults and handles it.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		abort()
	}
	q := newRequest(r, body)
	if q.write {
		select {
		case p.turn <- struct{}{}:
			defer func() { <-p.turn }()
		case <-r.Context().Done():
			abort()
		case <-p.closed:
			p.hold()
		}
	}
	p.number(q)
	if q.write {
		defer p.pending.Done()
	}
	e := &exchange{proxy: p, w: w, r: r, q: q, due: p.faults.due(q)}
	e.run()
}

// number gives the request its numbers, unless the proxy is shut.
func (p *proxy) number(q *request) {
	p.mu.Lock()
	shut := p.draining || p.isShut()
	if !shut {
		p.journal.count(q)
		if q.write {
			p.k++
			q.k = p.k
			p.pending.Add(1)
		}
	}
	p.mu.Unlock()
	if shut {
		p.hold()
	}
}

// kill ends the client; from here on nothing is forwarded.
func (p *proxy) kill() {
	p.shut()
	p.client.signal(syscall.SIGKILL)
}

// hold keeps a request unanswered until the client has ended.
func (p *proxy) hold() {
	<-p.client.exited
	abort()
}

// abort closes the connection without an answer.
func abort() { panic(http.ErrAbortHandler) }

// exchange is one numbered request and its faults.
type exchange struct {
	*proxy
	w   http.ResponseWriter
	r   *http.Request
	q   *request
	due []action
}

func (e *exchange) run() {
	after := ""
	for _, a := range e.due {
		e.journal.fire(e.q, a)
		switch {
		case a.delay > 0:
			e.sleep(a.delay)
		case a.status > 0:
			e.refuse(a.status)
			return
		case !e.before(a.name):
			after = a.name
		}
	}
	response := e.forward(e.q.write || after != "")
	defer response.Body.Close()
	e.journal.request(e.q, e.due, response.StatusCode, nil)
	e.after(after)
	e.stream(response)
}

// sleep delays the request. It then arrives even if the client has given it up
// or has ended, unless it was a fault that ended the client.
func (e *exchange) sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-e.closed:
		e.lose()
	}
}

// lose logs that the request was never forwarded and holds it.
func (e *exchange) lose() {
	e.journal.request(e.q, e.due, 0, nil)
	e.hold()
}

// before makes a fault happen that comes before forwarding; false if the fault
// comes after.
func (e *exchange) before(name string) bool {
	switch name {
	case killBefore:
		e.journal.request(e.q, e.due, 0, nil)
		e.kill()
		e.hold()
	case freezeBefore:
		if !e.freeze() {
			e.lose()
		}
	case termBefore:
		if !e.terminate() {
			e.journal.request(e.q, e.due, 0, nil)
			abort()
		}
	case cutBefore:
		e.journal.request(e.q, e.due, 0, nil)
		abort()
	default:
		return false
	}
	return true
}

// after makes a fault happen when the API server has answered.
func (e *exchange) after(name string) {
	switch name {
	case killAfter:
		e.kill()
		e.hold()
	case freezeAfter:
		if !e.freeze() {
			e.hold()
		}
	case termAfter:
		e.terminate()
	case cutAfter:
		abort()
	}
}

func (e *exchange) freeze() bool {
	thawed := e.client.freeze(func() { e.journal.event("frozen", e.q) })
	if thawed {
		e.journal.event("continued", e.q)
	}
	return thawed
}

// terminate sends SIGTERM and waits a little: false if the client ended or gave
// the request up.
func (e *exchange) terminate() bool {
	e.client.signal(syscall.SIGTERM)
	select {
	case <-time.After(grace):
		return true
	case <-e.client.exited:
	case <-e.r.Context().Done():
	}
	return false
}

// refuse answers in the API server's place.
func (e *exchange) refuse(status int) {
	e.journal.request(e.q, e.due, status, nil)
	e.w.Header().Set("Content-Type", "application/json")
	if status == http.StatusTooManyRequests {
		e.w.Header().Set("Retry-After", "1")
	}
	e.w.WriteHeader(status)
	fmt.Fprintf(e.w, `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",`+
		`"message":"killproxy refuses this request","reason":%q,"code":%d}`+"\n", reasons[status], status)
}

// enter admits a request to the API server, or holds it if the proxy is shut.
// A write that was admitted is finished even if the client gives it up.
func (e *exchange) enter() context.Context {
	if e.isShut() {
		e.lose()
	}
	if e.q.write {
		e.journal.forwarded()
		return context.WithoutCancel(e.r.Context())
	}
	return e.r.Context()
}

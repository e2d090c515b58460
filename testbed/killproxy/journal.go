package main

import (
	"encoding/json"
	"io"
	"strings"
	"sync"
	"time"
)

// mark is a line of the log about the client.
type mark struct {
	Event  string `json:"event"` // start, frozen, continued
	K      *int   `json:"k,omitempty"`
	R      int    `json:"r,omitempty"`
	Pgid   int    `json:"pgid"`
	Server string `json:"server,omitempty"`
	Time   string `json:"time"`
}

// entry is a line of the log about a request.
type entry struct {
	Event  string  `json:"event"` // write, dry-run, read
	K      *int    `json:"k,omitempty"`
	R      int     `json:"r,omitempty"`
	Method string  `json:"method,omitempty"`
	Path   string  `json:"path,omitempty"`
	Query  string  `json:"query,omitempty"`
	Name   string  `json:"name,omitempty"`
	DryRun bool    `json:"dryRun"`
	Status *int    `json:"status"`
	Fault  *string `json:"fault"`
	Record *record `json:"record"`
	Error  string  `json:"error,omitempty"`
	Time   string  `json:"time"`
}

// fired is a fault that took effect.
type fired struct {
	K      *int   `json:"k"`
	R      int    `json:"r"`
	Action string `json:"action"`
}

// summary is the line written when the client has ended.
type summary struct {
	Exit      *int    `json:"exit"`
	Signal    *string `json:"signal"`
	Writes    int     `json:"writes"`
	Forwarded int     `json:"forwarded"`
	DryRuns   int     `json:"dryRuns"`
	Reads     int     `json:"reads"`
	Fired     []fired `json:"fired"`
	Pgid      int     `json:"pgid"`
}

// journal writes the log and collects the summary.
type journal struct {
	mu    sync.Mutex
	out   io.Writer // nil: no log
	reads bool      // log reads without a fault too
	total summary
}

func newJournal(out io.Writer, reads bool) *journal {
	return &journal{out: out, reads: reads, total: summary{Fired: []fired{}}}
}

// start notes the beginning of the client.
func (j *journal) start(pgid int, server string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.total.Pgid = pgid
	j.write(mark{Event: "start", Pgid: pgid, Server: server, Time: now()})
}

// count gives a request its place among all requests.
func (j *journal) count(q *request) {
	j.mu.Lock()
	defer j.mu.Unlock()
	q.r = j.total.Writes + j.total.DryRuns + j.total.Reads + 1
	switch {
	case q.write:
		j.total.Writes++
	case q.dryRun:
		j.total.DryRuns++
	default:
		j.total.Reads++
	}
}

// fire notes that a fault takes effect.
func (j *journal) fire(q *request, a action) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.total.Fired = append(j.total.Fired, fired{q.number(), q.r, a.text})
}

// event notes that a request's client was frozen or continued.
func (j *journal) event(name string, q *request) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.write(mark{Event: name, K: q.number(), R: q.r, Pgid: j.total.Pgid, Time: now()})
}

// request notes how a request ended: status 0 if there was no answer.
func (j *journal) request(q *request, due []action, status int, err error) {
	e := entry{
		Event: "read", K: q.number(), R: q.r, Method: q.method, Path: q.path, Query: q.query,
		Name: q.name, DryRun: q.dryRun, Record: q.record, Time: now(),
	}
	switch {
	case q.write:
		e.Event = "write"
	case q.dryRun:
		e.Event = "dry-run"
	}
	if status != 0 {
		e.Status = &status
	}
	if err != nil {
		e.Error = err.Error()
	}
	if len(due) > 0 {
		var names []string
		for _, a := range due {
			names = append(names, a.text)
		}
		text := strings.Join(names, ",")
		e.Fault = &text
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if e.Event != "read" || j.reads || e.Fault != nil {
		j.write(e)
	}
}

func (j *journal) forwarded() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.total.Forwarded++
}

func (j *journal) write(line any) {
	if j.out != nil {
		// A log that cannot be written must not change what the client sees.
		_ = json.NewEncoder(j.out).Encode(line)
	}
}

func now() string { return time.Now().UTC().Format(time.RFC3339Nano) }

// close writes the summary.
func (j *journal) close(out io.Writer, c *client) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	code, signal := c.exit()
	j.total.Exit = code
	if code == nil {
		name := signalName(signal)
		j.total.Signal = &name
	}
	return json.NewEncoder(out).Encode(j.total)
}

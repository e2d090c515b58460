package main

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The actions that take no value. "-before": the API server has not seen the
// request; "-after": it has answered, and the client has not seen the answer.
const (
	killBefore   = "kill-before"
	killAfter    = "kill-after"
	freezeBefore = "freeze-before"
	freezeAfter  = "freeze-after"
	termBefore   = "term-before"
	termAfter    = "term-after"
	cutBefore    = "cut-before"
	cutAfter     = "cut-after"
)

var plainActions = []string{
	killBefore, killAfter, freezeBefore, freezeAfter, termBefore, termAfter, cutBefore, cutAfter,
}

// action is what happens to a request. Exactly one of its kinds is set: a plain
// name, a delay, or a status.
type action struct {
	text   string
	name   string
	delay  time.Duration
	status int
}

// fault is one --fault: a condition and an action.
type fault struct {
	when   numbers
	any    bool   // numbers count every request, not only writes
	method string // with match: "*" or a method
	match  string // with method: a part of the request's target
	act    action
	seen   int // matching requests so far
}

// numbers is a set of positive numbers: from, from+step, … up to to (0: no end).
type numbers struct{ from, to, step int }

func (n numbers) has(i int) bool {
	return i >= n.from && (n.to == 0 || i <= n.to) && (i-n.from)%n.step == 0
}

// parseNumbers reads "5", "3-7", "3-", "*" or "every4".
func parseNumbers(s string) (numbers, error) {
	if s == "*" {
		return numbers{1, 0, 1}, nil
	}
	if n, ok := strings.CutPrefix(s, "every"); ok {
		step, err := positive(n)
		return numbers{step, 0, step}, err
	}
	first, last, ranged := strings.Cut(s, "-")
	from, err := positive(first)
	if err != nil {
		return numbers{}, err
	}
	if !ranged {
		return numbers{from, from, 1}, nil
	}
	if last == "" {
		return numbers{from, 0, 1}, nil
	}
	to, err := positive(last)
	if err == nil && to < from {
		err = fmt.Errorf("%q: the range ends before it starts", s)
	}
	return numbers{from, to, 1}, err
}

func positive(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is not a number from 1 on", s)
	}
	return n, nil
}

// parseFault reads WHEN:ACTION. The action has no colon, so the last one splits.
func parseFault(s string) (*fault, error) {
	at := strings.LastIndex(s, ":")
	if at < 1 {
		return nil, fmt.Errorf("%q is not WHEN:ACTION", s)
	}
	f, err := parseWhen(s[:at])
	if err == nil {
		f.act, err = parseAction(s[at+1:])
	}
	if err != nil {
		return nil, fmt.Errorf("fault %q: %w", s, err)
	}
	return f, nil
}

func parseWhen(s string) (*fault, error) {
	var err error
	f := &fault{}
	if method, match, ok := strings.Cut(s, "~"); ok {
		count := "*"
		if at := strings.LastIndex(match, "#"); at >= 0 {
			match, count = match[:at], match[at+1:]
		}
		if method == "" || match == "" {
			return nil, fmt.Errorf("%q is not METHOD~PART", s)
		}
		f.method, f.match = strings.ToUpper(method), match
		f.when, err = parseNumbers(count)
		return f, err
	}
	rest, every := strings.CutPrefix(s, "r")
	f.any = every
	f.when, err = parseNumbers(rest)
	return f, err
}

func parseAction(s string) (action, error) {
	a := action{text: s}
	key, value, _ := strings.Cut(s, "=")
	switch {
	case slices.Contains(plainActions, s):
		a.name = s
	case key == "delay":
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return a, fmt.Errorf("%q is not a delay such as delay=5s", s)
		}
		a.delay = d
	case key == "status":
		code, err := strconv.Atoi(value)
		if err != nil || code < 400 || code > 599 {
			return a, fmt.Errorf("%q is not a status from 400 to 599", s)
		}
		a.status = code
	default:
		return a, fmt.Errorf("unknown action %q (one of %s, delay=5s, status=503)", s, strings.Join(plainActions, ", "))
	}
	return a, nil
}

// faults is the --fault flag, and the matcher over all of them.
type faults struct {
	mu   sync.Mutex
	list []*fault
}

func (fs *faults) String() string { return "" }

func (fs *faults) Set(s string) error {
	f, err := parseFault(s)
	if err == nil {
		fs.list = append(fs.list, f)
	}
	return err
}

// due returns the actions for a request: every delay that applies, then at most
// one action of another kind (the first given). It counts, so ask once.
func (fs *faults) due(q *request) []action {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	var delays, rest []action
	for _, f := range fs.list {
		switch {
		case !f.applies(q):
		case f.act.delay > 0:
			delays = append(delays, f.act)
		case len(rest) == 0:
			rest = append(rest, f.act)
		}
	}
	return append(delays, rest...)
}

func (f *fault) applies(q *request) bool {
	if f.match != "" {
		dry := q.dryRun && !strings.Contains(f.match, "dryRun")
		if dry || (f.method != "*" && f.method != q.method) || !strings.Contains(q.target(), f.match) {
			return false
		}
		f.seen++
		return f.when.has(f.seen)
	}
	if f.any {
		return f.when.has(q.r)
	}
	return q.k > 0 && f.when.has(q.k)
}

// reasons are the API server's words for the statuses a test asks for.
var reasons = map[int]string{
	http.StatusBadRequest:          "BadRequest",
	http.StatusUnauthorized:        "Unauthorized",
	http.StatusForbidden:           "Forbidden",
	http.StatusNotFound:            "NotFound",
	http.StatusConflict:            "Conflict",
	http.StatusGone:                "Expired",
	http.StatusUnprocessableEntity: "Invalid",
	http.StatusTooManyRequests:     "TooManyRequests",
	http.StatusInternalServerError: "InternalError",
	http.StatusServiceUnavailable:  "ServiceUnavailable",
	http.StatusGatewayTimeout:      "Timeout",
}

package main

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func play(t *testing.T, args ...string) (*server, outcome) {
	t.Helper()
	s := newServer(t)
	return s, begin(t, s, args...).end()
}

func TestNumbersOnlyWrites(t *testing.T) {
	s, o := play(t, "--", "GET /a", "PUT /b", "POST /x/selfsubjectaccessreviews",
		"PATCH /c?dryRun=All", `DELETE /d {"dryRun":["All"]}`, "DELETE /e", "exit 3")
	equal(t, "seen", len(s.requests()), 6)
	equal(t, "token", s.headers[0].Get("Authorization"), "Bearer secret")
	equal(t, "code", o.code, 3)
	equal(t, "exit", *o.summary.Exit, 3)
	equal(t, "counts", []int{o.summary.Writes, o.summary.Forwarded, o.summary.DryRuns, o.summary.Reads}, []int{2, 2, 2, 2})
	var lines []string
	for _, e := range o.log {
		k := 0
		if e.K != nil {
			k = *e.K
		}
		lines = append(lines, e.Event+" "+e.Method+e.Path+" "+strings.Repeat("*", k))
	}
	equal(t, "log", lines, []string{"start  ", "write PUT/b *", "dry-run PATCH/c ", "dry-run DELETE/d ", "write DELETE/e **"})
	equal(t, "status", *o.log[1].Status, 200)
}

func TestKillBefore(t *testing.T) {
	s, o := play(t, "2:kill-before", "--", "PUT /1", "PUT /2", "PUT /3")
	equal(t, "seen", s.requests(), []string{"PUT /1"})
	equal(t, "code", o.code, 128+9)
	equal(t, "signal", *o.summary.Signal, "KILL")
	equal(t, "output", o.output, "PUT /1 200  answer\n")
	equal(t, "fired", o.summary.Fired[0].Action, "kill-before")
	last := o.log[len(o.log)-1]
	equal(t, "log", []any{*last.K, last.Status == nil, *last.Fault}, []any{2, true, "kill-before"})
}

func TestKillAfter(t *testing.T) {
	s, o := play(t, "POST~/x#2:kill-after", "--", "POST /x", "POST /x", "PUT /3")
	equal(t, "seen", s.requests(), []string{"POST /x", "POST /x"})
	equal(t, "output", o.output, "POST /x 201  answer\n")
	equal(t, "signal", *o.summary.Signal, "KILL")
	equal(t, "status", *o.log[2].Status, 201)
}

func TestNothingPassesAfterAKill(t *testing.T) {
	script := []string{"2:kill-before", "--"}
	for range 20 {
		script = append(script, "& PUT /many")
	}
	s, o := play(t, append(script, "wait")...)
	equal(t, "seen", s.requests(), []string{"PUT /many"})
	equal(t, "writes", []int{o.summary.Writes, o.summary.Forwarded}, []int{2, 1})
}

func TestAKillStopsADelayedWrite(t *testing.T) {
	s, o := play(t, "1:delay=300ms", "GET~/b:kill-before", "--", "& PUT /a", "sleep 100ms", "GET /b")
	equal(t, "seen", len(s.requests()), 0)
	equal(t, "writes", []int{o.summary.Writes, o.summary.Forwarded}, []int{1, 0})
}

func TestWritesAreSerialised(t *testing.T) {
	script := []string{"--"}
	for range 20 {
		script = append(script, "& PUT /many", "& GET /read")
	}
	s, o := play(t, append(script, "wait")...)
	equal(t, "at the same time", s.most, 1)
	equal(t, "counts", []int{o.summary.Writes, o.summary.Reads}, []int{20, 20})
	for i, e := range o.log[1:] {
		equal(t, "k", *e.K, i+1)
	}
}

func TestFreeze(t *testing.T) {
	for _, at := range []string{"before", "after"} {
		t.Run(at, func(t *testing.T) {
			s := newServer(t)
			b := begin(t, s, "1:freeze-"+at, "--", "& PUT /1", "& PUT /2", "wait")
			b.awaitLog(`"frozen"`)
			time.Sleep(100 * time.Millisecond)
			frozen := map[string]int{"before": 0, "after": 1}[at]
			equal(t, "seen while frozen", len(s.requests()), frozen)
			equal(t, "output while frozen", b.read("stdout"), "")
			if err := syscall.Kill(-b.pgid(), syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			o := b.end()
			equal(t, "code", o.code, 0)
			equal(t, "seen", len(s.requests()), 2)
			equal(t, "answers", strings.Count(o.output, "200"), 2)
		})
	}
}

func TestKilledWhileFrozen(t *testing.T) {
	s := newServer(t)
	b := begin(t, s, "1:freeze-before", "--", "PUT /1")
	b.awaitLog(`"frozen"`)
	_ = syscall.Kill(-b.pgid(), syscall.SIGKILL)
	equal(t, "code", b.end().code, 128+9)
	equal(t, "seen", len(s.requests()), 0)
}

func TestTerm(t *testing.T) {
	s, o := play(t, "1:term-before", "--", "on-term", "PUT /1", "PUT /2")
	equal(t, "seen", s.requests(), []string{"PUT /1", "PUT /2"})
	equal(t, "output", strings.HasPrefix(o.output, "got TERM\nPUT /1 200"), true)
	s, o = play(t, "1:term-before", "--", "PUT /1")
	equal(t, "seen by a client that dies of it", len(s.requests()), 0)
	equal(t, "signal", *o.summary.Signal, "TERM")
	s, o = play(t, "1:term-after", "--", "PUT /1")
	equal(t, "seen", s.requests(), []string{"PUT /1"})
	equal(t, "code", []any{o.code, o.output}, []any{128 + 15, ""})
}

func TestStatus(t *testing.T) {
	s, o := play(t, "1:status=503", "PATCH~/b:status=429", "--", "PUT /a", "PATCH /b", "PUT /c")
	equal(t, "seen", s.requests(), []string{"PUT /c"})
	for _, part := range []string{
		`PUT /a 503  {"kind":"Status"`, `"reason":"ServiceUnavailable","code":503}`,
		`PATCH /b 429 1 {"kind":"Status"`, `"reason":"TooManyRequests","code":429}`,
	} {
		equal(t, part, strings.Contains(o.output, part), true)
	}
	equal(t, "writes", []int{o.summary.Writes, o.summary.Forwarded}, []int{3, 1})
}

func TestCut(t *testing.T) {
	s, o := play(t, "1:cut-before", "2:cut-after", "--", "PUT /1", "PUT /2", "PUT /3")
	equal(t, "seen", s.requests(), []string{"PUT /2", "PUT /3"})
	equal(t, "output", o.output, "PUT /1 lost\nPUT /2 lost\nPUT /3 200  answer\n")
}

func TestDelayComesBeforeTheOtherFault(t *testing.T) {
	start := time.Now()
	s, o := play(t, "1:kill-after", "*:delay=300ms", "--", "PUT /1")
	equal(t, "seen", s.requests(), []string{"PUT /1"})
	equal(t, "late", time.Since(start) > 300*time.Millisecond, true)
	equal(t, "fault", *o.log[1].Fault, "delay=300ms,kill-after")
}

func TestDelayedWriteOutlivesItsClient(t *testing.T) {
	s, o := play(t, "1:delay=500ms", "--", "& PUT /late", "sleep 200ms", "exit 4")
	equal(t, "code", o.code, 4)
	equal(t, "seen", s.requests(), []string{"PUT /late"})
}

func TestReadFaults(t *testing.T) {
	s, o := play(t, "r2:status=500", "GET~/c:kill-before", "--log-reads", "--", "PUT /a", "GET /b", "GET /c", "PUT /d")
	equal(t, "seen", s.requests(), []string{"PUT /a"})
	equal(t, "fired", []int{o.summary.Fired[0].R, o.summary.Fired[1].R}, []int{2, 3})
	equal(t, "not a write", o.summary.Fired[0].K == nil, true)
	equal(t, "log", []string{o.log[2].Event, o.log[3].Event}, []string{"read", "read"})
}

func TestWatchStreams(t *testing.T) {
	s := newServer(t)
	b := begin(t, s, "--log-reads", "--", "watch /watch")
	for _, event := range []string{"event number 0\n", "event number 0\nevent number 1\n"} {
		eventually(t, event, func() bool { return b.read("stdout") == event })
		s.next <- struct{}{}
	}
	equal(t, "code", b.end().code, 0)
}

func TestTerminatingKillproxyKillsTheClient(t *testing.T) {
	s := newServer(t)
	b := begin(t, s, "--", "on-term", "PUT /1", "sleep 1m")
	b.awaitLog("/1")
	pid := b.pgid()
	_ = b.cmd.Process.Signal(syscall.SIGTERM)
	o := b.end()
	equal(t, "code", []any{o.code, *o.summary.Signal}, []any{128 + 15, "KILL"})
	equal(t, "client", syscall.Kill(pid, 0), error(syscall.ESRCH))
}

func TestKillingKillproxyKillsTheClient(t *testing.T) {
	s := newServer(t)
	b := begin(t, s, "--", "PUT /1", "sleep 1m")
	b.awaitLog("/1")
	pid := b.pgid()
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait()
	eventually(t, "the client ends", func() bool { return gone(pid) })
}

func TestHeadersReachBothSides(t *testing.T) {
	s, _ := play(t, "--", "GET /a")
	equal(t, "encoding as the client asked", s.headers[0].Get("Accept-Encoding"), "gzip")
	equal(t, "nothing added", slices.Contains(keys(s.headers[0]), "X-Forwarded-For"), false)
}

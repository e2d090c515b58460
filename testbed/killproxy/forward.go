package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
)

// hopHeaders belong to one connection and are not forwarded.
var hopHeaders = []string{
	"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

func dropHop(h http.Header) {
	for _, name := range hopHeaders {
		h.Del(name)
	}
}

// forward sends the request to the API server; whole: it also reads the answer
// to its end, so that the server is done before the answer is passed on.
func (e *exchange) forward(whole bool) *http.Response {
	response, err := e.up.send(e.enter(), e.r, e.q.body)
	if err == nil && whole {
		err = slurp(response)
	}
	if err != nil {
		e.journal.request(e.q, e.due, 0, err)
		abort()
	}
	return response
}

// send repeats a request of the client to the API server, as K's user.
func (up *upstream) send(ctx context.Context, r *http.Request, body []byte) (*http.Response, error) {
	target := *up.base
	target.Path = up.base.Path + r.URL.Path
	if r.URL.RawPath != "" {
		target.RawPath = up.base.EscapedPath() + r.URL.RawPath
	}
	target.RawQuery = r.URL.RawQuery
	out, err := http.NewRequestWithContext(ctx, r.Method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	out.Header = r.Header.Clone()
	dropHop(out.Header)
	if up.token != "" {
		out.Header.Set("Authorization", "Bearer "+up.token)
	}
	if _, given := out.Header["User-Agent"]; !given {
		out.Header.Set("User-Agent", "")
	}
	return up.transport.RoundTrip(out)
}

// slurp reads a whole answer into memory.
func slurp(response *http.Response) error {
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	return err
}

// stream passes the answer on as it comes, so that a watch works.
func (e *exchange) stream(response *http.Response) {
	header := e.w.Header()
	for name, values := range response.Header {
		header[name] = values
	}
	dropHop(header)
	e.w.WriteHeader(response.StatusCode)
	flush := http.NewResponseController(e.w)
	buffer := make([]byte, 32<<10)
	for {
		n, err := response.Body.Read(buffer)
		if n > 0 {
			if _, werr := e.w.Write(buffer[:n]); werr != nil {
				abort()
			}
			_ = flush.Flush()
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			abort()
		}
	}
}

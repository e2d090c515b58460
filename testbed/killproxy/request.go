package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// request is what the proxy knows of one request of the client.
type request struct {
	r      int // position among all requests, from 1
	k      int // position among the writes, from 1; 0: not a write
	method string
	path   string
	query  string
	name   string // of the object a POST creates
	write  bool   // it changes the cluster
	dryRun bool
	body   []byte
	record *record
}

// reviews are the resources one POSTs to in order to ask, not to change.
var reviews = []string{
	"selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews",
	"subjectaccessreviews", "localsubjectaccessreviews", "tokenreviews",
	"token", // of a service account
}

func newRequest(r *http.Request, body []byte) *request {
	q := &request{method: r.Method, path: r.URL.Path, query: r.URL.RawQuery, body: body}
	q.dryRun = mutating(q.method) && (r.URL.Query().Get("dryRun") == "All" || dryRunBody(r.Method, body))
	if q.method == http.MethodPost {
		q.name = bodyName(body)
	}
	if mutating(q.method) {
		q.record = findRecord(q)
	}
	q.write = mutating(q.method) && !q.dryRun && !q.isReview()
	return q
}

// number is k, or nil for what is not a write.
func (q *request) number() *int {
	if q.k == 0 {
		return nil
	}
	return &q.k
}

func mutating(method string) bool {
	switch method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return true
	}
	return false
}

func (q *request) isReview() bool {
	last := q.path[strings.LastIndex(q.path, "/")+1:]
	return q.method == http.MethodPost && slices.Contains(reviews, last)
}

// target is what METHOD~PART looks into: the path, for a POST with the name of
// the new object, and the query.
func (q *request) target() string {
	t := q.path
	if q.name != "" {
		t += "/" + q.name
	}
	if q.query != "" {
		t += "?" + q.query
	}
	if q.dryRun && !strings.Contains(q.query, "dryRun=") {
		t += "?dryRun=All"
	}
	return t
}

// dryRunBody finds the dry run of a DELETE, which clients ask for in the body:
// a DeleteOptions, in protobuf its field 5.
func dryRunBody(method string, body []byte) bool {
	if method != http.MethodDelete || len(body) == 0 {
		return false
	}
	var options struct {
		DryRun []string `json:"dryRun"`
	}
	if json.Unmarshal(body, &options) == nil {
		return slices.Contains(options.DryRun, "All")
	}
	return string(protoText(protoObject(body), 5)) == "All"
}

func bodyName(body []byte) string {
	var object struct {
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
	}
	if json.Unmarshal(body, &object) != nil {
		return string(protoText(protoMetadata(protoObject(body)), 1))
	}
	return object.Metadata.Name
}

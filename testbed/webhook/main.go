// webhook answers the API server's admission reviews as their address asks for it, so that one server plays every
// webhook of a bed: those that allow, deny, dawdle and break.
//
// It prints one line of JSON, {"url":…,"caBundle":…}, and ends when its standard input does.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "webhook:", err)
		os.Exit(1)
	}
}

func run() error {
	pair, bundle, err := selfSigned()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(serve), TLSConfig: pair}
	ended := make(chan error, 2)
	go func() { ended <- server.ServeTLS(listener, "", "") }()
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		ended <- err
	}()
	line := map[string]any{"url": "https://" + listener.Addr().String(), "caBundle": bundle}
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		return err
	}
	return <-ended
}

// review is the part of an AdmissionReview that matters here.
type review struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Request    *request  `json:"request,omitempty"`
	Response   *response `json:"response,omitempty"`
}

type request struct {
	UID string `json:"uid"`
}

type response struct {
	UID     string            `json:"uid"`
	Allowed bool              `json:"allowed"`
	Status  map[string]string `json:"status,omitempty"`
}

// serve does what the path says, word by word: /delay/5 waits five seconds, /deny/TEXT refuses with that text,
// /deny-bytes/N with N random letters, /status/500 answers with an error. Nothing left to do: it allows.
func serve(w http.ResponseWriter, r *http.Request) {
	var in review
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Request == nil {
		http.Error(w, "no admission review", http.StatusBadRequest)
		return
	}
	out := response{UID: in.Request.UID, Allowed: true}
	words := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	for len(words) > 1 {
		verb, argument := words[0], words[1]
		words = words[2:]
		number, _ := strconv.Atoi(argument)
		switch verb {
		case "delay":
			select {
			case <-time.After(time.Duration(number) * time.Second):
			case <-r.Context().Done():
				return
			}
		case "deny":
			text, _ := url.PathUnescape(argument)
			out.Allowed, out.Status = false, map[string]string{"message": text}
		case "deny-bytes":
			out.Allowed, out.Status = false, map[string]string{"message": noise(number)}
		case "status":
			http.Error(w, "told to fail", number)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(review{APIVersion: in.APIVersion, Kind: in.Kind, Response: &out})
}

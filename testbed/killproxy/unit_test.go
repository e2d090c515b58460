package main

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func keys(h http.Header) []string { return slices.Collect(maps.Keys(h)) }

// gone tells whether a process has ended, even if nobody has reaped it.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func TestFaultWords(t *testing.T) {
	for text, hits := range map[string][]int{
		"3:kill-before": {3}, "2-4:cut-after": {2, 3, 4}, "5-:delay=1s": {5, 6, 7}, "every3:status=503": {3, 6},
	} {
		f, err := parseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for k := range 8 {
			if k > 0 && f.applies(&request{k: k, write: true}) {
				got = append(got, k)
			}
		}
		equal(t, text, got, hits)
	}
	for _, text := range []string{
		"", "3", "x:kill-before", "0:kill-before", "5-3:kill-before", "3:kill", "3:delay=x", "3:status=200",
		"~x:kill-before", "PUT~:kill-before", "every0:kill-before", "PUT~a#b:kill-before",
	} {
		if _, err := parseFault(text); err == nil {
			t.Errorf("%q: accepted", text)
		}
	}
}

func TestMatchSeesTheNameOfANewObject(t *testing.T) {
	f, _ := parseFault("post~secrets/sh.helm.release.v1.web.v2:kill-after")
	r := httptest.NewRequest("POST", "/api/v1/namespaces/a/secrets?fieldManager=x", nil)
	equal(t, "POST", f.applies(newRequest(r, secretBody("web", 2, "deployed"))), true)
	equal(t, "other", f.applies(newRequest(r, secretBody("web", 3, "deployed"))), false)
	r = httptest.NewRequest("POST", "/api/v1/namespaces/a/secrets?dryRun=All", nil)
	equal(t, "dry run", f.applies(newRequest(r, secretBody("web", 2, "deployed"))), false)
}

func payload(status string) string {
	release := fmt.Sprintf(`{"name":"web","info":{"status":%q},"hooks":[
		{"name":"pre","kind":"Job","last_run":{"started_at":"","completed_at":"","phase":"Running"}},
		{"name":"pre","kind":"ConfigMap","last_run":{"phase":"Succeeded"}},{"name":"post","last_run":{"phase":""}}]}`, status)
	var zipped bytes.Buffer
	w, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	_, _ = w.Write([]byte(release))
	_ = w.Close()
	return base64.StdEncoding.EncodeToString(zipped.Bytes())
}

func recordBody(kind, name string, revision int, status, data string) []byte {
	body, _ := json.Marshal(map[string]any{
		"kind": kind, "apiVersion": "v1",
		"metadata": map[string]any{
			"name":   fmt.Sprintf("%s%s.v%d", recordPrefix, name, revision),
			"labels": map[string]string{"owner": "helm", "status": status},
		},
		"data": map[string]string{"release": data},
	})
	return body
}

func secretBody(name string, revision int, status string) []byte {
	return recordBody("Secret", name, revision, status, base64.StdEncoding.EncodeToString([]byte(payload(status))))
}

// proto is a length-delimited protobuf field.
func proto(number uint64, parts ...string) string {
	text := strings.Join(parts, "")
	return string(binary.AppendUvarint(binary.AppendUvarint(nil, number<<3|2), uint64(len(text)))) + text
}

func protoSecret(status, data string) []byte {
	metadata := proto(1, proto(1, "sh.helm.release.v1.web.v2"), proto(2, ""), "\x38\x96\x01",
		proto(11, proto(1, "owner"), proto(2, "helm")), proto(11, proto(1, "status"), proto(2, status)))
	secret := metadata + proto(2, proto(1, "release"), proto(2, data)) + proto(3, "helm.sh/release.v1")
	return []byte("k8s\x00" + proto(1, proto(1, "v1"), proto(2, "Secret")) + proto(2, secret) + proto(3, ""))
}

func TestProtobufThatIsBroken(t *testing.T) {
	whole := protoSecret("deployed", payload("deployed"))
	for end := range whole {
		newRequest(httptest.NewRequest("POST", "/api/v1/namespaces/a/secrets", nil), whole[:end])
	}
	r := httptest.NewRequest("DELETE", "/api/v1/namespaces/a/secrets/x", nil)
	body := []byte("k8s\x00" + proto(2, proto(4, "Background"), proto(5, "All")))
	equal(t, "dry run", newRequest(r, body).dryRun, true)
}

func TestRecords(t *testing.T) {
	text := payload("pending-upgrade")
	twice := base64.StdEncoding.EncodeToString([]byte(text))
	const one = "/api/v1/namespaces/a/secrets/sh.helm.release.v1.web.v2"
	for name, c := range map[string]struct {
		method, path string
		body         []byte
	}{
		"secret":       {"POST", "/api/v1/namespaces/a/secrets", secretBody("web", 2, "pending-upgrade")},
		"config map":   {"PUT", strings.Replace(one, "secrets", "configmaps", 1), recordBody("ConfigMap", "web", 2, "pending-upgrade", text)},
		"merge patch":  {"PATCH", one, secretBody("web", 2, "pending-upgrade")},
		"json patch":   {"PATCH", one, []byte(`[{"op":"test","path":"/metadata/labels/status","value":"x"},{"op":"replace","path":"/metadata/labels/status","value":"pending-upgrade"},{"op":"replace","path":"/data/release","value":"` + twice + `"}]`)},
		"not zipped":   {"PUT", one, recordBody("Secret", "web", 2, "pending-upgrade", base64.StdEncoding.EncodeToString(unwrap([]byte(text))))},
		"protobuf":     {"POST", "/api/v1/namespaces/a/secrets", protoSecret("pending-upgrade", text)},
		"yaml patch":   {"PATCH", one, []byte("kind: Secret\ndata:\n  release: " + twice + "\n")},
		"with newline": {"PUT", one, recordBody("Secret", "web", 2, "pending-upgrade", twice[:60]+"\n"+twice[60:])},
	} {
		t.Run(name, func(t *testing.T) {
			q := newRequest(httptest.NewRequest(c.method, c.path, nil), c.body)
			if q.record == nil || q.record.Status == nil {
				t.Fatalf("no record: %+v", q.record)
			}
			equal(t, "key", q.record.Key, "sh.helm.release.v1.web.v2")
			equal(t, "status", *q.record.Status, "pending-upgrade")
			equal(t, "hooks", q.record.Hooks, map[string]string{"pre": "Running", "ConfigMap/pre": "Succeeded", "post": ""})
			if name != "yaml patch" {
				equal(t, "label", *q.record.Label, "pending-upgrade")
			}
		})
	}
}

func TestOddRecords(t *testing.T) {
	const one = "/api/v1/namespaces/a/secrets/sh.helm.release.v1.web.v2"
	q := newRequest(httptest.NewRequest("DELETE", one, nil), nil)
	equal(t, "deleted", *q.record, record{Key: "sh.helm.release.v1.web.v2"})
	q = newRequest(httptest.NewRequest("PATCH", one, nil), []byte(`{"metadata":{"labels":{"status":"failed"}}}`))
	equal(t, "label alone", []any{*q.record.Label, q.record.Status == nil}, []any{"failed", true})
	q = newRequest(httptest.NewRequest("PUT", one, nil), recordBody("Secret", "web", 2, "failed", "bm90IGEgcmVjb3Jk"))
	equal(t, "broken payload", q.record.Status == nil, true)
	q = newRequest(httptest.NewRequest("PUT", "/api/v1/namespaces/a/secrets/other", nil), secretBody("web", 2, "x"))
	equal(t, "another secret", q.record == nil, true)
}

func TestRecordInTheLog(t *testing.T) {
	_, o := play(t, "--", "POST /api/v1/namespaces/a/secrets "+string(secretBody("web", 1, "pending-install")),
		"PUT /api/v1/namespaces/a/configmaps/sh.helm.release.v1.web.v1 "+string(recordBody("ConfigMap", "web", 1, "deployed", payload("deployed"))))
	equal(t, "secret", *o.log[1].Record.Status, "pending-install")
	equal(t, "name", o.log[1].Name, "sh.helm.release.v1.web.v1")
	equal(t, "config map", *o.log[2].Record.Status, "deployed")
	equal(t, "phase", o.log[2].Record.Hooks["pre"], "Running")
}

func TestKubeconfigErrors(t *testing.T) {
	for text, want := range map[string]string{
		"apiVersion: v1\n":        "must be written as JSON",
		`{"current-context":"x"}`: `no context "x"`,
		`{"current-context":"x","contexts":[{"name":"x","context":{"cluster":"c"}}]}`:                                                                                `no cluster "c"`,
		`{"current-context":"x","contexts":[{"name":"x","context":{"cluster":"c","user":"u"}}],"clusters":[{"name":"c"}],"users":[{"name":"u","user":{"exec":{}}}]}`: "not exec",
	} {
		path := filepath.Join(t.TempDir(), "kubeconfig")
		_ = os.WriteFile(path, []byte(text), 0o600)
		if _, err := loadUpstream(path, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestClientCertificateAndContext(t *testing.T) {
	seen := 0
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = len(r.TLS.PeerCertificates) }))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.StartTLS()
	defer s.Close()
	own := s.TLS.Certificates[0]
	key, _ := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	text, _ := json.Marshal(map[string]any{
		"current-context": "other",
		"contexts": []any{map[string]any{"name": "x", "context": map[string]any{
			"cluster": "c", "user": "u", "namespace": "apps",
		}}},
		"clusters": []any{map[string]any{"name": "c", "cluster": map[string]any{
			"server": s.URL, "insecure-skip-tls-verify": true,
		}}},
		"users": []any{map[string]any{"name": "u", "user": map[string]any{
			"client-certificate-data": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]}),
			"client-key-data":         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
			"as":                      "jane",
		}}},
	})
	path := filepath.Join(t.TempDir(), "kubeconfig")
	_ = os.WriteFile(path, text, 0o600)
	up, err := loadUpstream(path, "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = up.send(t.Context(), httptest.NewRequest("GET", "/", nil), nil); err != nil {
		t.Fatal(err)
	}
	equal(t, "certificates", seen, 1)
	if err := up.writeKubeconfig(path, "http://127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	written, _ := os.ReadFile(path)
	for part, has := range map[string]bool{`"namespace": "apps"`: true, `"as": "jane"`: true, `"current-context": "x"`: true, "client-": false} {
		equal(t, part, strings.Contains(string(written), part), has)
	}
}

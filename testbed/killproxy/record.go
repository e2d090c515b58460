package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"io"
	"regexp"
	"strings"
)

const recordPrefix = "sh.helm.release.v1."

// payloadText is the payload in a body that is neither JSON nor protobuf, thus
// YAML: gzip in base64, or that in base64.
var payloadText = regexp.MustCompile(`(H4sI|SDRzS)[A-Za-z0-9+/]+=*`)

// record is what a write says about a Helm release record.
type record struct {
	Key    string            `json:"key"`
	Status *string           `json:"status"` // info.status in the payload
	Label  *string           `json:"label"`  // the object's label "status"
	Hooks  map[string]string `json:"hooks"`  // name to phase; null without payload
}

// findRecord returns the Helm record the request writes, or nil.
func findRecord(q *request) *record {
	if !strings.Contains(q.path, "/secrets") && !strings.Contains(q.path, "/configmaps") {
		return nil
	}
	key := q.path[strings.LastIndex(q.path, "/")+1:]
	if q.name != "" {
		key = q.name
	}
	if !strings.HasPrefix(key, recordPrefix) {
		return nil
	}
	rec := &record{Key: key}
	payload := rec.readBody(q.body)
	rec.readPayload(payload)
	return rec
}

// readBody notes the label and returns the payload as it is written.
func (rec *record) readBody(body []byte) string {
	if object := protoObject(body); object != nil {
		if label, found := protoEntry(protoMetadata(object), 11, "status"); found {
			rec.Label = &label
		}
		payload, _ := protoEntry(object, 2, "release") // Secret and ConfigMap: data
		return payload
	}
	var object struct {
		Metadata struct {
			Labels map[string]*string `json:"labels"`
		} `json:"metadata"`
		Data       map[string]*string `json:"data"`
		StringData map[string]*string `json:"stringData"`
	}
	if json.Unmarshal(body, &object) == nil {
		rec.Label = object.Metadata.Labels["status"]
		for _, text := range []*string{object.StringData["release"], object.Data["release"]} {
			if text != nil {
				return *text
			}
		}
		return ""
	}
	var patch []struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	if json.Unmarshal(body, &patch) != nil {
		return string(payloadText.Find(body))
	}
	payload := ""
	for _, step := range patch {
		value, isText := step.Value.(string)
		switch {
		case !isText || step.Op == "test":
		case step.Path == "/metadata/labels/status":
			rec.Label = &value
		case step.Path == "/data/release":
			payload = value
		}
	}
	return payload
}

func (rec *record) readPayload(text string) {
	var release struct {
		Info struct {
			Status string `json:"status"`
		} `json:"info"`
		Hooks []struct {
			Name    string `json:"name"`
			Kind    string `json:"kind"`
			LastRun struct {
				Phase string `json:"phase"`
			} `json:"last_run"`
		} `json:"hooks"`
	}
	if text == "" || json.Unmarshal(unwrap([]byte(text)), &release) != nil {
		return
	}
	rec.Status = &release.Info.Status
	rec.Hooks = map[string]string{}
	for _, hook := range release.Hooks {
		name := hook.Name
		if _, taken := rec.Hooks[name]; taken {
			name = hook.Kind + "/" + name
		}
		rec.Hooks[name] = hook.LastRun.Phase
	}
}

// unwrap removes the layers around a payload: base64 once (ConfigMap, protobuf)
// or twice (Secret in JSON), then gzip unless the record is a very old one.
func unwrap(text []byte) []byte {
	for range 2 {
		plain, err := base64.StdEncoding.DecodeString(string(text))
		if err != nil {
			break
		}
		text = plain
	}
	if !bytes.HasPrefix(text, []byte("\x1f\x8b\x08")) {
		return text
	}
	unzip, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil
	}
	plain, err := io.ReadAll(unzip)
	if err != nil {
		return nil
	}
	return plain
}

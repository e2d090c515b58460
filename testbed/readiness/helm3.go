package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"helm.sh/helm/v3/pkg/kube"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// Asks Helm 3's ReadyChecker, as pkg/kube/client.go:Wait and WaitWithJobs build it. An error of it is a failure.
func helm3(one testCase, live *unstructured.Unstructured, jobs bool) (class, why string, err error) {
	config := &rest.Config{Host: "http://cluster", Transport: cluster{one}, QPS: -1}
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	config.ContentType = "application/json"
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return "", "", err
	}
	kind := live.GroupVersionKind()
	version := kind.GroupVersion()
	config.GroupVersion, config.APIPath = &version, "/apis"
	if kind.Group == "" {
		config.APIPath = "/api"
	}
	client, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return "", "", err
	}
	plural, _ := meta.UnsafeGuessKindToResource(kind)
	info := &resource.Info{
		Client:    client,
		Mapping:   &meta.RESTMapping{Resource: plural, GroupVersionKind: kind, Scope: meta.RESTScopeNamespace},
		Namespace: live.GetNamespace(),
		Name:      live.GetName(),
		Object:    live,
	}
	if live.GetNamespace() == "" {
		info.Mapping.Scope = meta.RESTScopeRoot
	}
	checker := kube.NewReadyChecker(clients, nil, kube.PausedAsReady(true), kube.CheckJobs(jobs))
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("helm 3 panics: %v", fault)
		}
	}()
	switch ready, err := checker.IsReady(context.Background(), info); {
	case err != nil:
		return "failed", err.Error(), nil
	case ready:
		return "ready", "", nil
	default:
		return "waiting", "", nil
	}
}

// Answers the requests that the checker makes: one object, or lists by label selector.
type cluster struct{ one testCase }

func (c cluster) RoundTrip(request *http.Request) (*http.Response, error) {
	parts := strings.Split(strings.Trim(request.URL.Path, "/"), "/")
	switch parts[len(parts)-1] {
	case "replicasets":
		return c.list(request, "apps/v1", "ReplicaSetList", c.one.ReplicaSets)
	case "pods":
		return c.list(request, "v1", "PodList", c.one.Pods)
	default:
		body, err := inVersion(parts, c.one.Object)
		return answerJSON(request, body), err
	}
}

// Gives the object in the version that is asked for, as an API server does: Helm asks for apps/v1 whatever the chart wrote.
func inVersion(path []string, object json.RawMessage) (json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(object, &fields); err != nil {
		return nil, err
	}
	version := path[1]
	if path[0] == "apis" {
		version = path[1] + "/" + path[2]
	}
	asked, err := json.Marshal(version)
	if err != nil {
		return nil, err
	}
	fields["apiVersion"] = asked
	return json.Marshal(fields)
}

func (c cluster) list(request *http.Request, version, kind string, all []json.RawMessage) (*http.Response, error) {
	selector, err := labels.Parse(request.URL.Query().Get("labelSelector"))
	if err != nil {
		return nil, err
	}
	namespace := strings.Split(request.URL.Path, "/namespaces/")[1]
	items := []json.RawMessage{}
	for _, raw := range all {
		item := &unstructured.Unstructured{}
		if err := item.UnmarshalJSON(raw); err != nil {
			return nil, err
		}
		if strings.HasPrefix(namespace, item.GetNamespace()+"/") && selector.Matches(labels.Set(item.GetLabels())) {
			items = append(items, raw)
		}
	}
	body, err := json.Marshal(map[string]any{"apiVersion": version, "kind": kind, "metadata": map[string]any{}, "items": items})
	if err != nil {
		return nil, err
	}
	return answerJSON(request, body), nil
}

func answerJSON(request *http.Request, body []byte) *http.Response {
	header := http.Header{"Content-Type": []string{"application/json"}}
	reader := io.NopCloser(bytes.NewReader(body))
	return &http.Response{StatusCode: http.StatusOK, Header: header, Body: reader, Request: request}
}

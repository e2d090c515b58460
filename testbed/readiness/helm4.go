package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/engine"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/statusreaders"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	helmreaders "helm.sh/helm/v4/internal/statusreaders"
	"helm.sh/helm/v4/pkg/kube"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Asks the status readers that Helm 4 builds in pkg/kube/statuswait.go:Wait and WaitWithJobs, and leaves out what it does.
func helm4(one testCase, live *unstructured.Unstructured, jobs bool) (class, why string, err error) {
	info := &resource.Info{Object: live, Mapping: &meta.RESTMapping{GroupVersionKind: live.GroupVersionKind()}}
	if deployment, ok := kube.AsVersioned(info).(*appsv1.Deployment); ok && deployment.Spec.Paused {
		return "ready", "paused", nil
	}
	var own []engine.StatusReader
	if jobs {
		own = append(own, helmreaders.NewCustomJobStatusReader(mapper()))
	}
	return read(statusreaders.NewStatusReader(mapper(), own...), one, live)
}

// Asks the status readers of pkg/kube/statuswait.go:WatchUntilReady.
func hook(one testCase, live *unstructured.Unstructured) (class, why string, err error) {
	always := func(*unstructured.Unstructured) (*status.Result, error) {
		return &status.Result{Status: status.CurrentStatus}, nil
	}
	reader := &statusreaders.DelegatingStatusReader{StatusReaders: []engine.StatusReader{
		helmreaders.NewCustomJobStatusReader(mapper()),
		helmreaders.NewCustomPodStatusReader(mapper()),
		statusreaders.NewGenericStatusReader(mapper(), always),
	}}
	return read(reader, one, live)
}

func read(reader engine.StatusReader, one testCase, live *unstructured.Unstructured) (class, why string, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("helm 4 panics: %v", fault)
		}
	}()
	found, err := reader.ReadStatusForObject(context.Background(), namespace{one}, live)
	if err != nil {
		return "", "", err
	}
	why = fmt.Sprintf("%s: %s", found.Status, found.Message)
	if found.Error != nil {
		why = found.Error.Error()
	}
	switch found.Status {
	case status.CurrentStatus:
		return "ready", why, nil
	case status.FailedStatus:
		return "failed", why, nil
	default:
		return "waiting", why, nil
	}
}

// Knows the kinds that the readers list.
func mapper() meta.RESTMapper {
	apps, core := appsv1.SchemeGroupVersion, corev1.SchemeGroupVersion
	known := meta.NewDefaultRESTMapper([]schema.GroupVersion{apps, core})
	known.Add(apps.WithKind("ReplicaSet"), meta.RESTScopeNamespace)
	known.Add(core.WithKind("Pod"), meta.RESTScopeNamespace)
	return known
}

// Answers the lists that the readers ask for; nothing else is asked.
type namespace struct{ one testCase }

func (n namespace) Get(context.Context, client.ObjectKey, *unstructured.Unstructured) error {
	return fmt.Errorf("no reader gets an object here")
}

func (n namespace) ListNamespaceScoped(_ context.Context, list *unstructured.UnstructuredList, name string, selector labels.Selector) error {
	all := map[string][]json.RawMessage{"ReplicaSet": n.one.ReplicaSets, "Pod": n.one.Pods}[list.GetKind()]
	for _, raw := range all {
		item := unstructured.Unstructured{}
		if err := item.UnmarshalJSON(raw); err != nil {
			return err
		}
		if item.GetNamespace() == name && selector.Matches(labels.Set(item.GetLabels())) {
			list.Items = append(list.Items, item)
		}
	}
	return nil
}

func (n namespace) ListClusterScoped(context.Context, *unstructured.UnstructuredList, labels.Selector) error {
	return fmt.Errorf("no reader lists a cluster here")
}

func (n namespace) Sync(context.Context) error { return nil }

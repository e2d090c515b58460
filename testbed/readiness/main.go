// Says what Helm 3 and Helm 4 make of live objects: their own code, given objects in place of a cluster.
//
// It reads cases as JSON, one in a line, and answers each with a line. The module's path lies below Helm 4's, as Helm 4's
// status readers are internal to it.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsv1beta1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/klog/v2"
)

// What stands in the cluster: the object that is asked about, and all else of its namespace.
type testCase struct {
	Object      json.RawMessage   `json:"object"`
	ReplicaSets []json.RawMessage `json:"replica_sets"`
	Pods        []json.RawMessage `json:"pods"`
}

// One of "ready", "waiting", "failed" for each question, and why, for reading only.
type answer struct {
	Helm3        string   `json:"helm3"`
	Helm4        string   `json:"helm4"`
	Helm3ForJobs string   `json:"helm3_for_jobs"`
	Helm4ForJobs string   `json:"helm4_for_jobs"`
	Hook         string   `json:"hook"`
	Why          []string `json:"why"`
}

func main() {
	klog.SetOutput(io.Discard)
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	// As pkg/kube/client.go:New of both Helms does.
	if err := apiextensionsv1.AddToScheme(scheme.Scheme); err != nil {
		return err
	}
	if err := apiextensionsv1beta1.AddToScheme(scheme.Scheme); err != nil {
		return err
	}
	decoder := json.NewDecoder(bufio.NewReader(in))
	buffered := bufio.NewWriter(out)
	defer buffered.Flush()
	encoder := json.NewEncoder(buffered)
	for {
		var one testCase
		if err := decoder.Decode(&one); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		answered, err := judge(one)
		if err != nil {
			return err
		}
		if err := encoder.Encode(answered); err != nil {
			return err
		}
	}
}

func judge(one testCase) (*answer, error) {
	live := &unstructured.Unstructured{}
	if err := live.UnmarshalJSON(one.Object); err != nil {
		return nil, fmt.Errorf("%s: %w", one.Object, err)
	}
	answered := &answer{}
	ask := func(into *string, question func() (string, string, error)) error {
		class, why, err := question()
		*into, answered.Why = class, append(answered.Why, why)
		return err
	}
	questions := []struct {
		into     *string
		question func() (string, string, error)
	}{
		{&answered.Helm3, func() (string, string, error) { return helm3(one, live.DeepCopy(), false) }},
		{&answered.Helm4, func() (string, string, error) { return helm4(one, live.DeepCopy(), false) }},
		{&answered.Helm3ForJobs, func() (string, string, error) { return helm3(one, live.DeepCopy(), true) }},
		{&answered.Helm4ForJobs, func() (string, string, error) { return helm4(one, live.DeepCopy(), true) }},
		{&answered.Hook, func() (string, string, error) { return hook(one, live.DeepCopy()) }},
	}
	for _, each := range questions {
		if err := ask(each.into, each.question); err != nil {
			return nil, fmt.Errorf("%s: %w", one.Object, err)
		}
	}
	return answered, nil
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	jsonpatchv5 "github.com/evanphx/json-patch/v5"
	jsonpatchv4 "gopkg.in/evanphx/json-patch.v4"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsv1beta1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
)

// A triple is what a merge is made of, and what came out.
type triple struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Original   json.RawMessage `json:"original"`
	Modified   json.RawMessage `json:"modified"`
	Current    json.RawMessage `json:"current"`
	// More than one where the order of Go's maps decides.
	Outcomes []outcome `json:"outcomes,omitempty"`
}

type outcome struct {
	Merged json.RawMessage `json:"merged,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// The scheme that Helm decides with (4.3.1 pkg/kube/converter.go:kubernetesNativeScheme).
var scheme = func() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientscheme.AddToScheme, apiextensionsv1beta1.AddToScheme, apiextensionsv1.AddToScheme,
	} {
		if err := add(s); err != nil {
			panic(err)
		}
	}
	return s
}()

// versioned gives an empty object of a kind that is merged strategically, nil for others.
func versioned(apiVersion, kind string) runtime.Object {
	gv, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		return nil
	}
	object, err := scheme.New(gv.WithKind(kind))
	if err != nil {
		return nil
	}
	if _, old := object.(*apiextensionsv1beta1.CustomResourceDefinition); old {
		return nil
	}
	return object
}

// outcomes gives what comes out of a triple. Directives can make it depend on the order in which Go walks a map.
func outcomes(t triple) []outcome {
	tries := 1
	for _, part := range []json.RawMessage{t.Original, t.Modified, t.Current} {
		if bytes.Contains(part, []byte(`"$`)) {
			tries = 8
		}
	}
	var found []outcome
	seen := map[string]bool{}
	for range tries {
		one := answer(t)
		key := string(one.Merged)
		if one.Error != "" {
			key = "error"
		}
		if !seen[key] {
			seen[key] = true
			found = append(found, one)
		}
	}
	return found
}

// answer merges. A panic ends Helm, so it counts as an error.
func answer(t triple) (result outcome) {
	defer func() {
		if fault := recover(); fault != nil {
			result = outcome{Error: fmt.Sprint("panic: ", fault)}
		}
	}()
	merged, err := merge(t)
	if err != nil {
		return outcome{Error: err.Error()}
	}
	return outcome{Merged: merged}
}

// merge is Helm's pkg/kube/client.go:createPatch (4.3.1), and then what the API server does with the patch.
func merge(t triple) ([]byte, error) {
	object := versioned(t.APIVersion, t.Kind)
	if object == nil {
		patch, err := jsonpatchv5.CreateMergePatch(t.Original, t.Modified)
		if err != nil {
			return nil, err
		}
		return jsonpatchv4.MergePatch(t.Current, patch)
	}
	meta, err := strategicpatch.NewPatchMetaFromStruct(object)
	if err != nil {
		return nil, err
	}
	patch, err := strategicpatch.CreateThreeWayMergePatch(t.Original, t.Modified, t.Current, meta, true)
	if err != nil {
		return nil, err
	}
	return strategicpatch.StrategicMergePatch(t.Current, patch, object)
}

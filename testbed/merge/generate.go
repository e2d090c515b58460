package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A generator makes up triples: an object of a kind's real type, and what became of it in the manifests and in the cluster.
type generator struct {
	*rand.Rand
	roots []schema.GroupVersionKind
	// Of the kinds that charts are mostly made of.
	common []schema.GroupVersionKind
	fields map[reflect.Type][]reflect.StructField
	// Whether this triple may hold what no API server or chart would: directives, mixed lists, missing merge keys.
	hostile bool
}

func newGenerator(random *rand.Rand) *generator {
	g := &generator{Rand: random, roots: roots(), fields: map[reflect.Type][]reflect.StructField{}}
	common := []string{
		"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod", "Service", "ServiceAccount", "ConfigMap",
		"Secret", "PersistentVolumeClaim", "Ingress", "HorizontalPodAutoscaler", "NetworkPolicy", "PodDisruptionBudget",
		"ClusterRole", "RoleBinding", "CustomResourceDefinition", "ValidatingWebhookConfiguration", "PodTemplate",
	}
	for _, gvk := range g.roots {
		if slices.Contains(common, gvk.Kind) {
			g.common = append(g.common, gvk)
		}
	}
	return g
}

func (g *generator) chance(percent float64) bool { return g.Float64()*100 < percent }

func pick[T any](g *generator, from []T) T { return from[g.IntN(len(from))] }

func (g *generator) triple() triple {
	g.hostile = g.chance(20)
	kinds := g.roots
	if g.chance(55) {
		kinds = g.common
	}
	gvk := pick(g, kinds)
	t := rootType(gvk)
	apiVersion, kind := gvk.GroupVersion().String(), gvk.Kind
	if g.chance(10) {
		other := pick(g, [][2]string{
			{"example.com/v1", "Widget"}, {"apiregistration.k8s.io/v1", "APIService"}, {"example.com/v1", "Deployment"},
			{"apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"}, {"apps/v9", "Deployment"},
		})
		apiVersion, kind = other[0], other[1]
	}
	base := g.object(t, apiVersion, kind)
	original, modified, current := any(base), g.evolve(base, t, 0), g.evolve(base, t, 0)
	switch {
	case g.chance(8):
		original = nil
	case g.chance(15):
		original = g.evolve(base, t, 0)
	case g.chance(4):
		original = modified
	}
	if g.chance(4) {
		current = g.evolve(modified, t, 0)
	} else if g.chance(4) {
		current = modified
	}
	modified, current = copied(modified), copied(current)
	// As Helm does to what it applies, and the API server to what it keeps.
	for _, object := range []any{modified, current} {
		set(object, "Helm", "metadata", "labels", "app.kubernetes.io/managed-by")
		set(object, "web", "metadata", "annotations", "meta.helm.sh/release-name")
		if g.chance(5) {
			break
		}
	}
	set(current, "7a1b", "metadata", "uid")
	set(current, "41", "metadata", "resourceVersion")
	set(current, []any{map[string]any{"manager": "helm", "fieldsV1": map[string]any{"f:a": map[string]any{}}}}, "metadata", "managedFields")
	for _, object := range []any{modified, current} {
		if m, ok := object.(map[string]any); ok && !g.hostile {
			m["apiVersion"], m["kind"] = apiVersion, kind
		}
	}
	return triple{APIVersion: apiVersion, Kind: kind, Original: text(original), Modified: text(modified), Current: text(current)}
}

func text(value any) json.RawMessage {
	encoded, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return encoded
}

func copied(value any) any {
	var copy any
	decoder := json.NewDecoder(bytesReader(text(value)))
	decoder.UseNumber()
	if err := decoder.Decode(&copy); err != nil {
		panic(err)
	}
	return copy
}

// set sets a member below maps, which it makes; something else in the way stays.
func set(object any, value any, path ...string) {
	m, ok := object.(map[string]any)
	if !ok {
		return
	}
	if len(path) == 1 {
		m[path[0]] = value
		return
	}
	if m[path[0]] == nil {
		m[path[0]] = map[string]any{}
	}
	set(m[path[0]], value, path[1:]...)
}

func (g *generator) object(t reflect.Type, apiVersion, kind string) map[string]any {
	object := g.value(t, 0).(map[string]any)
	object["apiVersion"], object["kind"] = apiVersion, kind
	set(object, "web", "metadata", "name")
	for _, field := range g.fieldsOf(t) {
		if field.Name == "spec" && object["spec"] == nil {
			object["spec"] = g.value(field.Type, 1)
		}
	}
	return object
}

func (g *generator) fieldsOf(t reflect.Type) []reflect.StructField {
	if _, known := g.fields[t]; !known {
		g.fields[t] = fieldsOf(t)
	}
	return g.fields[t]
}

var (
	words  = []string{"a", "b", "c", "d", "e", "web", "1", "80", "<x&y>", "é"}
	keys   = []string{"a", "b", "c", "d", "app.kubernetes.io/name"}
	whole  = []int64{0, 1, 2, 3, 80, 443, 8080, -5, 1 << 40, 9007199254740993, 9223372036854775807}
	broken = []float64{0.5, 1.5, 1e300, 1e21, 1e-7, 12345678901234567890}
)

// value makes up a value of a type.
func (g *generator) value(t reflect.Type, depth int) any {
	switch t.Name() {
	case "Time", "MicroTime":
		return pick(g, []string{"2026-01-02T03:04:05Z", "2026-01-02T03:04:06Z"})
	case "Quantity":
		return pick(g, []string{"100m", "1", "2Gi"})
	case "IntOrString":
		if g.chance(50) {
			return pick(g, whole)
		}
		return pick(g, words)
	case "RawExtension", "JSON", "FieldsV1":
		return g.anything(depth)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return g.value(t.Elem(), depth)
	case reflect.Struct:
		return g.structure(t, depth)
	case reflect.Map:
		m := map[string]any{}
		for range g.IntN(4) {
			m[pick(g, keys)] = g.value(t.Elem(), depth+1)
		}
		return m
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return pick(g, []string{"YQ==", "Yg==", ""})
		}
		list := []any{}
		for range g.IntN(4) {
			list = append(list, g.value(t.Elem(), depth+1))
		}
		return list
	case reflect.String:
		return pick(g, words)
	case reflect.Bool:
		return g.chance(50)
	case reflect.Float32, reflect.Float64:
		return pick(g, broken)
	case reflect.Interface:
		return g.anything(depth)
	default:
		return pick(g, whole)
	}
}

func (g *generator) structure(t reflect.Type, depth int) any {
	m := map[string]any{}
	fields := g.fieldsOf(t)
	if len(fields) == 0 {
		return m
	}
	for _, field := range fields {
		wanted := 2.5 / float64(len(fields))
		switch {
		case field.Tag.Get("patchStrategy") != "":
			wanted += 0.35
		case depth < 2 || field.Name == "template":
			wanted += 0.3
		}
		if field.Name == "managedFields" || depth > 9 || g.Float64() > wanted {
			continue
		}
		m[field.Name] = g.field(field, depth+1)
	}
	return m
}

// field makes up a field's value; a list that is merged gets distinct keys, mostly.
func (g *generator) field(field reflect.StructField, depth int) any {
	value := g.value(field.Type, depth)
	list, ok := value.([]any)
	if !ok || field.Tag.Get("patchStrategy") == "" {
		return value
	}
	if key := field.Tag.Get("patchMergeKey"); key != "" && g.chance(1.5) {
		// More items than Go sorts by insertion.
		for range 10 + g.IntN(45) {
			list = append(list, map[string]any{key: fmt.Sprint("k", g.IntN(60)), "value": pick(g, words)})
		}
	}
	return g.keyed(list, field)
}

// keyed gives a merge list whose items have their key, which seldom is there twice.
func (g *generator) keyed(list []any, field reflect.StructField) []any {
	key := field.Tag.Get("patchMergeKey")
	seen := map[any]bool{}
	kept := []any{}
	for _, item := range list {
		id := item
		if m, ok := item.(map[string]any); ok && key != "" {
			if m[key] == nil {
				m[key] = g.keyOf(field, key)
			}
			id = m[key]
		}
		if text := string(text(id)); !seen[text] || g.chance(4) {
			seen[text] = true
			kept = append(kept, item)
		}
	}
	return kept
}

func (g *generator) keyOf(field reflect.StructField, key string) any {
	item := elemOf(field.Type)
	for item != nil && item.Kind() == reflect.Pointer {
		item = item.Elem()
	}
	if item == nil || item.Kind() != reflect.Struct {
		return pick(g, words)
	}
	for _, inner := range g.fieldsOf(item) {
		if inner.Name == key {
			return g.value(inner.Type, 20)
		}
	}
	return pick(g, words)
}

// anything makes up JSON of no type.
func (g *generator) anything(depth int) any {
	switch choice := g.IntN(9); {
	case choice == 0:
		return nil
	case choice == 1:
		return g.chance(50)
	case choice == 2:
		return pick(g, whole)
	case choice == 3:
		return pick(g, broken)
	case choice < 6 || depth > 10:
		return pick(g, words)
	case choice == 6:
		list := []any{}
		for range g.IntN(3) {
			list = append(list, g.anything(depth+1))
		}
		return list
	default:
		m := map[string]any{}
		for range g.IntN(3) {
			m[pick(g, keys)] = g.anything(depth + 1)
		}
		return m
	}
}

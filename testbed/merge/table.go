package main

import (
	"bufio"
	"fmt"
	"reflect"
	"sort"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// shape is how a field's type answers the two questions that strategicpatch asks (apimachinery
// pkg/util/strategicpatch/meta.go:PatchMetaFromStruct).
type shape struct {
	// "" a plain value or map, "*" a pointer, "[]" a list, "[][]" a list of lists.
	form string
	// The struct behind it, nil if there is none with fields.
	of reflect.Type
}

type tableField struct {
	name, strategy, mergeKey string
	shape                    shape
}

// roots gives the kinds that are merged strategically and have metadata: all that can be an object of a release.
func roots() []schema.GroupVersionKind {
	var found []schema.GroupVersionKind
	for gvk, t := range scheme.AllKnownTypes() {
		if gvk.Version == runtime.APIVersionInternal || versioned(gvk.GroupVersion().String(), gvk.Kind) == nil {
			continue
		}
		if field, ok := t.FieldByName("ObjectMeta"); ok && field.Anonymous {
			found = append(found, gvk)
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].String() < found[j].String() })
	return found
}

func rootType(gvk schema.GroupVersionKind) reflect.Type { return scheme.AllKnownTypes()[gvk] }

// fieldsOf lists a struct's fields by the names JSON has for them, inlined ones included.
func fieldsOf(t reflect.Type) []reflect.StructField {
	var fields []reflect.StructField
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.IsExported() || name == "-" {
			continue
		}
		inner := field.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if field.Anonymous && name == "" && inner.Kind() == reflect.Struct {
			fields = append(fields, fieldsOf(inner)...)
			continue
		}
		if name != "" {
			field.Name = name
		}
		fields = append(fields, field)
	}
	return fields
}

func shapeOf(t reflect.Type) shape {
	var s shape
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		s.form, t = "[]", t.Elem()
		if t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
			return shape{form: "[][]"}
		}
	case reflect.Pointer:
		s.form, t = "*", t.Elem()
		if t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
			s.form, t = "[]", t.Elem()
		}
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Struct && len(fieldsOf(t)) > 0 {
		s.of = t
	}
	return s
}

func tableFields(t reflect.Type) []tableField {
	var fields []tableField
	for _, field := range fieldsOf(t) {
		fields = append(fields, tableField{
			field.Name, field.Tag.Get("patchStrategy"), field.Tag.Get("patchMergeKey"), shapeOf(field.Type),
		})
	}
	sort.Slice(fields, func(i, j int) bool { return fields[i].name < fields[j].name })
	for i := 1; i < len(fields); i++ {
		if strings.EqualFold(fields[i-1].name, fields[i].name) {
			panic(fmt.Sprintf("%v has %s twice", t, fields[i].name))
		}
	}
	return fields
}

// text writes a field; name tells what a type is called.
func (f tableField) text(name func(reflect.Type) string) string {
	text := f.shape.form + f.name
	if f.shape.of != nil {
		text += ":" + name(f.shape.of)
	}
	if f.strategy != "" || f.mergeKey != "" {
		text += "," + strings.ReplaceAll(f.strategy, ",", "+") + "," + f.mergeKey
	}
	return text
}

// writeTable writes the kinds, then the types. Types that no question can tell apart are one.
func writeTable(out *bufio.Writer) error {
	types := reachable()
	class := classes(types)
	names := classNames(types, class)
	name := func(t reflect.Type) string { return names[class[t]] }

	fmt.Fprintln(out, "# Patch metadata of Kubernetes 1.37.1's API types. `cargo xtask merge-table` writes it; see merge/schema.rs.")
	for _, gvk := range roots() {
		fmt.Fprintf(out, "%s %s = %s\n", gvk.GroupVersion(), gvk.Kind, name(rootType(gvk)))
	}
	lines := map[string]bool{}
	for _, t := range types {
		words := []string{name(t)}
		for _, field := range tableFields(t) {
			words = append(words, field.text(name))
		}
		lines[strings.Join(words, " ")] = true
	}
	sorted := make([]string, 0, len(lines))
	for line := range lines {
		sorted = append(sorted, line)
	}
	sort.Strings(sorted)
	if len(sorted) != len(names) {
		return fmt.Errorf("%d types for %d names", len(sorted), len(names))
	}
	for _, line := range sorted {
		fmt.Fprintln(out, line)
	}
	return nil
}

// reachable lists every struct that a kind is made of, ordered by its full name.
func reachable() []reflect.Type {
	found := map[reflect.Type]bool{}
	var visit func(reflect.Type)
	visit = func(t reflect.Type) {
		if found[t] {
			return
		}
		found[t] = true
		for _, field := range tableFields(t) {
			if field.shape.of != nil {
				visit(field.shape.of)
			}
		}
	}
	for _, gvk := range roots() {
		visit(rootType(gvk))
	}
	types := make([]reflect.Type, 0, len(found))
	for t := range found {
		types = append(types, t)
	}
	sort.Slice(types, func(i, j int) bool { return fullName(types[i]) < fullName(types[j]) })
	return types
}

// classes numbers the types so that two have one number if and only if they look the same to any depth: all start out
// the same, and are told apart by their fields until nothing changes.
func classes(types []reflect.Type) map[reflect.Type]int {
	class := map[reflect.Type]int{}
	for count := 1; ; {
		numbers, next := map[string]int{}, map[reflect.Type]int{}
		for _, t := range types {
			var words []string
			for _, field := range tableFields(t) {
				words = append(words, field.text(func(t reflect.Type) string { return fmt.Sprint(class[t]) }))
			}
			key := strings.Join(words, " ")
			if _, known := numbers[key]; !known {
				numbers[key] = len(numbers)
			}
			next[t] = numbers[key]
		}
		class = next
		if len(numbers) == count {
			return class
		}
		count = len(numbers)
	}
}

// classNames names each class after its first type, with as much of the package as keeps names apart.
func classNames(types []reflect.Type, class map[reflect.Type]int) map[int]string {
	first := map[int]reflect.Type{}
	used := map[string]int{}
	for _, t := range types {
		if _, known := first[class[t]]; !known {
			first[class[t]] = t
			used[t.Name()]++
		}
	}
	names := map[int]string{}
	for number, t := range first {
		names[number] = t.Name()
		if used[t.Name()] > 1 {
			names[number] = fullName(t)
		}
	}
	return names
}

// fullName is such as apps/v1.DeploymentSpec.
func fullName(t reflect.Type) string {
	parts := strings.Split(t.PkgPath(), "/")
	return strings.Join(parts[max(0, len(parts)-2):], "/") + "." + t.Name()
}

package main

import (
	"bytes"
	"io"
	"reflect"
	"slices"
)

func bytesReader(data []byte) io.Reader { return bytes.NewReader(data) }

// evolve gives a changed copy of a value of a type: what an edit of the chart, a controller or a user makes of it.
func (g *generator) evolve(value any, t reflect.Type, depth int) any {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if g.hostile && depth > 0 && g.chance(0.7) {
		return g.anything(depth)
	}
	switch value := value.(type) {
	case map[string]any:
		return g.evolveMap(value, t, depth)
	case []any:
		items := make([]any, 0, len(value))
		for _, item := range value {
			items = append(items, g.evolve(item, elemOf(t), depth+1))
		}
		return items
	default:
		if t != nil && g.chance(7) {
			return g.value(t, depth)
		}
		return value
	}
}

func elemOf(t reflect.Type) reflect.Type {
	if t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Map || t.Kind() == reflect.Array) {
		return t.Elem()
	}
	return nil
}

func (g *generator) evolveMap(value map[string]any, t reflect.Type, depth int) any {
	changed := map[string]any{}
	fields := map[string]reflect.StructField{}
	if t != nil && t.Kind() == reflect.Struct {
		all := g.fieldsOf(t)
		for _, field := range all {
			fields[field.Name] = field
		}
		if len(all) > 0 && g.chance(12) {
			field := pick(g, all)
			changed[field.Name] = g.field(field, depth+1)
		}
	} else if elem := elemOf(t); elem != nil && g.chance(25) {
		changed[pick(g, keys)] = g.value(elem, depth+1)
	}
	// In a fixed order, or the same seed would give something else.
	for _, key := range sortedKeys(value) {
		field, typed := fields[key]
		switch {
		case depth > 0 && g.chance(3.5):
		case depth > 0 && g.chance(0.8):
			changed[key] = nil
		case typed:
			changed[key] = g.evolve(value[key], field.Type, depth+1)
			if list, ok := changed[key].([]any); ok {
				changed[key] = g.evolveList(list, field, depth)
			}
		default:
			changed[key] = g.evolve(value[key], elemOf(t), depth+1)
		}
	}
	if g.hostile && g.chance(3) {
		g.direct(changed)
	}
	return changed
}

// evolveList adds, removes and reorders items.
func (g *generator) evolveList(list []any, field reflect.StructField, depth int) []any {
	if g.chance(12) && field.Type.Kind() == reflect.Slice && field.Type.Elem().Kind() != reflect.Uint8 {
		at := g.IntN(len(list) + 1)
		list = slices.Insert(list, at, g.value(field.Type.Elem(), depth+1))
	}
	for g.chance(12) && len(list) > 0 {
		at := g.IntN(len(list))
		list = slices.Delete(list, at, at+1)
	}
	if g.chance(15) {
		g.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	if g.chance(1.5) {
		list = list[:0]
	}
	if g.chance(2) && len(list) > 0 {
		list = append(list, pick(g, list))
	}
	if field.Tag.Get("patchStrategy") != "" {
		list = g.keyed(list, field)
	}
	if g.hostile && g.chance(9) {
		list = g.spoil(list, field)
	}
	return list
}

// spoil makes a list what strategicpatch won't take, or hardly.
func (g *generator) spoil(list []any, field reflect.StructField) []any {
	list = slices.Clone(list)
	if len(list) == 0 || g.chance(40) {
		return append(list, g.anything(8))
	}
	at := g.IntN(len(list))
	item, ok := list[at].(map[string]any)
	if !ok {
		list[at] = g.anything(8)
		return list
	}
	// The item may be someone else's as well.
	item = copied(item).(map[string]any)
	switch key := field.Tag.Get("patchMergeKey"); {
	case g.chance(40):
		delete(item, key)
	case g.chance(50):
		item[key] = g.anything(8)
	default:
		g.direct(item)
	}
	list[at] = item
	return list
}

// direct puts a directive into a map.
func (g *generator) direct(m map[string]any) {
	known := sortedKeys(m)
	if len(known) == 0 {
		known = keys
	}
	switch g.IntN(6) {
	case 0, 1:
		m["$patch"] = pick(g, []any{"delete", "replace", "merge", "other", nil, 5})
	case 2:
		m["$retainKeys"] = pick(g, []any{[]any{}, []any{pick(g, known)}, []any{pick(g, known), pick(g, known)}, "a", []any{[]any{}}})
	case 3:
		m["$setElementOrder/"+pick(g, known)] = pick(g, []any{[]any{}, []any{"a", "b"}, []any{map[string]any{"name": "a"}}, "a"})
	case 4:
		m["$deleteFromPrimitiveList/"+pick(g, known)] = pick(g, []any{[]any{}, []any{"a", "b"}, []any{map[string]any{}}, "a"})
	default:
		m[pick(g, []string{"$setElementOrder", "$deleteFromPrimitiveList", "$deleteFromPrimitiveList/", "$setElementOrder/"})] = g.anything(8)
	}
}

func sortedKeys(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

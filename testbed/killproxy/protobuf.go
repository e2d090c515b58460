package main

import (
	"bytes"
	"encoding/binary"
)

// Helm writes its records, and typed clients write everything, as protobuf. All
// that is needed of it are nested fields of the length-delimited kind.

// protoObject returns the object in a protobuf body, or nil if the body is of
// another kind: a magic number, then an envelope with the object in field 2.
func protoObject(body []byte) []byte {
	envelope, ok := bytes.CutPrefix(body, []byte("k8s\x00"))
	if !ok {
		return nil
	}
	return protoText(envelope, 2)
}

// protoMetadata returns an object's ObjectMeta: field 1 of nearly every kind. Its
// name is field 1, its labels are field 11.
func protoMetadata(object []byte) []byte { return protoText(object, 1) }

// protoText returns the first field with that number, or nil.
func protoText(message []byte, number uint64) []byte {
	for _, field := range protoFields(message, number) {
		return field
	}
	return nil
}

// protoEntry returns a map's value for a key: a map is a repeated message with
// the key in field 1 and the value in field 2.
func protoEntry(message []byte, number uint64, key string) (value string, found bool) {
	for _, entry := range protoFields(message, number) {
		if string(protoText(entry, 1)) == key {
			return string(protoText(entry, 2)), true
		}
	}
	return "", false
}

// protoFields returns the length-delimited fields with that number, up to the
// first thing that isn't protobuf.
func protoFields(message []byte, number uint64) (fields [][]byte) {
	for len(message) > 0 {
		tag, n := binary.Uvarint(message)
		if n <= 0 {
			return fields
		}
		message = message[n:]
		size := uint64(0)
		switch tag & 7 {
		case 0:
			_, n = binary.Uvarint(message)
			size = uint64(max(n, 0))
		case 1:
			size, n = 8, 1
		case 2:
			size, n = binary.Uvarint(message)
			message = message[max(n, 0):]
		case 5:
			size, n = 4, 1
		default:
			return fields
		}
		if n <= 0 || size > uint64(len(message)) {
			return fields
		}
		if tag&7 == 2 && tag>>3 == number {
			fields = append(fields, message[:size])
		}
		message = message[size:]
	}
	return fields
}

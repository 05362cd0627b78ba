package timeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Odd counts what could not be read as it was due.
type Odd struct {
	Lost   int            // entries that are left out
	Fields map[string]int // entries whose field had another type and counts as missing
}

// Decode reads a list of an API entry by entry, so that one that is odd harms
// itself alone. A field of another type than is due is left empty and counted;
// what is no object, or null, is lost.
func Decode[T any](list []json.RawMessage) ([]T, Odd) {
	odd := Odd{Fields: map[string]int{}}
	out := make([]T, 0, len(list))
	for _, raw := range list {
		if b := bytes.TrimSpace(raw); len(b) == 0 || b[0] != '{' {
			odd.Lost++
			continue
		}
		var v T
		err := json.Unmarshal(raw, &v)
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			odd.Fields[wrong.Field]++ // the rest of the entry is read all the same
		} else if err != nil {
			odd.Lost++
			continue
		}
		out = append(out, v)
	}
	return out, odd
}

// Warnings says for an admin what was odd.
func (o Odd) Warnings() []string {
	var list []string
	if o.Lost > 0 {
		list = append(list, fmt.Sprintf("%d entries could not be read", o.Lost))
	}
	for _, field := range slices.Sorted(maps.Keys(o.Fields)) {
		list = append(list, fmt.Sprintf("%d entries with another type of %s than was due", o.Fields[field], field))
	}
	return list
}

package search

import (
	"slices"
	"strings"
)

// Divisions know the places of a country, for the fields place and near. Its methods
// may be called at the same time and answer from memory.
type Divisions interface {
	// Lookup are the divisions of today that a name stands for: in Chinese, with or
	// without its rank, in pinyin or English, with the names of divisions around it
	// before or behind it, or a code. An abolished one is what took its place.
	// Nothing is no division.
	Lookup(name string) []Division
	// Near are the codes of the divisions of today whose seat is at most so far from
	// that of the one with a code, itself included.
	Near(code string, km int) []string
	// Begin are some divisions whose name begins so, the larger first.
	Begin(prefix string, most int) []Division
}

// A Division is a province or part of one.
type Division struct {
	Code    string
	Name    string // in Chinese
	English string
	Around  []Division // from the province down, without what is around those
}

// Full is the name with those of the divisions around it, in Chinese if lang begins
// with zh.
func (d Division) Full(lang string) string {
	all := append(slices.Clone(d.Around), d)
	var names []string
	if chinese(lang) {
		for _, a := range all {
			names = append(names, a.Name)
		}
		return strings.Join(names, "")
	}
	for _, a := range slices.Backward(all) {
		names = append(names, a.English)
	}
	return strings.Join(names, ", ")
}

package pipeline

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"
)

// Figures are how well the matcher does, measured on a set that the program draws itself; see the documentation of matching.
type Figures struct {
	Command string               `json:"command"` // that measured them
	Date    string               `json:"date"`    // when, 2006-01-02
	Kinds   map[string]KindRate  `json:"kinds"`
	Reaches map[Reach]ReachRates `json:"reaches"`
}

// KindRate is how many answers of a kind there were, and how many of them were of two pictures that are not one; of the kinds
// that are Apart, of two that have nothing to do with each other.
type KindRate struct {
	Wrong int `json:"wrong"`
	Of    int `json:"of"`
}

// ReachRates is what makes a lead at a reach: of edited copies, of pairs that look alike and are no copies (other pictures in
// one frame, other shots), and of unrelated pairs.
type ReachRates struct {
	Found      int `json:"found"`
	Copies     int `json:"copies"`
	AlikeTaken int `json:"alike_taken"`
	Alike      int `json:"alike"`
	FalseTaken int `json:"false_taken"`
	Unrelated  int `json:"unrelated"`
}

//go:embed measured.json
var measuredFile []byte

var measured = sync.OnceValue(func() Figures {
	var f Figures
	if err := json.Unmarshal(measuredFile, &f); err != nil {
		panic(fmt.Sprintf("measured.json: %v", err))
	}
	return f
})

// Measured gives the figures that people are shown. The file is written by the command that it names.
func Measured() Figures { return measured() }

package search

import (
	"context"
	"errors"
	"time"
)

// ErrRebuild is returned where an index cannot go on: it is damaged, gone, or written under other rules. It is cured by
// building one anew from the record.
var ErrRebuild = errors.New("search: the index must be built anew")

// A Generation is one whole index of a record.
type Generation struct {
	Name  string    // in the engine's words; empty for none
	Began time.Time // when its building began; zero of one that grew with the record
	From  int64     // the record's newest change then: what changed later it may hold in an older form until it has followed
}

// Generations are the indexes that an engine keeps of one record. Where there is none, the Name is empty.
type Generations struct {
	Current Generation // answers
	Old     Generation // answered before
	Next    Generation // is being built
}

// A Shelf keeps the generations of an engine. It is used by one goroutine at a time; other processes may use a shelf of the
// same place where the engine lets them share one. An engine that does not answer is ErrUnavailable.
type Shelf interface {
	// Engine is that of Info.
	Engine() string
	// Generations says which there are, and makes none.
	Generations(ctx context.Context) (Generations, error)
	// Open opens the generation of a name, or with none the current one, which is made if it is not there. One that cannot go
	// on is ErrRebuild. The caller closes it.
	Open(ctx context.Context, name string) (Index, error)
	// Begin makes an empty Next, in the place of the one there is.
	Begin(ctx context.Context, now time.Time, from int64) error
	// Promote lets Next answer, which is given open, in one step: whatever ends the process, either the one or the other is
	// current. What was current is Old from then on, and what was Old is dropped, at the latest by Tidy. It returns the index to
	// ask from now on, the one given or another, and closes the one given if it is not that. An error changes nothing.
	Promote(ctx context.Context, next Index) (Index, error)
	// Back exchanges Current and Old, which is given open, as Promote does.
	Back(ctx context.Context, old Index) (Index, error)
	// Drop deletes a generation, on disk too. One that is not there is no error.
	Drop(ctx context.Context, name string) error
	// Tidy deletes what is left of generations there were.
	Tidy(ctx context.Context) error
}

package photo

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// DefaultBudget is the memory decoding may hold at one time, in bytes, unless an operator says otherwise.
const DefaultBudget = 256 << 20

// A Budget bounds the memory that all decoding in a process may hold at one time. A process makes one and gives it to every
// Prepare; first come, first served. It counts what the headers allow at worst, not what the heap happens to hold, so leave the
// garbage collector as much again (debug.SetMemoryLimit).
type Budget struct {
	size int64
	room *semaphore.Weighted
}

// NewBudget returns a budget of so many bytes.
func NewBudget(bytes int64) *Budget {
	return &Budget{size: bytes, room: semaphore.NewWeighted(bytes)}
}

// reserve waits until n bytes are free and returns what gives them back. A picture that could never fit is refused at once:
// waiting for it would hold up everything behind it for good.
func (b *Budget) reserve(ctx context.Context, n int64) (release func(), err error) {
	if n > b.size {
		return nil, &Refused{Reason: OverBudget}
	}
	if err := b.room.Acquire(ctx, n); err != nil {
		return nil, err
	}
	return func() { b.room.Release(n) }, nil
}

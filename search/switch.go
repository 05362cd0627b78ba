package search

import (
	"context"
	"sync"
)

// A Switch is an Index that can be exchanged for another while it is in use: calls wait for the exchange and then go to the
// new one.
type Switch struct {
	mu sync.RWMutex
	x  Index
}

// NewSwitch begins with x.
func NewSwitch(x Index) *Switch { return &Switch{x: x} }

// Exchange goes on with x: it waits for the calls under way, and closes the index there was.
func (s *Switch) Exchange(x Index) error {
	s.mu.Lock()
	old := s.x
	s.x = x
	s.mu.Unlock()
	if old == x {
		return nil
	}
	return old.Close()
}

// Apply implements Index.
func (s *Switch) Apply(ctx context.Context, seq int64, put []Doc, del []string) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.x.Apply(ctx, seq, put, del)
}

// Put implements Index.
func (s *Switch) Put(ctx context.Context, docs ...Doc) error { return s.Apply(ctx, 0, docs, nil) }

// Delete implements Index.
func (s *Switch) Delete(ctx context.Context, ids ...string) error { return s.Apply(ctx, 0, nil, ids) }

// Find implements Index.
func (s *Switch) Find(ctx context.Context, q Query, p Page) (Result, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.x.Find(ctx, q, p)
}

// Facets implements Index.
func (s *Switch) Facets(ctx context.Context, q Query, f Facet) (Facets, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.x.Facets(ctx, q, f)
}

// Similar implements Index.
func (s *Switch) Similar(ctx context.Context, f Fingerprint, radius int, kinds ...string) ([]Hit, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.x.Similar(ctx, f, radius, kinds...)
}

// Votes implements Index.
func (s *Switch) Votes(ctx context.Context, f Features, most int, kinds ...string) ([]Candidate, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.x.Votes(ctx, f, most, kinds...)
}

// Info implements Index.
func (s *Switch) Info(ctx context.Context) (Info, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.x.Info(ctx)
}

// Purge lets the index forget what it has deleted on disk too, if it can.
func (s *Switch) Purge(ctx context.Context) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if x, ok := s.x.(interface{ Purge(context.Context) error }); ok {
		return x.Purge(ctx)
	}
	return nil
}

// Close implements Index.
func (s *Switch) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.x.Close()
}

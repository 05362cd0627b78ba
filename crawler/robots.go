package crawler

import (
	"context"
	"sync"
	"time"
)

// RobotsState is what is known of a host's robots.txt.
type RobotsState string

// States of a RobotsEntry.
const (
	RobotsRules  RobotsState = "rules"  // read; Text holds it
	RobotsOpen   RobotsState = "open"   // the host has none (4xx): everything is allowed
	RobotsClosed RobotsState = "closed" // it could not be read: nothing is allowed until Expires
)

// RobotsEntry is one robots.txt as last fetched.
type RobotsEntry struct {
	State   RobotsState
	Text    string // UTF-8, at most robots.MaxBytes; empty unless State is RobotsRules
	Detail  string // why it is closed, for an admin
	Fetched time.Time
	Expires time.Time // at most 24 h after Fetched (RFC 9309, 2.4)
}

// RobotsCache keeps entries between runs, keyed by origin ("https://host:port",
// lower case, without a default port). Load reports whether there is an entry;
// an expired one may be returned, the caller checks. Save replaces. Losing
// entries costs a fetch and nothing else.
type RobotsCache interface {
	Load(ctx context.Context, origin string) (RobotsEntry, bool, error)
	Save(ctx context.Context, origin string, e RobotsEntry) error
}

// MemoryRobots is the RobotsCache of one process. Its zero value is empty and
// ready.
type MemoryRobots struct {
	mu      sync.Mutex
	entries map[string]RobotsEntry
}

// Load implements RobotsCache.
func (m *MemoryRobots) Load(_ context.Context, origin string) (RobotsEntry, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.entries[origin]
	return e, ok, nil
}

// Save implements RobotsCache.
func (m *MemoryRobots) Save(_ context.Context, origin string, e RobotsEntry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries == nil || len(m.entries) >= 4096 {
		m.entries = map[string]RobotsEntry{}
	}
	m.entries[origin] = e
	return nil
}

package elastic

import (
	"container/list"
	"sync"
	"time"
)

// pictured is the pictures of a document, as appendPicture writes them.
type pictured struct {
	id       string
	pictures []byte
}

// A pictureKey names the pictures of a method in a document of an index.
type pictureKey struct{ index, algo, id string }

// cachedBytes bounds what a photoCache holds: at 250 points a picture, those of 30,000 documents.
const cachedBytes = 256 << 20

// cachedFor is how long pictures are remembered that nobody asks for: another process may have erased them.
const cachedFor = 10 * time.Minute

// A photoCache remembers the pictures that were used last, each by the number that Elasticsearch
// gave the last change of its document.
type photoCache struct {
	now    func() time.Time
	mu     sync.Mutex
	at     map[pictureKey]*list.Element // of cached
	recent list.List                    // the latest first
	bytes  int
}

type cached struct {
	key       pictureKey
	seq, term int64
	used      time.Time
	pictured
}

// get gives what is known of a document as of its last change.
func (c *photoCache) get(key pictureKey, seq, term int64) (pictured, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.at[key]
	if e == nil {
		return pictured{}, false
	}
	k := e.Value.(*cached)
	if k.seq != seq || k.term != term {
		return pictured{}, false
	}
	k.used = c.now()
	c.recent.MoveToFront(e)
	return k.pictured, true
}

func (c *photoCache) put(key pictureKey, seq, term int64, p pictured) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at == nil {
		c.at = make(map[pictureKey]*list.Element)
	}
	if e := c.at[key]; e != nil {
		c.drop(e)
	}
	c.at[key] = c.recent.PushFront(&cached{key, seq, term, c.now(), p})
	c.bytes += len(p.pictures)
	for old := c.recent.Back(); old != nil && (c.bytes > cachedBytes || c.now().Sub(old.Value.(*cached).used) > cachedFor); old = c.recent.Back() {
		c.drop(old)
	}
}

func (c *photoCache) drop(e *list.Element) {
	k := c.recent.Remove(e).(*cached)
	delete(c.at, k.key)
	c.bytes -= len(k.pictures)
}

// forget forgets what has changed.
func (c *photoCache) forget(changes []change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.at) == 0 {
		return
	}
	changed := make(map[string]bool, len(changes))
	for _, ch := range changes {
		changed[ch.id] = true
	}
	for key, e := range c.at {
		if changed[key.id] {
			c.drop(e)
		}
	}
}

// clear forgets all, as what was erased is not to stay in memory.
func (c *photoCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.at)
	c.recent.Init()
	c.bytes = 0
}

// remembered is how long counts of words are believed.
const remembered = time.Minute

// wordCounts remember how many documents of a class have a word. The zero value knows none.
type wordCounts struct {
	now   func() time.Time
	mu    sync.Mutex
	of    map[string]map[uint32]int
	since time.Time
}

// get gives the counts that are known, and the words whose are not.
func (c *wordCounts) get(class string, words []uint32) (n map[uint32]int, unknown []uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now().Sub(c.since) > remembered {
		clear(c.of)
	}
	n = make(map[uint32]int, len(words))
	for _, w := range words {
		if known, ok := c.of[class][w]; ok {
			n[w] = known
		} else {
			unknown = append(unknown, w)
		}
	}
	return n, unknown
}

func (c *wordCounts) put(class string, words []uint32, n map[uint32]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.of) == 0 { // how old the oldest is
		c.of, c.since = make(map[string]map[uint32]int), c.now()
	}
	if c.of[class] == nil {
		c.of[class] = make(map[uint32]int)
	}
	for _, w := range words {
		c.of[class][w] = n[w]
	}
}

func (c *wordCounts) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.of)
}

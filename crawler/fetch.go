package crawler

// Fetcher is what a Reader fetches through during one run. It is for one
// goroutine.
type Fetcher struct{}

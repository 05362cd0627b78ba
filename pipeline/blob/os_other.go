//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package blob

import "os"

// openLock has no lock to ask where the system has no flock. It leaves leftovers alone,
// since they may be another process's work in progress.
func openLock(path string, _ func() error) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}

// private cannot be read from a mode where access is by lists.
func private(os.FileInfo) bool { return true }

//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package blob

import (
	"errors"
	"os"
	"syscall"
)

// openLock opens the lock file at path and holds it shared with other processes until it
// is closed or the process ends, however it ends. If no other process holds it, it first
// runs alone, while no other can open it.
func openLock(path string, alone func() error) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		err = alone()
	} else if errors.Is(err, syscall.EWOULDBLOCK) {
		err = nil
	}
	if err == nil {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// private tells whether nobody but the owner may read or write the file.
func private(info os.FileInfo) bool { return info.Mode().Perm()&0o077 == 0 }

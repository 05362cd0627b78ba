package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
)

// Files keeps each blob as one file, two folders deep by the first two characters of
// its key (1,296 folders in all). It syncs file and folder before it says that a blob
// is stored or gone. Several processes may have one folder open.
type Files struct {
	dir  string
	lock *os.File // shared while open, so that who opens knows whether it is alone

	mu      sync.Mutex
	folders map[string]bool // known to be on disk
}

const (
	tempDir  = "tmp"
	lockFile = "lock"
)

// OpenFiles opens the store in dir, creating the folder with mode 0700 if need be. If no
// other process has it open, it removes what a killed one left half written.
func OpenFiles(dir string) (*Files, error) {
	if err := os.MkdirAll(filepath.Join(dir, tempDir), 0o700); err != nil {
		return nil, fmt.Errorf("open blob folder: %w", err)
	}
	lock, err := openLock(filepath.Join(dir, lockFile), func() error {
		return emptyFolder(filepath.Join(dir, tempDir))
	})
	if err != nil {
		return nil, fmt.Errorf("open blob folder: %w", err)
	}
	return &Files{dir: dir, lock: lock, folders: map[string]bool{}}, nil
}

// Close lets another process that opens the folder see that this one is gone.
func (f *Files) Close() error { return f.lock.Close() }

func (f *Files) path(key string) string {
	return filepath.Join(f.dir, key[:1], key[1:2], key)
}

// Put implements [Store].
func (f *Files) Put(ctx context.Context, key string, r io.Reader) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := f.put(ctx, key, r); err != nil {
		return fmt.Errorf("put blob %s: %w", key, err)
	}
	return nil
}

func (f *Files) put(ctx context.Context, key string, r io.Reader) error {
	if err := f.makeFolder(key); err != nil {
		return err
	}
	return writeFile(filepath.Join(f.dir, tempDir), f.path(key), contextReader{ctx, r})
}

// makeFolder makes the key's folder and waits until it is on disk: a file synced into a
// folder that is not there after a power cut is lost.
func (f *Files) makeFolder(key string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.folders[key[:2]] {
		return nil
	}
	leaf := filepath.Dir(f.path(key))
	if err := os.MkdirAll(leaf, 0o700); err != nil {
		return err
	}
	if err := errors.Join(syncFolder(filepath.Dir(leaf)), syncFolder(f.dir)); err != nil {
		return err
	}
	f.folders[key[:2]] = true
	return nil
}

// Open implements [Store].
func (f *Files) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	file, err := os.Open(f.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open blob %s: %w", key, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("open blob %s: %w", key, err)
	}
	return file, nil
}

// Delete implements [Store].
func (f *Files) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err := os.Remove(f.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = syncFolder(filepath.Dir(f.path(key)))
	}
	if err != nil {
		return fmt.Errorf("delete blob %s: %w", key, err)
	}
	return nil
}

// List implements [Store]. It holds the names of one folder at a time.
func (f *Files) List(ctx context.Context, fn func(key string) error) error {
	return filepath.WalkDir(f.dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return fmt.Errorf("list blobs: %w", err)
		case d.IsDir() && path == filepath.Join(f.dir, tempDir):
			return fs.SkipDir
		case d.IsDir() || checkKey(d.Name()) != nil || path != f.path(d.Name()):
			return nil
		}
		return fn(d.Name())
	})
}

func emptyFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}

// syncFolder makes names made, moved or removed in dir survive a power cut.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // NTFS logs names itself and refuses to sync a folder
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// writeFile writes what r gives to path, whole and durable or not at all, by way of a
// temporary name in tempDir, which is on the same file system. The file's mode is 0600.
func writeFile(tempDir, path string, r io.Reader) error {
	temp, err := os.CreateTemp(tempDir, filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(temp, r)
	if err == nil {
		err = temp.Sync()
	}
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return syncFolder(filepath.Dir(path))
}

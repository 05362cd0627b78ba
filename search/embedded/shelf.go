package embedded

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"xunqin/search"
)

// A Shelf keeps generations in one folder. The first is the file at Path, later ones have a name of their own beside it. Which of
// them answers stands in a small file, Path with the ending .json, that is exchanged as a whole.
type Shelf struct {
	Path string // such as data/index.db
}

var _ search.Shelf = Shelf{}

// entry is a generation in the list; all that belongs to it begins with the name of its file.
type entry struct {
	File  string    `json:"file"`
	Began time.Time `json:"began,omitzero"`
	From  int64     `json:"from,omitempty"`
}

// list is what the small file says.
type list struct {
	Format  int    `json:"format"`
	Current entry  `json:"current"`
	Old     *entry `json:"old,omitempty"`
	Next    *entry `json:"next,omitempty"`
}

const listFormat = 1

func (s Shelf) dir() string  { return filepath.Dir(s.Path) }
func (s Shelf) base() string { return filepath.Base(s.Path) }

// listFile is index.json of index.db.
func (s Shelf) listFile() string { return strings.TrimSuffix(s.Path, filepath.Ext(s.Path)) + ".json" }

// own reports whether a generation may have a name: the list is not to lead out of the folder.
func (s Shelf) own(name string) bool {
	ext := filepath.Ext(s.Path)
	rest, ok := strings.CutPrefix(name, strings.TrimSuffix(s.base(), ext)+"-")
	return name == s.base() || ok && strings.HasSuffix(rest, ext) && name == filepath.Base(name)
}

func (s Shelf) read() (list, error) {
	l := list{Format: listFormat, Current: entry{File: s.base()}}
	b, err := os.ReadFile(s.listFile())
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return l, err
	}
	if err := json.Unmarshal(b, &l); err != nil {
		return l, fmt.Errorf("%s: %w", s.listFile(), err)
	}
	if l.Format > listFormat {
		return l, fmt.Errorf("%s: %w", s.listFile(), ErrNewer)
	}
	for _, e := range []*entry{&l.Current, l.Old, l.Next} {
		if e != nil && !s.own(e.File) {
			return l, fmt.Errorf("%s: %q is no search index", s.listFile(), e.File)
		}
	}
	return l, nil
}

// write exchanges the list: whoever reads it, also after a power failure, sees it as it was or as it is.
func (s Shelf) write(l list) (err error) {
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	part := s.listFile() + ".part"
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if err := os.Rename(part, s.listFile()); err != nil {
		return err
	}
	return syncDir(s.dir())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Engine implements search.Shelf.
func (s Shelf) Engine() string { return "embedded" }

// Generations implements search.Shelf. A current generation that no file holds yet is none.
func (s Shelf) Generations(context.Context) (search.Generations, error) {
	l, err := s.read()
	if err != nil {
		return search.Generations{}, fmt.Errorf("search index: %w", err)
	}
	var g search.Generations
	for _, at := range []struct {
		to   *search.Generation
		from *entry
	}{{&g.Current, &l.Current}, {&g.Old, l.Old}, {&g.Next, l.Next}} {
		if at.from != nil {
			*at.to = search.Generation{Name: at.from.File, Began: at.from.Began, From: at.from.From}
		}
	}
	if _, err := os.Stat(s.file(l.Current)); errors.Is(err, fs.ErrNotExist) {
		g.Current = search.Generation{}
	}
	return g, nil
}

func (s Shelf) file(e entry) string { return filepath.Join(s.dir(), e.File) }

// Open implements search.Shelf.
func (s Shelf) Open(ctx context.Context, name string) (search.Index, error) {
	if name == "" {
		l, err := s.read()
		if err != nil {
			return nil, fmt.Errorf("search index: %w", err)
		}
		name = l.Current.File
	} else if _, err := os.Stat(filepath.Join(s.dir(), name)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("search index: %w: %w", search.ErrRebuild, err)
	}
	x, err := Open(ctx, filepath.Join(s.dir(), name))
	if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrOutdated) {
		return nil, fmt.Errorf("%w: %w", search.ErrRebuild, err)
	}
	if err != nil { // not a nil pointer in an interface
		return nil, err
	}
	return x, nil
}

// Begin implements search.Shelf.
func (s Shelf) Begin(ctx context.Context, now time.Time, from int64) error {
	l, err := s.read()
	if err != nil {
		return fmt.Errorf("begin search index: %w", err)
	}
	ext := filepath.Ext(s.Path)
	l.Next = &entry{File: strings.TrimSuffix(s.base(), ext) + "-" + strings.ToLower(rand.Text()[:8]) + ext, Began: now.UTC(), From: from}
	if err := s.write(l); err != nil { // listed first: a file that is not is litter
		return fmt.Errorf("begin search index: %w", err)
	}
	if err := s.Tidy(ctx); err != nil {
		return err
	}
	x, err := Open(ctx, s.file(*l.Next))
	if err != nil {
		return err
	}
	return x.Close()
}

// Promote implements search.Shelf. Answers come from next.
func (s Shelf) Promote(ctx context.Context, next search.Index) (search.Index, error) {
	return next, s.exchange(ctx, func(l *list) error {
		if l.Next == nil {
			return errors.New("no search index is being built")
		}
		was := l.Current
		l.Current, l.Old, l.Next = *l.Next, &was, nil
		return nil
	})
}

// Back implements search.Shelf. Answers come from old.
func (s Shelf) Back(ctx context.Context, old search.Index) (search.Index, error) {
	return old, s.exchange(ctx, func(l *list) error {
		if l.Old == nil {
			return errors.New("no search index is kept")
		}
		was := l.Current
		l.Current, l.Old = *l.Old, &was
		return nil
	})
}

// exchange changes the list, then deletes what it names no longer.
func (s Shelf) exchange(ctx context.Context, change func(*list) error) error {
	l, err := s.read()
	if err == nil {
		err = change(&l)
	}
	if err == nil {
		err = s.write(l)
	}
	if err != nil {
		return fmt.Errorf("exchange search index: %w", err)
	}
	_ = s.Tidy(ctx) // it is exchanged; the next one deletes what this could not
	return nil
}

// Drop implements search.Shelf. Of the current generation it deletes the files alone: the next Open makes them anew.
func (s Shelf) Drop(ctx context.Context, name string) error {
	l, err := s.read()
	if err != nil {
		return fmt.Errorf("drop search index: %w", err)
	}
	switch {
	case l.Old != nil && l.Old.File == name:
		l.Old = nil
	case l.Next != nil && l.Next.File == name:
		l.Next = nil
	case l.Current.File == name:
		l.Current.Began, l.Current.From = time.Time{}, 0
		if err := s.remove(func(file string) bool { return file == name }); err != nil {
			return err
		}
	default:
		return nil
	}
	if err := s.write(l); err != nil {
		return fmt.Errorf("drop search index: %w", err)
	}
	return s.Tidy(ctx)
}

// Tidy implements search.Shelf. It deletes the files of generations that the list does not name: what a process left that was
// killed while it dropped one.
func (s Shelf) Tidy(context.Context) error {
	l, err := s.read()
	if err != nil {
		return fmt.Errorf("tidy search index: %w", err)
	}
	return s.remove(func(file string) bool {
		return file != l.Current.File && (l.Old == nil || file != l.Old.File) && (l.Next == nil || file != l.Next.File)
	})
}

// remove deletes all files of the generations that are named by their main one.
func (s Shelf) remove(gone func(file string) bool) error {
	entries, err := os.ReadDir(s.dir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("tidy search index: %w", err)
	}
	ext := filepath.Ext(s.Path)
	for _, e := range entries {
		i := strings.Index(e.Name(), ext)
		if i < 0 || e.IsDir() {
			continue
		}
		if file := e.Name()[:i+len(ext)]; s.own(file) && gone(file) {
			if err := os.Remove(filepath.Join(s.dir(), e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("tidy search index: %w", err)
			}
		}
	}
	return nil
}

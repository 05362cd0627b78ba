package exam

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"os"

	"xunqin/pipeline/photo"
	"xunqin/search"
)

// A store is a file of what is kept of photos for good, one after the other, read one at a time: a hundred thousand take a
// gigabyte of disk and a megabyte of memory. One that was cut off in the middle of a photo ends before it.
type store struct {
	f     *os.File
	w     *bufio.Writer
	start []int64 // where each photo begins, and where the next would
}

// openStore opens or makes a store; of says what it is made from, and a store made from something else is begun anew.
func openStore(path, of string) (*store, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	s := &store{f: f, start: []int64{int64(len(of))}}
	if err := s.find(of); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	s.w = bufio.NewWriterSize(f, 1<<20)
	return s, nil
}

// find finds where photos begin and cuts off what is none.
func (s *store) find(of string) error {
	info, err := s.f.Stat()
	if err != nil {
		return err
	}
	head := make([]byte, len(of))
	if n, err := s.f.ReadAt(head, 0); string(head[:n]) != of {
		if err != nil && err != io.EOF {
			return err
		}
		if _, err := s.f.WriteAt([]byte(of), 0); err != nil {
			return err
		}
		info = nil
	}
	var size [4]byte
	for info != nil {
		at := s.start[len(s.start)-1]
		if _, err := s.f.ReadAt(size[:], at); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		next := at + 4 + int64(binary.LittleEndian.Uint32(size[:]))
		if next > info.Size() {
			break
		}
		s.start = append(s.start, next)
	}
	end := s.start[len(s.start)-1]
	if err := s.f.Truncate(end); err != nil {
		return err
	}
	_, err = s.f.Seek(end, io.SeekStart)
	return err
}

func (s *store) close() error { return errors.Join(s.w.Flush(), s.f.Close()) }

func (s *store) len() int { return len(s.start) - 1 }

// add appends a photo and returns its number.
func (s *store) add(p photo.Photo) (int, error) {
	b := make([]byte, 4, 16<<10)
	b = append(b, p.SHA256[:]...)
	for _, v := range []int{p.Width, p.Height, len(p.Fingerprints)} {
		b = binary.AppendUvarint(b, uint64(v))
	}
	part := func(b []byte, data []byte) []byte {
		return append(binary.AppendUvarint(b, uint64(len(data))), data...)
	}
	for _, f := range p.Fingerprints {
		b = part(part(b, []byte(f.Algo)), f.Bits)
		for _, v := range []int{f.Part.Min.X, f.Part.Min.Y, f.Part.Max.X, f.Part.Max.Y} {
			b = binary.AppendUvarint(b, uint64(v))
		}
	}
	features, err := p.Features.MarshalBinary()
	if err != nil {
		return 0, err
	}
	b = part(part(b, features), p.Grey)
	binary.LittleEndian.PutUint32(b, uint32(len(b)-4))
	if _, err := s.w.Write(b); err != nil {
		return 0, err
	}
	s.start = append(s.start, s.start[len(s.start)-1]+int64(len(b)))
	return s.len() - 1, nil
}

// photo reads a photo: hash, sizes, fingerprints, features and the small grey picture.
func (s *store) photo(number int) (p photo.Photo, err error) {
	if s.w.Buffered() > 0 {
		if err := s.w.Flush(); err != nil {
			return p, err
		}
	}
	b := make([]byte, s.start[number+1]-s.start[number]-4)
	if _, err := s.f.ReadAt(b, s.start[number]+4); err != nil {
		return p, err
	}
	damaged := false
	count := func() int {
		v, n := binary.Uvarint(b)
		if n <= 0 || v > 1<<31 {
			damaged = true
			return 0
		}
		b = b[n:]
		return int(v)
	}
	part := func() []byte {
		n := count()
		if n > len(b) {
			damaged = true
			return nil
		}
		data := b[:n:n]
		b = b[n:]
		return data
	}
	b = b[copy(p.SHA256[:], b):]
	p.Width, p.Height = count(), count()
	for range min(count(), 64) {
		f := search.Fingerprint{Algo: string(part()), Bits: part()}
		f.Part = image.Rectangle{Min: image.Pt(count(), count()), Max: image.Pt(count(), count())}
		p.Fingerprints = append(p.Fingerprints, f)
	}
	err = p.Features.UnmarshalBinary(part())
	p.Grey = part()
	if err != nil || damaged {
		return p, fmt.Errorf("%s: photo %d is damaged", s.f.Name(), number)
	}
	return p, nil
}

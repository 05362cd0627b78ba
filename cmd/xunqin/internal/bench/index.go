package bench

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"xunqin/pipeline/photo"
	"xunqin/search/hamming"
)

// IndexOptions say what Index measures.
type IndexOptions struct {
	N         int  // fingerprints
	Bits      int  // 64 or 256
	Clustered bool // one in twenty is a near copy of one of 50
	// Python is an interpreter that knows faiss, and Script deploy/bench/faiss_hamming.py; without them faiss is not measured.
	Python, Script string
}

// IndexCase is what a search among N fingerprints takes; all the times of a case are of the same queries, in turn.
type IndexCase struct {
	N         int     `json:"n"`
	Bits      int     `json:"bits"`
	Clustered bool    `json:"clustered"`
	Radius    int     `json:"radius"`
	MS        float64 `json:"ms"`     // a query: the median of five runs of all queries
	Recall    float64 `json:"recall"` // of what a plain scan finds
	BytesEach float64 `json:"bytes_each"`
	LoadS     float64 `json:"load_s"` // from fingerprints in memory to the first search
	// InsertPerS is how many are added in a second while another goroutine searches and a third settles.
	InsertPerS float64  `json:"insert_per_s"`
	Scan       float64  `json:"scan_ms"` // a plain loop over all, in the same run
	Flat       *float64 `json:"faiss_flat_ms"`
	MultiHash  *float64 `json:"faiss_multihash_ms"` // nil also but for the first radius, the largest it answers in tens of milliseconds
}

// Print writes c on a line.
func (c IndexCase) Print(w io.Writer) {
	fmt.Fprintf(w, "%d of %d bits within %d: %.3f ms, recall %.4f, %.0f bytes each, loaded in %.2f s, %.0f inserts a second; scan %.3f ms", c.N, c.Bits, c.Radius, c.MS, c.Recall, c.BytesEach, c.LoadS, c.InsertPerS, c.Scan)
	if c.Flat != nil {
		fmt.Fprintf(w, "; faiss Flat %.3f ms", *c.Flat)
	}
	if c.MultiHash != nil {
		fmt.Fprintf(w, ", MultiHash %.3f ms", *c.MultiHash)
	}
	fmt.Fprintln(w)
}

const indexRuns, indexQueries = 5, 20

// Index measures the search of fingerprints near one, as the embedded index does it in memory, at each radius that photos are
// compared with and at those that others are measured at, and calls done with each. Queries are stored fingerprints with as
// many bits changed as the radius.
func Index(ctx context.Context, o IndexOptions, done func(IndexCase) error) (err error) {
	r := rand.New(rand.NewPCG(1, 2))
	words := o.Bits / 64
	ids, codes := make([]int64, o.N), make([]uint64, o.N*words)
	for i := range ids {
		ids[i] = int64(i)
	}
	for i := range codes {
		codes[i] = r.Uint64()
	}
	flip := func(code []uint64, n int) {
		for _, bit := range r.Perm(o.Bits)[:n] {
			code[bit/64] ^= 1 << (bit % 64)
		}
	}
	if o.Clustered {
		for i := range o.N / 20 {
			code := codes[r.IntN(o.N)*words:][:words]
			copy(code, codes[i%50*words:][:words])
			flip(code, r.IntN(o.Bits/8))
		}
	}
	var queries []uint64 // the same for all radii but for the bits changed
	for range indexQueries {
		queries = append(queries, codes[r.IntN(o.N)*words:][:words]...)
	}
	plain := slices.Clone(codes)
	runtime.GC()
	start := time.Now()
	s := hamming.Of(o.Bits/8, ids, codes)
	c := IndexCase{N: o.N, Bits: o.Bits, Clustered: o.Clustered, LoadS: time.Since(start).Seconds(), BytesEach: float64(s.Bytes()) / float64(o.N)}
	dir, err := os.MkdirTemp("", "xunqin-bench-")
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	stored := filepath.Join(dir, "codes")
	if err := writeWords(stored, plain); err != nil {
		return err
	}
	radii := []int{10, photo.PerceptionRadius}
	if o.Bits == 256 {
		radii = []int{31, photo.TransformRadius, 60}
	}
	var cases []IndexCase
	for i, radius := range radii {
		c.Radius = radius
		asked := slices.Clone(queries)
		for q := range slices.Chunk(asked, words) {
			flip(q, c.Radius)
		}
		file := filepath.Join(dir, strconv.Itoa(c.Radius))
		if err := writeWords(file, asked); err != nil {
			return err
		}
		if err := c.measure(ctx, o, s, plain, asked, i == 0, stored, file); err != nil {
			return err
		}
		cases = append(cases, c)
	}
	perSecond, err := inserts(o, s, plain) // last, as the set is another after it
	if err != nil {
		return err
	}
	for _, c := range cases {
		c.InsertPerS = perSecond
		if err := done(c); err != nil {
			return err
		}
	}
	return nil
}

func (c *IndexCase) measure(ctx context.Context, o IndexOptions, s *hamming.Set, plain, queries []uint64, multiHash bool, stored, asked string) error {
	f, err := startFaiss(ctx, o, stored, asked)
	if err != nil {
		return err
	}
	defer f.close()
	words := o.Bits / 64
	var ours, scans, flat, multi []float64
	for range indexRuns + 1 { // the first one fills caches, and counts for nothing
		found, all := 0, 0
		var ids []int64
		start := time.Now()
		for q := range slices.Chunk(queries, words) {
			ids = s.Near(ids[:0], bytesOf(q), c.Radius)
			found += len(ids)
		}
		ours = append(ours, milliseconds(start))
		start = time.Now()
		for q := range slices.Chunk(queries, words) {
			all += scan(plain, q, c.Radius)
		}
		scans = append(scans, milliseconds(start))
		if c.Recall = float64(found) / float64(all); found > all {
			return fmt.Errorf("bench: found %d of %d", found, all)
		}
		if f == nil {
			continue
		}
		ms, err := f.ask("flat", c.Radius, all)
		if err != nil {
			return err
		}
		flat = append(flat, ms)
		if !multiHash {
			continue
		}
		if ms, err = f.ask("multihash", c.Radius, all); err != nil {
			return err
		}
		multi = append(multi, ms)
	}
	c.MS, c.Scan = *middle(ours), *middle(scans)
	c.Flat, c.MultiHash = middle(flat), middle(multi)
	return nil
}

func milliseconds(since time.Time) float64 {
	return float64(time.Since(since).Nanoseconds()) / 1e6 / indexQueries
}

// middle is the median of all but the first, nil of none.
func middle(of []float64) *float64 {
	if len(of) < 2 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(of[1:]))
	return &sorted[len(sorted)/2]
}

// scan counts the fingerprints near one.
func scan(codes, q []uint64, radius int) (n int) {
	if len(q) == 1 {
		for _, w := range codes {
			if bits.OnesCount64(w^q[0]) <= radius {
				n++
			}
		}
		return n
	}
	for q0, q1, q2, q3 := q[0], q[1], q[2], q[3]; len(codes) >= 4; codes = codes[4:] {
		if bits.OnesCount64(codes[0]^q0)+bits.OnesCount64(codes[1]^q1)+bits.OnesCount64(codes[2]^q2)+bits.OnesCount64(codes[3]^q3) <= radius {
			n++
		}
	}
	return n
}

// inserts adds fingerprints to a set that has all of codes, with searches and Settle going on.
func inserts(o IndexOptions, s *hamming.Set, codes []uint64) (perSecond float64, err error) {
	words := o.Bits / 64
	n := min(o.N, 1_000_000)
	stop := make(chan struct{})
	var others sync.WaitGroup
	repeat := func(do func()) {
		others.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					do()
				}
			}
		})
	}
	r := rand.New(rand.NewPCG(3, 4))
	var found []int64
	repeat(func() { found = s.Near(found[:0], bytesOf(codes[r.IntN(o.N)*words:][:words]), o.Bits/8-1) })
	repeat(s.Settle)
	start := time.Now()
	code := make([]uint64, words)
	for i := range n {
		for k := range code {
			code[k] = codes[i*words+k] ^ 0x9e3779b97f4a7c15*uint64(i+1)
		}
		s.Add(int64(o.N+i), bytesOf(code))
	}
	perSecond = float64(n) / time.Since(start).Seconds()
	close(stop)
	others.Wait()
	if s.Len() != o.N+n {
		return 0, fmt.Errorf("bench: %d fingerprints of %d", s.Len(), o.N+n)
	}
	return perSecond, nil
}

func bytesOf(code []uint64) []byte {
	b := make([]byte, 0, 32)
	for _, w := range code {
		b = binary.BigEndian.AppendUint64(b, w)
	}
	return b
}

func writeWords(name string, words []uint64) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	var b [8]byte
	for _, word := range words {
		binary.BigEndian.PutUint64(b[:], word)
		if _, err := w.Write(b[:]); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
	}
	return w.Flush()
}

// faiss is the script at work; nil where there is none.
type faiss struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

func startFaiss(ctx context.Context, o IndexOptions, stored, asked string) (*faiss, error) {
	if o.Python == "" {
		return nil, nil
	}
	f := &faiss{cmd: exec.CommandContext(ctx, o.Python, o.Script, stored, asked, strconv.Itoa(o.Bits))}
	in, err := f.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	out, err := f.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	if err := f.cmd.Start(); err != nil {
		return nil, nil // no such interpreter
	}
	f.in, f.out = in, json.NewDecoder(out)
	var hello struct{ Faiss string }
	if err := f.out.Decode(&hello); err != nil { // it does not know faiss
		f.close()
		return nil, nil
	}
	return f, nil
}

// ask has all queries answered, and is an error if not so many were found.
func (f *faiss) ask(index string, radius, want int) (ms float64, err error) {
	if _, err := fmt.Fprintln(f.in, index, radius); err != nil {
		return 0, fmt.Errorf("bench: faiss: %w", err)
	}
	var answer struct {
		MS   float64
		Hits int
	}
	if err := f.out.Decode(&answer); err != nil {
		return 0, fmt.Errorf("bench: faiss: %w", err)
	}
	if answer.Hits != want {
		return 0, fmt.Errorf("bench: faiss %s finds %d within %d, a scan %d", index, answer.Hits, radius, want)
	}
	return answer.MS, nil
}

func (f *faiss) close() {
	if f == nil {
		return
	}
	_ = f.in.Close() // it ends with its input
	_ = f.cmd.Wait() // what it measured was taken
}

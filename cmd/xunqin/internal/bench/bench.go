// Package bench measures the program as a whole on invented data: what it does in a second, and how that compares with the
// plainest way to do the same work, timed in the same run on the same machine. Absolute figures depend on the machine; the
// ratios hardly do. It measures and does not judge.
package bench

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"xunqin/cmd/xunqin/internal/app"
	"xunqin/crawler"
	"xunqin/pipeline/record"
)

// Machine is what the figures were measured on.
type Machine struct {
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"` // that the program may use
	Go    string `json:"go"`
	OS    string `json:"os"`
}

// Result is one measurement.
type Result struct {
	Bench   string   `json:"bench"`
	What    string   `json:"what"`
	Figures []Figure `json:"figures"`
	// Baseline names what the first figure was divided by for Ratio; or the other way around where more is better, so that a
	// ratio of 1 is as good as the baseline and more is worse.
	Baseline string  `json:"baseline"`
	Base     Figure  `json:"base"`
	Ratio    float64 `json:"ratio"`
	Goal     string  `json:"goal"`
}

// Figure is a measured number.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// A Benchmark measures at the given size: pages, posts, seconds, hashes or times; 0 is the size its goal is set for.
type Benchmark struct {
	Name string
	Run  func(ctx context.Context, size int) ([]Result, error)
}

// All are the benchmarks.
func All() []Benchmark {
	return []Benchmark{{"accept", Accept}, {"decode", Decode}, {"intake", Intake}, {"latency", Latency}, {"hamming", Hamming}}
}

// ThisMachine describes the machine.
func ThisMachine() Machine {
	m := Machine{CPU: "unknown", Cores: runtime.GOMAXPROCS(0), Go: runtime.Version(), OS: runtime.GOOS + "/" + runtime.GOARCH}
	if v := procField("/proc/cpuinfo", "model name"); v != "" {
		m.CPU = v
	}
	return m
}

// procField reads a line "name : value" of a file of the kernel; empty where there is none.
func procField(file, name string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		if key, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// peakMemory is the greatest resident size of the process since the last call of forgetPeak, in MiB; 0 where the system does
// not say.
func peakMemory() float64 {
	n, err := strconv.ParseFloat(strings.TrimSuffix(procField("/proc/self/status", "VmHWM"), " kB"), 64)
	if err != nil {
		return 0
	}
	return n / 1024
}

func forgetPeak() {
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // elsewhere than on Linux there is nothing to forget
}

// times are durations of one thing done many times.
type times []time.Duration

func (t times) percentile(p float64) float64 {
	if len(t) == 0 {
		return 0
	}
	s := slices.Clone(t)
	slices.Sort(s)
	return float64(s[min(len(s)-1, int(p*float64(len(s))))].Microseconds()) / 1000
}

// install is the program on a temporary folder, with a site of its own on loopback.
type install struct {
	*app.App
	dir    string
	server *http.Server
	url    string
	user   string
}

func newInstall(ctx context.Context, site http.Handler) (_ *install, err error) {
	in := &install{}
	if in.dir, err = os.MkdirTemp("", "xunqin-bench-"); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, in.close())
		}
	}()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	in.url = "http://" + l.Addr().String()
	in.server = &http.Server{Handler: site, ReadHeaderTimeout: 10 * time.Second}
	go in.server.Serve(l) // ends with close
	o := app.Options{Data: filepath.Join(in.dir, "data"), Keys: filepath.Join(in.dir, "keys"), AllowCIDRs: []string{"127.0.0.0/8"}, AllowPorts: []uint16{uint16(l.Addr().(*net.TCPAddr).Port)}}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if in.App, err = app.New(ctx, o, log); err != nil {
		return nil, err
	}
	in.Pipeline.LeastEvery = time.Second
	err = in.Records.Tx(ctx, func(tx *sql.Tx) error {
		in.user, err = in.Records.AddUser(ctx, tx, record.User{Name: "bench", Password: "none", Roles: []record.Role{record.Admin}})
		return err
	})
	return in, err
}

func (in *install) close() error {
	var errs []error
	if in.App != nil {
		errs = append(errs, in.App.Close())
	}
	if in.server != nil {
		errs = append(errs, in.server.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(in.dir))...)
}

// source adds an enabled source that is read without pause.
func (in *install) source(ctx context.Context, reader, cron string, config map[string]any) (record.Source, error) {
	raw, err := json.Marshal(config)
	if err != nil {
		return record.Source{}, err
	}
	src := record.Source{Name: "bench", Reader: reader, Config: raw, Cron: cron, TimeZone: "UTC", Purpose: "bench", Basis: "invented", ApprovedBy: in.user, ReviewAt: in.Now().AddDate(0, 1, 0),
		Rate: crawler.Rate{Every: crawler.NoPause, Parallel: 2 * runtime.GOMAXPROCS(0)}}
	if err := in.Enable(&src); err != nil {
		return src, err
	}
	err = in.Records.Tx(ctx, func(tx *sql.Tx) error {
		src.ID, err = in.Records.AddSource(ctx, tx, src)
		return err
	})
	return src, err
}

// WriteTo writes results as text.
func WriteTo(w io.Writer, m Machine, results []Result) {
	fmt.Fprintf(w, "%s, %d cores, %s, %s\n", m.CPU, m.Cores, m.Go, m.OS)
	for _, r := range results {
		fmt.Fprintf(w, "\n%s: %s\n", r.Bench, r.What)
		for _, f := range append(slices.Clone(r.Figures), r.Base) {
			fmt.Fprintf(w, "  %-28s %10.2f %s\n", f.Name, f.Value, f.Unit)
		}
		fmt.Fprintf(w, "  %-28s %10.2f (to %s)\n", "ratio", r.Ratio, r.Baseline)
		if r.Goal != "" {
			fmt.Fprintf(w, "  goal: %s\n", r.Goal)
		}
	}
}

package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"xunqin/cmd/xunqin/internal/app"
	"xunqin/cmd/xunqin/internal/locale"
)

// call is a command line handed to the server that holds the data folder.
type call struct {
	Args     []string
	Dir      string
	Lang     string
	Terminal bool
}

// piece is a part of the answer: output of one of the two streams, or the end with its status.
type piece struct {
	Out, Err []byte `json:",omitempty"`
	End      bool   `json:",omitempty"`
	Status   int    `json:",omitempty"`
}

// socket is where a data folder's server answers commands. The system allows about a hundred bytes for its name, so for a
// deep folder it lies in a folder of its own among the temporary ones, named by the data folder.
func socket(o app.Options) (string, error) {
	data, err := filepath.Abs(o.Data)
	if err != nil {
		return "", err
	}
	path := filepath.Join(data, "xunqin.sock")
	if len(path) < 100 {
		return path, nil
	}
	sum := sha256.Sum256([]byte(data))
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("xunqin-%x", sum[:8]))
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("socket: %w", err)
	}
	// Anybody may have made it before: who could enter it could command the server.
	st, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("socket: %w", err)
	}
	if own, ok := st.Sys().(*syscall.Stat_t); !ok || !st.IsDir() || st.Mode().Perm() != 0o700 || int(own.Uid) != os.Geteuid() {
		return "", fmt.Errorf("socket: %s is not this user's alone", dir)
	}
	return filepath.Join(dir, "xunqin.sock"), nil
}

// forward has a command carried out by the server that holds the data folder. The socket lies in a folder that only its owner
// can enter.
func forward(ctx context.Context, e *Env, o app.Options, args []string) error {
	body, err := json.Marshal(call{Args: args, Dir: e.Dir, Lang: e.Lang, Terminal: e.Terminal})
	if err != nil {
		return err
	}
	path, err := socket(o)
	if err != nil {
		return err
	}
	var d net.Dialer
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "unix", path) }}}
	req, err := http.NewRequestWithContext(ctx, "POST", "http://socket/command", bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("%w, and it does not answer: %w", app.ErrInUse, err)
	}
	defer resp.Body.Close()
	dec := json.NewDecoder(resp.Body)
	for {
		var p piece
		if err := dec.Decode(&p); err != nil {
			return fmt.Errorf("the server broke off: %w", err)
		}
		if _, err := e.Stdout.Write(p.Out); err != nil {
			return err
		}
		if _, err := e.Stderr.Write(p.Err); err != nil {
			return err
		}
		if p.End {
			if p.Status != 0 {
				return exitStatus(p.Status)
			}
			return nil
		}
	}
}

// listen answers commands on the data folder's socket until ctx ends.
func listen(ctx context.Context, a *app.App, texts *locale.Catalog, log *slog.Logger) error {
	path, err := socket(a.Options)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) { // of a process that was killed
		return fmt.Errorf("socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(fmt.Errorf("socket: %w", err), l.Close())
	}
	srv := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var c call
		if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&c); err != nil {
			http.Error(w, "not a command", http.StatusBadRequest)
			return
		}
		answer := &stream{w: w}
		status := answerCall(r.Context(), a, texts, log, c, answer)
		answer.send(piece{End: true, Status: status})
	})}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("socket: %w", err)
	}
	return nil
}

func answerCall(ctx context.Context, a *app.App, texts *locale.Catalog, log *slog.Logger, c call, out *stream) int {
	e := &Env{Stdout: out.of(false), Stderr: out.of(true), Terminal: c.Terminal, Dir: c.Dir, Lang: c.Lang, Now: a.Now, texts: texts}
	_, selected, done, err := parse(e, c.Args)
	if done {
		return 0
	}
	e.Log = log
	cmd, ok := selected.(onData)
	if err == nil && !ok {
		err = app.ErrInUse
	}
	if err == nil {
		err = cmd.run(ctx, e, a)
	}
	if status := exitStatus(0); errors.As(err, &status) {
		return int(status)
	}
	if err != nil {
		fmt.Fprintln(e.Stderr, "xunqin:", e.explain(err))
		return 1
	}
	return 0
}

// stream sends both outputs of a command over one answer.
type stream struct {
	mu sync.Mutex
	w  http.ResponseWriter
}

func (s *stream) send(p piece) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := json.NewEncoder(s.w).Encode(p); err != nil {
		return err
	}
	return http.NewResponseController(s.w).Flush()
}

type half struct {
	s   *stream
	err bool
}

func (s *stream) of(err bool) io.Writer { return half{s, err} }

func (h half) Write(b []byte) (int, error) {
	p := piece{Out: b}
	if h.err {
		p = piece{Err: b}
	}
	return len(b), h.s.send(p)
}

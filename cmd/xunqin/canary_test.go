package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"io/fs"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// canaryPhoto is a picture of a megabyte or two with a word that stands nowhere else in its comment, and the byte strings by
// which it would be known on a disk.
func canaryPhoto(t *testing.T) (b []byte, marks map[string][]byte) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(3, 4))
	m := image.NewRGBA(image.Rect(0, 0, 1200, 900))
	for i := range m.Pix {
		m.Pix[i] = byte(rnd.Uint32()) | 0x0f
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	comment := "kingfishercanary"
	plain := out.Bytes()
	b = append([]byte{0xff, 0xd8, 0xff, 0xfe, 0, byte(len(comment) + 2)}, comment...)
	b = append(append(b, plain[2:]...), comment...)
	sum := sha256.Sum256(b)
	return b, map[string][]byte{"its comment": []byte("kingfisher"), "its first part": b[5000:5040], "its middle": b[len(b)/2 : len(b)/2+40], "its end": b[len(b)-60 : len(b)-20],
		"its hash": sum[:], "its hash in text": []byte(hex.EncodeToString(sum[:])), "its name": []byte("halcyon")}
}

// demoProcess is the program as people start it, in a folder of its own with all that it leaves on disk.
type demoProcess struct {
	*exec.Cmd
	dir, address, passphrase string
}

func crashingDemo(t *testing.T, more ...string) *demoProcess {
	t.Helper()
	dir, err := os.MkdirTemp("", "xq") // short: the name of a socket is bounded
	if err != nil {
		t.Fatal(err)
	}
	d := &demoProcess{Cmd: exec.Command("xunqin", append([]string{"serve", "--demo", "--listen", "127.0.0.1:0", "--log-level", "debug"}, more...)...), dir: dir}
	tmp := filepath.Join(d.dir, "tmp")
	if err := os.Mkdir(tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	d.Dir, d.Env = d.dir, append(os.Environ(), "TMPDIR="+tmp, "GOTRACEBACK=all", "LANG=en_US.UTF-8", "LC_ALL=", "XUNQIN_DATA=", "XUNQIN_KEYS=")
	stderr, err := os.Create(filepath.Join(d.dir, "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	d.Stderr = stderr
	out, err := d.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			b, err := os.ReadFile(stderr.Name())
			t.Logf("the demo said, %v:\n%s", err, b[:min(len(b), 4000)])
		}
		d.Process.Kill() // ended already, unless the test failed before
		d.Wait()
		stderr.Close()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	lines := bufio.NewScanner(out)
	address, volunteer := regexp.MustCompile(`http://127\.0\.0\.1:[0-9]+`), regexp.MustCompile(`demo-volunteer\s+(\S+)`)
	ready := make(chan struct{})
	go func() {
		said, err := os.Create(filepath.Join(d.dir, "stdout"))
		if err != nil {
			return
		}
		defer said.Close()
		for lines.Scan() {
			fmt.Fprintln(said, lines.Text())
			if d.address == "" {
				d.address = address.FindString(lines.Text())
			}
			if m := volunteer.FindStringSubmatch(lines.Text()); m != nil && d.passphrase == "" {
				d.passphrase = m[1]
				close(ready)
			}
		}
	}()
	select {
	case <-ready:
	case <-time.After(time.Minute):
		t.Fatal("the demo has not said its sign-ins in a minute")
	}
	return d
}

// photoForm is an upload of the picture as a browser sends it.
func photoForm(t *testing.T, photo []byte) (body []byte, kind string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("photo", "halcyon.jpg")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(photo); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), w.FormDataContentType()
}

func TestAQueryPictureIsNowhereOnDisk_S20(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the demo twice")
	}
	photo, marks := canaryPhoto(t)
	file := filepath.Join(t.TempDir(), "halcyon.jpg") // where the person has it, beside the program's folders
	if err := os.WriteFile(file, photo, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, end := range map[string]os.Signal{"killed": syscall.SIGKILL, "crashed with a dump": syscall.SIGQUIT} {
		t.Run(name, func(t *testing.T) {
			d := crashingDemo(t)
			jar, err := cookiejar.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			client := &http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			send := func(path, kind string, body io.Reader) (*http.Response, error) {
				req, err := http.NewRequest("POST", d.address+path, body)
				if err != nil {
					return nil, err
				}
				req.Header.Set("Content-Type", kind)
				req.Header.Set("Sec-Fetch-Site", "same-origin")
				return client.Do(req)
			}
			resp, err := client.Get(d.address + "/sign-in")
			if err != nil {
				t.Fatal(err)
			}
			page, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			form := url.Values{"name": {"demo-volunteer"}, "passphrase": {d.passphrase}}
			for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(string(page), -1) {
				form.Set(m[1], m[2])
			}
			resp, err = send("/sign-in", "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusSeeOther {
				t.Fatalf("sign in: %s", resp.Status)
			}

			// By the desk, and by a command that the server carries out.
			body, kind := photoForm(t, photo)
			resp, err = send("/search/photo", kind, bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			page, err = io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != http.StatusOK || bytes.Contains(page, []byte("halcyon")) {
				t.Fatalf("search at the desk: %s, %v", resp.Status, err)
			}
			data, err := filepath.Glob(filepath.Join(d.dir, "tmp", "xunqin-demo-*"))
			if err != nil || len(data) != 1 {
				t.Fatalf("data folders %v, %v", data, err)
			}
			command := exec.Command("xunqin", "--data", filepath.Join(data[0], "data"), "--keys", filepath.Join(data[0], "keys"), "search", "--photo", file, "--json")
			command.Dir, command.Env = d.dir, d.Env
			if out, err := command.CombinedOutput(); err != nil || !bytes.Contains(out, []byte(`"matchable"`)) {
				t.Fatalf("search by command: %s, %v", out, err)
			}

			// By a program.
			token := d.token(t, "demo-volunteer")
			req, err := http.NewRequest("POST", d.address+"/api/v1/search/photo", bytes.NewReader(photo))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "image/jpeg")
			req.Header.Set("Authorization", "Bearer "+token)
			resp, err = client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			page, err = io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != http.StatusOK || !bytes.Contains(page, []byte(`"matchable":true`)) {
				t.Fatalf("search by a program: %s %s, %v", resp.Status, page, err)
			}
			marks["the token"] = []byte(token)

			// Another upload is half way in when the process ends.
			half, more := io.Pipe()
			ended := make(chan error, 1)
			go func() {
				resp, err := send("/search/photo", kind, half)
				if err == nil {
					err = fmt.Errorf("half a picture was answered: %s", resp.Status)
					resp.Body.Close()
				}
				half.CloseWithError(err)
				ended <- err
			}()
			if _, err := more.Write(body[:len(body)*2/3]); err != nil {
				t.Fatal(err)
			}
			if err := d.Process.Signal(end); err != nil {
				t.Fatal(err)
			}
			more.CloseWithError(io.ErrClosedPipe)
			<-ended
			d.Wait() // its status says that it was killed

			looked := 0
			err = filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
				if err != nil || !e.Type().IsRegular() {
					return err
				}
				b, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				looked++
				for what, mark := range marks {
					if bytes.Contains(b, mark) {
						t.Errorf("%s holds %s", path, what)
					}
				}
				if filepath.Base(path) == "stderr" && end == syscall.SIGQUIT && !bytes.Contains(b, []byte("goroutine ")) {
					t.Error("the crash left no dump")
				}
				return nil
			})
			if err != nil || looked < 20 {
				t.Errorf("%d files were looked at, %v", looked, err)
			}
		})
	}
}

package main

import (
	"bytes"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/text/encoding/simplifiedchinese"

	"xunqin/pipeline/record"
)

// TestMain lets this binary be the program: scripts and tests start it as `xunqin`.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"xunqin": main})
}

var update = flag.Bool("update", false, "write what the commands answer into the scripts")

// TestScripts runs testdata/*.txtar. Beside the usual commands of testscript they have
//
//	picture FILE SEED         writes a JPEG that is like no other seed's
//	gb18030 FILE OUT          recodes a text
//	plain FILE OUT            rewrites output so that it can be compared: ids, times, hashes and ports by a word each
//	admin NAME                adds an admin to the record, who cannot sign in
//	id FILE NAME              keeps the first id in a file, or in stdout, in a variable
//	appears FILE              waits until a file is there
//
// and the variables SITE, a loopback site with /feed.xml whose one post carries picture 1, and PORT, its port. The folders of
// data and keys are $WORK/data and $WORK/keys.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata", UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			site := httptest.NewServer(http.HandlerFunc(serveSite))
			e.Defer(site.Close)
			u, err := url.Parse(site.URL)
			if err != nil {
				return err
			}
			e.Vars = append(e.Vars, "SITE="+site.URL, "PORT="+u.Port(), "XUNQIN_DATA="+filepath.Join(e.WorkDir, "data"), "XUNQIN_KEYS="+filepath.Join(e.WorkDir, "keys"), "LANG=en_US.UTF-8")
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Getuid() == 0, nil
			}
			return false, fmt.Errorf("no condition %q", name)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"picture": func(ts *testscript.TestScript, _ bool, args []string) {
				seed, err := strconv.ParseUint(args[1], 10, 64)
				ts.Check(err)
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), drawing(seed), 0o600))
			},
			"gb18030": func(ts *testscript.TestScript, _ bool, args []string) {
				s, err := simplifiedchinese.GB18030.NewEncoder().String(ts.ReadFile(args[0]))
				ts.Check(err)
				ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(s), 0o600))
			},
			"plain": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(plain(ts.ReadFile(args[0]))), 0o600))
			},
			"admin": func(ts *testscript.TestScript, _ bool, args []string) {
				roles := []record.Role{record.Admin}
				if len(args) > 1 {
					roles = []record.Role{record.Role(args[1])}
				}
				s, err := record.Open(context.Background(), filepath.Join(ts.Getenv("XUNQIN_DATA"), "xunqin.db"))
				ts.Check(err)
				ts.Check(s.Tx(context.Background(), func(tx *sql.Tx) error {
					_, err := s.AddUser(context.Background(), tx, record.User{Name: args[0], Roles: roles})
					return err
				}))
				ts.Check(s.Close())
			},
			"id": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Setenv(args[1], regexp.MustCompile(`\b[a-z2-7]{26}\b`).FindString(ts.ReadFile(args[0])))
			},
			"appears": func(ts *testscript.TestScript, _ bool, args []string) {
				deadline := time.Now().Add(30 * time.Second)
				for {
					if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
						return
					}
					if time.Now().After(deadline) {
						ts.Fatalf("%s has not appeared in 30 s", args[0])
					}
					<-time.After(20 * time.Millisecond)
				}
			},
		},
	})
}

var plainWords = []struct {
	re   *regexp.Regexp
	word string
}{
	{regexp.MustCompile(`\b[a-z2-7]{26}\b`), "ID"},
	{regexp.MustCompile(`\b20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9:]+)`), "TIME"},
	{regexp.MustCompile(`\b20[0-9]{2}-[0-9]{2}-[0-9]{2}\b( [0-9:]{8})?`), "DAY"},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "SHA256"},
	{regexp.MustCompile(`"bits":"[0-9a-f]+"`), `"bits":"BITS"`},
	{regexp.MustCompile(`127\.0\.0\.1:[0-9]+`), "HOST"},
	{regexp.MustCompile(`"[0-9A-Za-z_-]{12}"(,?\n)`), `"HASH"${1}`},
	{regexp.MustCompile(`("seconds": )[0-9.e-]+`), `${1}0`},
	{regexp.MustCompile(`; [0-9]+ s\b`), "; 0 s"},
	{regexp.MustCompile(`/link/[A-Z2-7]{26}`), "/link/TOKEN"},
	{regexp.MustCompile(`xunqin_[a-z2-7]{33}\b`), "TOKEN"},
}

func plain(s string) string {
	for _, w := range plainWords {
		s = w.re.ReplaceAllString(s, w.word)
	}
	return s
}

// serveSite is a feed with one post, its picture, and a page that is neither.
func serveSite(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/feed.xml":
		w.Header().Set("Content-Type", "application/rss+xml")
		fmt.Fprintf(w, `<?xml version="1.0"?><rss version="2.0"><channel><title>t</title><item><guid>post-1</guid><link>http://%s/post/1</link><pubDate>Sun, 06 Feb 2011 10:00:00 +0800</pubDate>
<description>天桥 男孩</description><enclosure url="http://%s/picture/1.jpg" type="image/jpeg" length="1"/></item></channel></rss>`, r.Host, r.Host)
	case strings.HasPrefix(r.URL.Path, "/picture/"):
		seed, err := strconv.ParseUint(strings.TrimSuffix(path.Base(r.URL.Path), ".jpg"), 10, 64)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Write(drawing(seed))
	case r.URL.Path == "/wall":
		http.Error(w, "sign in", http.StatusForbidden)
	default:
		http.NotFound(w, r)
	}
}

// drawing makes a JPEG that is like no other seed's.
func drawing(seed uint64) []byte {
	rnd := rand.New(rand.NewPCG(seed, 7))
	m := image.NewRGBA(image.Rect(0, 0, 480, 360))
	for range 60 {
		x0, y0 := rnd.IntN(460), rnd.IntN(340)
		w, h := 20+rnd.IntN(220), 20+rnd.IntN(160)
		c := color.RGBA{uint8(rnd.IntN(256)), uint8(rnd.IntN(256)), uint8(rnd.IntN(256)), 255}
		for y := y0; y < min(360, y0+h); y++ {
			for x := x0; x < min(480, x0+w); x++ {
				m.SetRGBA(x, y, c)
			}
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

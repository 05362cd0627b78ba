package crawler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"xunqin/crawler/guard"
	"xunqin/crawler/robots"
)

// Limits of every request and run.
const (
	MaxPageBytes    = 8 << 20  // of a page or an API answer, after decompression
	MaxPictureBytes = 20 << 20 // of a picture, after decompression
	MaxRedirects    = 5
	MaxRunPages     = 20               // pages accepted in one run
	MaxRunTime      = 60 * time.Second // after it a run starts no further request
	MaxAnswerTime   = 60 * time.Second // for one whole answer; 10 s of it to the header
	RunCeiling      = 3 * time.Minute  // a run is cut off here, whatever it waits for
)

// Agent is the product token by which robots.txt can address the program.
const Agent = "xunqin"

// Door is what all runs share. Fill the fields before first use and do not
// copy or change it afterwards; it is safe for concurrent use.
type Door struct {
	Guard   *guard.Dialer    // says where connections may go; nil allows public addresses
	Pace    Pace             // nil is a MemoryPace of this Door: give one when several processes crawl
	Robots  RobotsCache      // nil is a MemoryRobots of this Door
	Version string           // of the program, for the user agent
	Contact string           // mail address or page of whoever runs it; without one only loopback is fetched
	Now     func() time.Time // nil is time.Now
	Log     *slog.Logger     // nil is silent; hosts and numbers are logged, no path or text

	once      sync.Once
	transport http.RoundTripper
	mu        sync.Mutex
	asking    map[string]chan struct{} // origins whose robots.txt is being fetched
}

func (d *Door) setUp() {
	d.once.Do(func() {
		if d.Guard == nil {
			d.Guard = &guard.Dialer{}
		}
		if d.Now == nil {
			d.Now = time.Now
		}
		if d.Pace == nil {
			d.Pace = NewMemoryPace(d.Now)
		}
		if d.Robots == nil {
			d.Robots = &MemoryRobots{}
		}
		if d.Log == nil {
			d.Log = slog.New(slog.DiscardHandler)
		}
		d.transport = guard.Transport(d.Guard)
		d.asking = map[string]chan struct{}{}
	})
}

// UserAgent is what every request says of itself.
func (d *Door) UserAgent() string {
	ua := Agent
	if d.Version != "" {
		ua += "/" + d.Version
	}
	if d.Contact != "" {
		ua += " (+" + d.Contact + ")"
	}
	return ua
}

// errEnough is what emit and Fetcher give a Reader when the run has had its
// share. Run turns it into Stats.More.
var errEnough = errors.New("the run has had its share of pages or time")

// Run reads src once with r and hands each page to accept, which must commit
// the posts and the cursor together. It stops after MaxRunPages pages or
// MaxRunTime with Stats.More set; the next run goes on from the last accepted
// cursor.
//
// The error is a *Refusal when the site did not give what was asked for,
// accept's own error when it could not commit, and the context's when that
// ended first, within a second. Stats count what was done in each case.
func (d *Door) Run(ctx context.Context, r Reader, src Source, accept func(context.Context, Page) error) (Stats, error) {
	d.setUp()
	runCtx, cancel := context.WithTimeout(ctx, RunCeiling)
	defer cancel()
	f := &Fetcher{door: d, src: src, until: d.Now().Add(MaxRunTime)}
	var broken error // what accept said, should the Reader not pass it on
	emit := func(p Page) error {
		switch {
		case broken != nil:
			return broken
		case runCtx.Err() != nil:
			return runCtx.Err()
		}
		if broken = accept(ctx, p); broken != nil {
			return broken
		}
		f.stats.Pages++
		f.stats.Posts += len(p.Posts)
		f.stats.Warnings = append(f.stats.Warnings, p.Warnings...)
		if p.More && (f.stats.Pages >= MaxRunPages || !d.Now().Before(f.until)) {
			return errEnough
		}
		return nil
	}
	err := d.read(runCtx, r, f, src, emit)
	switch {
	case broken != nil:
		err = broken
	case errors.Is(err, errEnough):
		f.stats.More = true
		err = nil
	case err != nil && ctx.Err() != nil:
		err = ctx.Err()
	case err != nil && runCtx.Err() != nil:
		err = &Refusal{Name: RefusedTimeout, Detail: "the run took longer than " + RunCeiling.String()}
	}
	f.count(err)
	return f.stats, err
}

// read keeps a panic of a parser, which a hostile page may have set off, from
// ending more than this run.
func (d *Door) read(ctx context.Context, r Reader, f *Fetcher, src Source, emit func(Page) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			d.Log.Error("reader panicked", "reader", src.Reader, "source", src.ID, "stack", string(debug.Stack()))
			err = fmt.Errorf("reader %s panicked", src.Reader)
		}
	}()
	return r.Read(ctx, f, src, emit)
}

// Picture is one fetched photo, as it came.
type Picture struct {
	Bytes    []byte
	MIME     string // by its first bytes where they tell, else as declared
	FinalURL string // after redirects
}

// Picture fetches a photo of a post of src, at src's rate, under the same
// checks as a page. A *Refusal whose Temporary is false will not come right by
// trying again. The bytes are not decoded: "not-picture" is only what is
// plainly text.
func (d *Door) Picture(ctx context.Context, src Source, address string) (Picture, error) {
	d.setUp()
	t := trip{header: http.Header{"Accept": {"image/*"}}, limit: MaxPictureBytes, rate: src.Rate, robots: true}
	u, err := url.Parse(address)
	if err != nil {
		return Picture{}, &Refusal{Name: RefusedURL, Detail: "not an address"}
	}
	r, err := d.follow(ctx, u, t, d.ask)
	if err != nil {
		return Picture{}, err
	}
	if ref := r.refusal(); ref != nil {
		return Picture{}, ref
	}
	if len(r.body) == 0 {
		return Picture{}, &Refusal{Name: RefusedNotPicture, Status: r.status, URL: address, Detail: "empty"}
	}
	mime := http.DetectContentType(r.body)
	switch {
	case strings.HasPrefix(mime, "text/html"):
		return Picture{}, r.wall(RefusedNotPicture)
	case strings.HasPrefix(mime, "text/"):
		return Picture{}, &Refusal{Name: RefusedNotPicture, Status: r.status, URL: address, Detail: "text"}
	case !strings.HasPrefix(mime, "image/"):
		mime, _, _ = strings.Cut(r.header.Get("Content-Type"), ";")
	}
	return Picture{Bytes: r.body, MIME: mime, FinalURL: r.url.String()}, nil
}

// trip is a request with the rules under which it is made.
type trip struct {
	header http.Header // beside the user agent; Authorization and Cookie stay with the first host
	limit  int64       // bytes of body
	rest   bool        // what lies beyond limit is left unread instead of refused
	rate   Rate
	robots bool   // ask robots.txt first
	body   []byte // posted when not nil, and to nobody else than who was asked
	asked  func(reply, error)
}

// reply is a whole answer.
type reply struct {
	url    *url.URL
	status int
	header http.Header
	body   []byte
	pause  time.Time // until when the host wants to be left alone
}

// follow makes the request and up to MaxRedirects more, each through ask with
// its own checks.
func (d *Door) follow(ctx context.Context, u *url.URL, t trip, ask func(context.Context, *url.URL, trip) (reply, error)) (reply, error) {
	t.header = t.header.Clone()
	for hop := 0; ; hop++ {
		r, err := ask(ctx, u, t)
		if t.asked != nil {
			t.asked(r, err)
		}
		if err != nil {
			return reply{}, err
		}
		switch r.status {
		case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		default:
			return r, nil
		}
		where := r.header.Get("Location")
		if where == "" {
			return r, nil
		}
		if t.body != nil {
			if r.status == http.StatusTemporaryRedirect || r.status == http.StatusPermanentRedirect {
				return reply{}, &Refusal{Name: RefusedRedirects, Status: r.status, URL: u.String(), Detail: "what was posted is wanted elsewhere"}
			}
			t.body = nil // the others mean GET, as browsers have it
			t.header.Del("Content-Type")
		}
		if hop == MaxRedirects {
			return reply{}, &Refusal{Name: RefusedRedirects, Status: r.status, URL: u.String(), Detail: fmt.Sprintf("more than %d redirects", MaxRedirects)}
		}
		next, err := u.Parse(where)
		if err != nil {
			return reply{}, &Refusal{Name: RefusedURL, Status: r.status, URL: u.String(), Detail: "redirect to what is no address"}
		}
		// What lies there is for people, and some sites make robots a visitor of a kind by it.
		if loginAddress(next) {
			return reply{}, &Refusal{Name: RefusedLogin, Status: r.status, URL: u.String(), Detail: "redirected to a sign-in page"}
		}
		if origin(next) != origin(u) {
			t.header.Del("Authorization")
			t.header.Del("Cookie")
		}
		u = next
	}
}

// ask makes one request: address, contact, robots.txt, pace, then the wire. A
// status is no error here.
func (d *Door) ask(ctx context.Context, u *url.URL, t trip) (reply, error) {
	if err := guard.CheckURL(u); err != nil {
		return reply{}, &Refusal{Name: RefusedURL, URL: u.String(), Err: err}
	}
	if _, local := loopback(u.Host); d.Contact == "" && !local {
		return reply{}, ErrNoContact
	}
	rate := t.rate
	if rate.Check(u.Host, d.Guard.AllowCIDRs) != nil {
		rate.Every = DefaultEvery
	}
	if t.robots {
		rules, err := d.rules(ctx, u, t.rate)
		if err != nil {
			return reply{}, err
		}
		if !rules.Allowed(u) {
			return reply{}, &Refusal{Name: RefusedRobots, URL: u.String(), Detail: "robots.txt does not allow it"}
		}
		if rules.Delay > rate.Pause() {
			rate.Every = min(rules.Delay, MaxPaceWait)
		}
	}
	release, err := d.Pace.Acquire(ctx, hostPort(u), rate)
	if err != nil {
		return reply{}, err
	}
	r, err := d.exchange(ctx, u, t)
	release(r.pause)
	return r, err
}

// exchange sends the request and reads the whole answer.
func (d *Door) exchange(ctx context.Context, u *url.URL, t trip) (reply, error) {
	askCtx, cancel := context.WithTimeout(ctx, MaxAnswerTime)
	defer cancel()
	method, body := http.MethodGet, io.Reader(nil)
	if t.body != nil {
		method, body = http.MethodPost, bytes.NewReader(t.body)
	}
	req, err := http.NewRequestWithContext(askCtx, method, u.String(), body)
	if err != nil {
		return reply{}, &Refusal{Name: RefusedURL, URL: u.String(), Err: err}
	}
	for k, v := range t.header {
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", d.UserAgent())
	req.Header.Del("Accept-Encoding") // the transport's own gzip is the one that is undone and counted
	start := d.Now()
	res, err := d.transport.RoundTrip(req)
	if err != nil {
		return reply{}, lost(ctx, u, err)
	}
	defer res.Body.Close()
	r := reply{url: u, status: res.StatusCode, header: res.Header, pause: pause(res.StatusCode, res.Header, d.Now())}
	if enc := res.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return r, &Refusal{Name: RefusedEncoding, Status: r.status, URL: u.String(), Detail: "an encoding nobody asked for"}
	}
	if res.ContentLength > t.limit && !t.rest {
		return r, tooLarge(u, r.status, t.limit)
	}
	r.body, err = io.ReadAll(io.LimitReader(res.Body, t.limit+1))
	d.Log.Debug("asked", "host", u.Host, "status", r.status, "bytes", len(r.body), "took", d.Now().Sub(start))
	switch {
	case int64(len(r.body)) > t.limit && t.rest:
		r.body = r.body[:t.limit]
	case int64(len(r.body)) > t.limit:
		r.body = nil
		return r, tooLarge(u, r.status, t.limit)
	case err != nil:
		r.body = nil
		err := lost(ctx, u, err)
		if ref, ok := errors.AsType[*Refusal](err); ok {
			ref.Status = r.status
			if ref.Name == RefusedUnreachable {
				ref.Name = RefusedCut // there was a header, so the end is what is missing
			}
		}
		return r, err
	}
	return r, nil
}

func tooLarge(u *url.URL, status int, limit int64) *Refusal {
	return &Refusal{Name: RefusedTooLarge, Status: status, URL: u.String(), Detail: fmt.Sprintf("more than %d bytes", limit)}
}

// lost names the failure of a request that brought no whole answer. ctx is the
// caller's: its end is no refusal.
func lost(ctx context.Context, u *url.URL, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r := &Refusal{Name: RefusedUnreachable, URL: u.String(), Err: err}
	var timeout net.Error
	switch {
	case errors.Is(err, guard.ErrRefused):
		r.Name = RefusedAddress
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		r.Name = RefusedTimeout
	case errors.Is(err, io.ErrUnexpectedEOF):
		r.Name = RefusedCut
	}
	return r
}

// refusal judges the status: nil for content.
func (r reply) refusal() *Refusal {
	ref := &Refusal{Status: r.status, URL: r.url.String(), RetryAfter: r.pause}
	switch s := r.status; {
	case s == http.StatusOK, s == http.StatusNonAuthoritativeInfo:
		return nil
	case s == http.StatusUnauthorized:
		ref.Name = RefusedAuth
	case s == http.StatusForbidden, s == http.StatusUnavailableForLegalReasons:
		ref.Name = RefusedForbidden
	case s == http.StatusNotFound:
		ref.Name = RefusedNotFound
	case s == http.StatusGone:
		ref.Name = RefusedGone
	case s == http.StatusTeapot:
		ref.Name = RefusedTeapot
	case s == http.StatusTooManyRequests:
		ref.Name = RefusedRate
	case s == 432:
		ref.Name = RefusedWeibo
	case s >= 500:
		ref.Name = RefusedServer
	default:
		ref.Name = RefusedStatus
	}
	return ref
}

// pause is until when the host asks to be left alone: Retry-After in seconds or
// as a date (the later, where a host sends both), the reset of a spent
// X-RateLimit or RateLimit (a date, Unix seconds, or seconds from now, as
// Mastodon, Bluesky and Reddit write it), a minute for a 429 that names none. No
// wish beyond a day is followed; the source is then tried again daily.
func pause(status int, h http.Header, now time.Time) time.Time {
	var until time.Time
	later := func(t time.Time) {
		if t.After(until) {
			until = t
		}
	}
	if status >= 400 {
		for _, v := range h.Values("Retry-After") {
			if s, err := strconv.ParseUint(strings.TrimSpace(v), 10, 32); err == nil {
				later(now.Add(time.Duration(s) * time.Second))
			} else if t, err := http.ParseTime(v); err == nil {
				later(t)
			}
		}
	}
	for _, prefix := range []string{"X-RateLimit-", "RateLimit-"} {
		left, err := strconv.ParseFloat(strings.TrimSpace(h.Get(prefix+"Remaining")), 64)
		if spent := err == nil && left < 1; !spent && status != http.StatusTooManyRequests {
			continue
		}
		v := strings.TrimSpace(h.Get(prefix + "Reset"))
		if t, err := time.Parse(time.RFC3339, v); err == nil {
			later(t)
		} else if s, err := strconv.ParseInt(v, 10, 64); err == nil && s > 1e9 && s < 1e11 {
			later(time.Unix(s, 0))
		} else if err == nil && s >= 0 && s <= 24*60*60 {
			later(now.Add(time.Duration(s) * time.Second))
		}
	}
	if status == http.StatusTooManyRequests && until.IsZero() {
		until = now.Add(time.Minute)
	}
	if !until.After(now) {
		return time.Time{}
	}
	if day := now.Add(24 * time.Hour); until.After(day) {
		return day
	}
	return until.UTC()
}

// rules gives what robots.txt of u's origin says, from the cache or from the
// host. However many ask at once, one request is made.
func (d *Door) rules(ctx context.Context, u *url.URL, rate Rate) (robots.Rules, error) {
	key := origin(u)
	for {
		e, ok, err := d.Robots.Load(ctx, key)
		if err != nil {
			return robots.Rules{}, fmt.Errorf("load robots.txt of %s: %w", key, err)
		}
		if now := d.Now(); ok && now.Before(e.Expires) && !e.Expires.After(now.Add(24*time.Hour)) {
			return e.rules(key)
		}
		d.mu.Lock()
		done, busy := d.asking[key]
		if !busy {
			done = make(chan struct{})
			d.asking[key] = done
		}
		d.mu.Unlock()
		if busy {
			select {
			case <-done:
				continue
			case <-ctx.Done():
				return robots.Rules{}, ctx.Err()
			}
		}
		e, err = d.fetchRobots(ctx, key, rate)
		d.mu.Lock()
		delete(d.asking, key)
		close(done)
		d.mu.Unlock()
		if err != nil {
			return robots.Rules{}, err
		}
		return e.rules(key)
	}
}

func (e RobotsEntry) rules(key string) (robots.Rules, error) {
	switch e.State {
	case RobotsRules:
		return robots.Parse([]byte(e.Text), Agent), nil
	case RobotsOpen:
		return robots.Rules{}, nil
	}
	return robots.Rules{}, &Refusal{Name: RefusedRobots, URL: key + "/robots.txt", RetryAfter: e.Expires, Detail: "robots.txt could not be read: " + e.Detail}
}

// fetchRobots asks the host and saves what it says for a day. Nothing is saved
// when the question itself did not come about: the context ended, the guard
// refused, the host wants a pause first.
func (d *Door) fetchRobots(ctx context.Context, key string, rate Rate) (RobotsEntry, error) {
	address := key + "/robots.txt"
	u, err := url.Parse(address)
	if err != nil {
		return RobotsEntry{}, &Refusal{Name: RefusedURL, URL: address, Err: err}
	}
	now := d.Now()
	e := RobotsEntry{State: RobotsClosed, Fetched: now, Expires: now.Add(24 * time.Hour)}
	t := trip{header: http.Header{"Accept": {"text/plain, */*;q=0.5"}}, limit: robots.MaxBytes, rest: true, rate: rate}
	r, err := d.follow(ctx, u, t, d.ask)
	ref, refused := errors.AsType[*Refusal](err)
	switch {
	case err != nil && !refused:
		return RobotsEntry{}, err
	case refused && ref.Name == RefusedRate, refused && ref.URL == address && (ref.Name == RefusedAddress || ref.Name == RefusedURL):
		return RobotsEntry{}, err
	case refused:
		e.Detail = ref.Name
	case r.status == http.StatusTooManyRequests:
		// RFC 9309 would allow everything; the host asked for less, not more.
		return RobotsEntry{}, r.refusal()
	case r.status >= 200 && r.status < 300:
		e.State = RobotsRules
		e.Text = printable(r.body)
	case r.status >= 400 && r.status < 500:
		e.State = RobotsOpen
	default:
		e.Detail = fmt.Sprintf("status %d", r.status)
	}
	if err := d.Robots.Save(ctx, key, e); err != nil {
		return RobotsEntry{}, fmt.Errorf("save robots.txt of %s: %w", key, err)
	}
	return e, nil
}

// printable makes a robots.txt UTF-8 that every database takes, without
// changing what it says: octets of other charsets are percent-encoded, which
// paths compare equal to.
func printable(b []byte) string {
	b = bytes.ReplaceAll(b, []byte{0}, nil)
	var s strings.Builder
	for len(b) > 0 {
		if r, n := decodeRune(b); n > 0 {
			s.WriteRune(r)
			b = b[n:]
			continue
		}
		fmt.Fprintf(&s, "%%%02X", b[0])
		b = b[1:]
	}
	return s.String()
}

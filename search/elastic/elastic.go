// Package elastic is the search index of several machines, or of one that the embedded
// index has outgrown: an index of Elasticsearch, 8.15 or newer. It answers what
// search.Match, search.Vote and the embedded index answer, with no script and no module
// of the server.
//
// Words are the tokens of search.Tokens, cut at white space by the server and changed by
// it no further. Every document is one of Elasticsearch's, its fingerprints nested in it,
// so that it is replaced, moved and deleted in one piece: fingerprints as documents of
// their own could outlive a photo, and another's could be seen for a moment. The points of
// its pictures lie beside them, and are read only where words of Votes lead to them.
//
// The name of the index is an alias. A Shelf builds another beside the one that answers and
// lets the alias point to it in one step.
//
// Errors say what Elasticsearch calls the error, never what it says about it: that may
// repeat the query.
package elastic

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8/esapi"

	"xunqin/search"
)

// What can be wrong with a server or an index. ErrOutdated and ErrMissing are cured by
// building the index anew from the record. A server that does not answer, or has no room, is
// search.ErrUnavailable.
var (
	ErrDenied    = errors.New("user, key or what they may do is refused by Elasticsearch")
	ErrProduct   = errors.New("server is not Elasticsearch")
	ErrServerOld = errors.New("server is older than Elasticsearch 8.15")
	ErrForeign   = errors.New("index of that name is not a search index of this program")
	ErrNewer     = errors.New("search index was written by a newer version of the program")
	ErrOutdated  = errors.New("search index was written under other rules")
	ErrMissing   = errors.New("search index is gone")
	ErrOwner     = errors.New("search index is of another record")
	ErrConfig    = errors.New("settings that cannot be")

	// ErrCertificate is of a server that proves to be nobody, or somebody else than was asked for.
	ErrCertificate = errors.New("certificate of Elasticsearch is not signed by whom the settings trust, is of another host or out of date")
	// ErrBlocked is of an index that somebody closed, or that Elasticsearch protects.
	ErrBlocked = errors.New("search index is closed, or may not be written, as where a disk is full")
)

// Config says where an index is.
type Config struct {
	Hosts    []string // such as https://search.example:9200; calls go around among them
	User     string
	Password string
	APIKey   string // in place of user and password
	CAFile   string // certificates that sign the hosts', in PEM; the system's if empty
	Index    string // alias, and beginning of the names of indices; "xunqin" if empty
	Shards   int    // of an index that is made; 1 if zero. With one, an Apply is seen in one instant
	Replicas int    // of an index that is made
	Owner    string // whose index it is; another's of this name is not touched

	// Timeout is how long an answer is waited for, 30 s if zero. What is not there by then is
	// search.ErrUnavailable. Purge waits as long as it takes.
	Timeout time.Duration

	// Now is the clock; if nil, time.Now.
	Now func() time.Time

	// Transport carries requests; if nil, one of its own.
	Transport *http.Transport
}

var indexName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,99}$`)

func (c Config) index() string { return cmp.Or(c.Index, "xunqin") }

func (c Config) check() error {
	wrong := ""
	switch {
	case len(c.Hosts) == 0:
		wrong = "no host is given"
	case !indexName.MatchString(c.Index):
		wrong = fmt.Sprintf("no index can be named %.100q", c.Index)
	case c.APIKey != "" && c.User != "":
		wrong = "both a key and a user are given"
	case c.Timeout < 0:
		wrong = fmt.Sprintf("a wait of %v", c.Timeout)
	case c.Shards < 0 || c.Replicas < 0 || c.Shards > 1000 || c.Replicas > 1000:
		wrong = fmt.Sprintf("%d shards and %d replicas", c.Shards, c.Replicas)
	default:
		return nil
	}
	return fmt.Errorf("%s: %w", wrong, ErrConfig)
}

// An Index is a search.Index in Elasticsearch.
type Index struct {
	cfg  Config
	http *http.Transport
	es   *elastictransport.Client
	name string // alias, or a generation of a Shelf

	apply sync.Mutex // one Apply at a time
	dirty bool       // of Apply: something was written that nobody sees yet

	// An index that is being built is asked seldom: what was written into it, by any process, is
	// let be seen when it is asked, instead of with each change.
	building bool

	photos photoCache
	common wordCounts

	opening sync.Mutex
	opened  bool

	mu     sync.Mutex
	fields map[string]bool // those of methods that are mapped
}

var _ search.Index = (*Index)(nil)

// Open opens the index, and makes one where there is none. A server that does not answer is no
// error: whatever is asked of the index opens it then.
func Open(ctx context.Context, cfg Config) (*Index, error) {
	x, err := connect(cfg)
	if err == nil {
		err = x.ready(ctx)
	}
	if err != nil && (errors.Is(err, ErrCertificate) || !errors.Is(err, search.ErrUnavailable)) {
		if x != nil {
			err = errors.Join(err, x.Close())
		}
		return nil, fmt.Errorf("open search index: %w", err)
	}
	return x, nil
}

// ready makes ready to be asked.
func (x *Index) ready(ctx context.Context) error {
	err := x.prepare(ctx)
	if err == nil && x.building {
		err = x.show(ctx)
	}
	return err
}

// prepare opens the index unless it is open.
func (x *Index) prepare(ctx context.Context) error {
	x.opening.Lock()
	defer x.opening.Unlock()
	if x.opened {
		return nil
	}
	if err := x.identify(ctx); err != nil {
		return err
	}
	if err := x.open(ctx); err != nil {
		return err
	}
	x.opened = true
	return nil
}

// connect makes ready to reach the server.
func connect(cfg Config) (*Index, error) {
	cfg.Index = cfg.index()
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	var hosts []*url.URL
	for _, h := range cfg.Hosts {
		u, err := url.Parse(h)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
			return nil, fmt.Errorf("a host is no address such as https://search.example:9200: %w", ErrConfig)
		}
		if u.Scheme == "http" && cfg.User+cfg.APIKey != "" && !loopback(u.Hostname()) {
			return nil, fmt.Errorf("a password or key would go over the network as plain text, https is needed: %w", ErrConfig)
		}
		hosts = append(hosts, u)
	}
	x := &Index{
		cfg: cfg, http: cfg.Transport, name: cfg.Index, fields: make(map[string]bool),
		photos: photoCache{now: cfg.Now}, common: wordCounts{now: cfg.Now},
	}
	if x.http == nil {
		x.http = http.DefaultTransport.(*http.Transport).Clone()
		x.http.MaxIdleConnsPerHost = 16
	}
	options := []elastictransport.Option{
		elastictransport.WithURLs(hosts...), elastictransport.WithTransport(x.http),
		elastictransport.WithRetry(tries-1, http.StatusTooManyRequests, http.StatusBadGateway),
		elastictransport.WithRetryOnError(func(*http.Request, error) bool { return len(hosts) > 1 }), // another may answer
		elastictransport.WithRetryBackoff(backoff),
	}
	if cfg.User != "" {
		options = append(options, elastictransport.WithBasicAuth(cfg.User, cfg.Password))
	}
	if cfg.APIKey != "" {
		options = append(options, elastictransport.WithAPIKey(cfg.APIKey))
	}
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, fmt.Errorf("certificates of Elasticsearch: %w", err)
		}
		if x.http.TLSClientConfig == nil {
			x.http.TLSClientConfig = clientTLS()
		}
		options = append(options, elastictransport.WithCACert(pem))
	}
	var err error
	if x.es, err = elastictransport.NewClient(options...); err != nil {
		return nil, fmt.Errorf("connect to Elasticsearch: %w", err)
	}
	return x, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// tries of a request that the server has no room for, and the longest wait between two.
const (
	tries       = 6
	longestWait = 5 * time.Second
)

// backoff is the wait before try n+1.
func backoff(n int) time.Duration {
	return min(100*time.Millisecond<<min(n-1, 10), longestWait)
}

func (x *Index) identify(ctx context.Context) error {
	var about struct {
		Version struct{ Number string }
	}
	header, err := x.do(ctx, esapi.InfoRequest{}, &about)
	if err != nil {
		return err
	}
	if header.Get("X-Elastic-Product") != "Elasticsearch" {
		return ErrProduct
	}
	if !recent(about.Version.Number) {
		return fmt.Errorf("%w: %.20s", ErrServerOld, about.Version.Number)
	}
	return nil
}

// recent reports whether a version is 8.15 or newer.
func recent(version string) bool {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	a, err1 := strconv.Atoi(major)
	b, err2 := strconv.Atoi(minor)
	return err1 == nil && err2 == nil && (a > 8 || a == 8 && b >= 15)
}

// Info counts what the index holds. Engine is "elastic".
func (x *Index) Info(ctx context.Context) (search.Info, error) {
	var i search.Info
	err := x.ready(ctx)
	if err == nil {
		i, err = x.info(ctx)
	}
	if err != nil {
		return search.Info{}, unanswered("describe search index", err)
	}
	return i, nil
}

func (x *Index) info(ctx context.Context) (search.Info, error) {
	i := search.Info{Engine: "elastic"}
	sum := func(field string) object { return object{"sum": object{"field": field}} }
	var r struct {
		Hits struct{ Total struct{ Value int64 } }
		Aggs struct{ Photos, Prints, Features struct{ Value float64 } } `json:"aggregations"`
	}
	if err := x.search(ctx, object{
		"size": 0, "track_total_hits": true, "query": accepted(everything),
		"aggs": object{"Photos": sum("photos"), "Prints": sum("print_count"), "Features": sum("picture_count")},
	}, &r); err != nil {
		return i, err
	}
	i.Docs, i.Photos, i.Prints, i.Features = r.Hits.Total.Value, int64(r.Aggs.Photos.Value), int64(r.Aggs.Prints.Value), int64(r.Aggs.Features.Value)
	var err error
	i.Seq, err = x.mark(ctx)
	return i, err
}

// Close lets go of connections. The index stays.
func (x *Index) Close() error {
	err := x.es.Close(context.Background())
	x.http.CloseIdleConnections()
	return err
}

// object is JSON.
type object = map[string]any

// An Error is an answer of Elasticsearch other than success.
type Error struct {
	Status int
	Type   string // in Elasticsearch's words, such as index_not_found_exception
}

func (e *Error) Error() string { return fmt.Sprintf("Elasticsearch answers %d %s", e.Status, e.Type) }

// Is makes the sentinel errors of answers.
func (e *Error) Is(target error) bool {
	switch target {
	case search.ErrUnavailable:
		return e.Status == http.StatusTooManyRequests || e.Status >= 500 || e.blocked()
	case ErrBlocked:
		return e.blocked()
	case ErrDenied:
		return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden && !e.blocked()
	case ErrMissing:
		return e.Type == "index_not_found_exception"
	}
	return false
}

func (e *Error) blocked() bool {
	return e.Type == "cluster_block_exception" || e.Type == "index_closed_exception"
}

// unanswered is an error of an index that is open: whatever has become of the server or of the
// index since, nothing is wrong with what was asked.
func unanswered(what string, err error) error {
	for _, cause := range []error{ErrDenied, ErrCertificate, ErrProduct, ErrServerOld, ErrForeign, ErrNewer, ErrOutdated, ErrMissing, ErrOwner, ErrBlocked} {
		if errors.Is(err, cause) {
			return fmt.Errorf("%s: %w: %w", what, search.ErrUnavailable, err)
		}
	}
	return fmt.Errorf("%s: %w", what, err)
}

type request interface {
	Do(ctx context.Context, transport esapi.Transport) (*esapi.Response, error)
}

// do asks, and reads the answer into out, within Config.Timeout.
func (x *Index) do(ctx context.Context, r request, out any) (http.Header, error) {
	bound, cancel := context.WithTimeout(ctx, x.cfg.Timeout)
	defer cancel()
	header, err := x.ask(bound, r, out)
	if err != nil && bound.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: no answer in %v", search.ErrUnavailable, x.cfg.Timeout)
	}
	return header, err
}

// ask is do without a bound but ctx.
func (x *Index) ask(ctx context.Context, r request, out any) (http.Header, error) {
	res, err := r.Do(ctx, x.es)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if untrusted(err) {
			return nil, fmt.Errorf("%w: %w: %w", search.ErrUnavailable, ErrCertificate, err)
		}
		return nil, fmt.Errorf("%w: %w", search.ErrUnavailable, err)
	}
	defer res.Body.Close()
	if res.IsError() {
		var answer struct {
			Error json.RawMessage // an object, or text of what stands before Elasticsearch
		}
		e := &Error{Status: res.StatusCode}
		if json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&answer) == nil {
			var reason struct{ Type string }
			if json.Unmarshal(answer.Error, &reason) == nil && errorType.MatchString(reason.Type) {
				e.Type = reason.Type
			}
		}
		return res.Header, e
	}
	switch out := out.(type) {
	case nil:
		_, err = io.Copy(io.Discard, res.Body)
	case *bytes.Buffer:
		_, err = out.ReadFrom(res.Body)
	default:
		err = json.NewDecoder(res.Body).Decode(out)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: half an answer: %w", search.ErrUnavailable, err)
	}
	return res.Header, nil
}

// untrusted reports whether the server was there and did not prove who it is.
func untrusted(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError // no TLS at all
	return errors.As(err, &certificate) || errors.As(err, &record)
}

// errorType keeps texts of any other kind out of errors.
var errorType = regexp.MustCompile(`^[a-z_]{1,100}$`)

func body(v any) (io.Reader, error) {
	b, err := json.Marshal(v)
	return bytes.NewReader(b), err
}

// search runs a query over all shards, or fails.
func (x *Index) search(ctx context.Context, query object, out any) error {
	return x.searchShards(ctx, query, false, out)
}

// searchSome runs a query over the shards that answer in time.
func (x *Index) searchSome(ctx context.Context, query object, out any) error {
	return x.searchShards(ctx, query, true, out)
}

// serverTimeout is when the server stops: sooner than the wait for it ends, so that what it has
// by then arrives.
func (x *Index) serverTimeout() time.Duration { return x.cfg.Timeout * 3 / 4 }

func (x *Index) searchShards(ctx context.Context, query object, some bool, out any) error {
	b, err := body(query)
	if err != nil {
		return err
	}
	r := esapi.SearchRequest{Body: b, AllowPartialSearchResults: &some, Timeout: x.serverTimeout()}
	if query["pit"] == nil {
		r.Index = []string{x.name}
	}
	_, err = x.do(ctx, r, out)
	return err
}

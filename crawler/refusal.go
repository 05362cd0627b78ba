package crawler

import (
	"fmt"
	"time"
)

// Names of refusals: short words that are stored, counted and translated.
const (
	RefusedLogin       = "login-wall"      // a sign-in page in place of content
	RefusedCaptcha     = "captcha"         // a puzzle in place of content
	RefusedAuth        = "unauthorized"    // 401, or an API that wants a token
	RefusedForbidden   = "forbidden"       // 403, 451
	RefusedNotFound    = "not-found"       // 404
	RefusedGone        = "gone"            // 410
	RefusedTeapot      = "teapot"          // 418, how some sites name a blocked client
	RefusedRate        = "rate-limited"    // 429, or a pause asked for earlier is not over
	RefusedWeibo       = "weibo-432"       // 432, Weibo's own
	RefusedServer      = "server-error"    // 5xx
	RefusedStatus      = "bad-status"      // any other status that is no content
	RefusedExpired     = "expired"         // a cookie, password or token of the source is not taken any more
	RefusedNotJSON     = "not-json"        // JSON was due
	RefusedNotFeed     = "not-feed"        // a feed was due
	RefusedNotPage     = "not-page"        // an HTML page was due
	RefusedMarkup      = "markup"          // an answer without the parts that were due: wrong selector, changed template, rebuilt API
	RefusedClosed      = "closed"          // the site itself says that guests may not read this
	RefusedNotPicture  = "not-picture"     // a picture was due
	RefusedRobots      = "robots"          // robots.txt says no, or could not be read
	RefusedTooLarge    = "too-large"       // more bytes than the limit, after decompression
	RefusedCut         = "cut"             // the body ended early
	RefusedEncoding    = "encoding"        // a content coding nobody asked for
	RefusedAddress     = "address-refused" // the guard does not dial there
	RefusedURL         = "bad-url"         // not http or https, or no address a person could mean
	RefusedRedirects   = "redirect-loop"   // more than five redirects
	RefusedTimeout     = "timeout"         // no whole answer in time
	RefusedUnreachable = "unreachable"     // no connection
)

// Refusal is the error of a request that did not bring what was asked for. A
// run that meets one fails with it and keeps its cursor: a refusal is never
// "nothing new".
type Refusal struct {
	Name       string    // one of the constants above
	Status     int       // HTTP status, 0 if there was none
	RetryAfter time.Time // when the host may be asked again, zero if it did not say
	URL        string    // what was asked; not for logs, the query may hold secrets
	Detail     string    // for an admin; no text of a post
	Err        error     // cause, if there is one

	counted bool
}

// Error names the refusal, its status and its detail, without the URL.
func (r *Refusal) Error() string {
	s := r.Name
	if r.Status != 0 {
		s += fmt.Sprintf(" (status %d)", r.Status)
	}
	if r.Detail != "" {
		s += ": " + r.Detail
	} else if r.Err != nil {
		s += ": " + r.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// Temporary reports whether the same request may succeed later without
// anybody changing the source or its settings.
func (r *Refusal) Temporary() bool {
	switch r.Name {
	case RefusedRate, RefusedServer, RefusedTimeout, RefusedUnreachable, RefusedCut, RefusedWeibo, RefusedTeapot:
		return true
	}
	return !r.RetryAfter.IsZero()
}

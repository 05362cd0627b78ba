package notify

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// webhookWait is the longest wait for a receiver's answer.
const webhookWait = 30 * time.Second

// Webhook posts messages as JSON, signed by the Standard Webhooks rules, so
// that a receiver can tell them from forged and from repeated ones: webhook-id
// is the ID of the message.
type Webhook struct {
	Client *http.Client     // guarded as every way out; its CheckRedirect is not asked
	Now    func() time.Time // nil is time.Now
}

// NewSecret makes a signing key, as the receiver's library reads it.
func NewSecret() string {
	key := make([]byte, 32)
	rand.Read(key) // never fails
	return "whsec_" + base64.StdEncoding.EncodeToString(key)
}

// payload is the body. It is the same for all tries.
type payload struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      data      `json:"data"`
}

type data struct {
	Subject string `json:"subject"`
	Text    string `json:"text"`
	Lang    string `json:"lang"`
	URL     string `json:"url"`
}

// Send posts m to the address m.To. An answer of 2xx is acceptance, whatever
// follows it. 410 is final, with [ErrGone]. All else is a retry, redirects
// too, which are not followed: a signed message is for the address it was
// meant for.
func (s *Webhook) Send(ctx context.Context, m Message) (retry bool, err error) {
	request, err := s.request(ctx, m)
	if err != nil {
		return false, fmt.Errorf("webhook: %w", err)
	}
	client := *s.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Jar = nil
	ctx, cancel := context.WithTimeout(ctx, webhookWait)
	defer cancel()
	response, err := client.Do(request.WithContext(ctx))
	if err != nil {
		var outer *url.Error
		if errors.As(err, &outer) {
			err = outer.Err // the address may hold a secret
		}
		return true, fmt.Errorf("webhook: %w", err)
	}
	defer response.Body.Close()
	// Read a little so that the connection can serve again; the status is the answer.
	_, _ = io.CopyN(io.Discard, response.Body, 4<<10)
	switch code := response.StatusCode; {
	case code >= 200 && code < 300:
		return false, nil
	case code == http.StatusGone:
		return false, fmt.Errorf("webhook: answer 410: %w", ErrGone)
	default:
		err := fmt.Errorf("webhook: answer %d", code)
		if wait := s.retryAfter(response.Header.Get("Retry-After")); wait > 0 {
			err = later{err, wait}
		}
		return true, err
	}
}

func (s *Webhook) request(ctx context.Context, m Message) (*http.Request, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	to, err := url.Parse(m.To)
	if err != nil || to.Scheme != "https" && to.Scheme != "http" || to.Hostname() == "" || to.User != nil {
		return nil, fmt.Errorf("%w: bad recipient address", errMessage)
	}
	signer, err := standardwebhooks.NewWebhook(m.Secret)
	if err != nil || len(m.Secret) < 32 {
		return nil, fmt.Errorf("%w: bad signing key", errMessage)
	}
	body, err := json.Marshal(payload{"notice", m.At.UTC(), data{m.Subject, m.Text, m.Lang, m.URL}})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	now := s.now()
	signature, err := signer.Sign(m.ID, now, body)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, m.To, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: bad recipient address", errMessage)
	}
	request.GetBody = nil // a silent second try by the transport would be one we do not know of
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "xunqin")
	request.Header.Set(standardwebhooks.HeaderWebhookID, m.ID)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return request, nil
}

func (s *Webhook) retryAfter(value string) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(s.now())
	}
	return min(max(wait, 0), 24*time.Hour)
}

func (s *Webhook) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

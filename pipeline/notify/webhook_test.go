package notify_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"xunqin/pipeline/notify"
	"xunqin/pipeline/notify/notifytest"
)

func TestWebhook(t *testing.T) {
	notifytest.Run(t, func(t *testing.T) notifytest.Peer {
		var mu sync.Mutex
		var answers []notifytest.Answer
		var ids []string
		secret := notify.NewSecret()
		verifier, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			if err := verifier.Verify(body, r.Header); err != nil {
				t.Error(err)
			}
			mu.Lock()
			answer := notifytest.Accept
			if len(answers) > 0 {
				answer, answers = answers[0], answers[1:]
			}
			if answer <= notifytest.LoseBefore {
				ids = append(ids, r.Header.Get("webhook-id"))
			}
			mu.Unlock()
			switch answer {
			case notifytest.Accept:
				w.WriteHeader(http.StatusNoContent)
			case notifytest.LoseAfter:
				w.Header().Set("Content-Length", "100")
				w.WriteHeader(http.StatusOK)
				_, _ = w.Write([]byte("half"))
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			case notifytest.LoseBefore:
				panic(http.ErrAbortHandler)
			case notifytest.Later:
				w.WriteHeader(http.StatusServiceUnavailable)
			case notifytest.Never:
				w.WriteHeader(http.StatusGone)
			case notifytest.Silence:
				<-r.Context().Done()
			}
		}))
		t.Cleanup(server.Close)
		return notifytest.Peer{
			Sender: &notify.Webhook{Client: server.Client()}, To: server.URL + "/hook?token=secret", Secret: secret, Close: server.Close,
			Answer: func(a ...notifytest.Answer) { mu.Lock(); answers = a; mu.Unlock() },
			Received: func() []string {
				mu.Lock()
				defer mu.Unlock()
				return ids
			},
		}
	})
}

func TestWebhookAnswersByCode(t *testing.T) {
	for _, tc := range []struct {
		code  int
		retry bool
		gone  bool
	}{
		{200, false, false}, {202, false, false}, {299, false, false}, {301, true, false}, {307, true, false}, {400, true, false},
		{404, true, false}, {410, false, true}, {413, true, false}, {429, true, false}, {500, true, false}, {503, true, false},
	} {
		t.Run(strconv.Itoa(tc.code), func(t *testing.T) {
			asked := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked++
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tc.code)
			}))
			defer server.Close()
			m := waiting(server.URL)
			m.Secret = notify.NewSecret()
			retry, err := (&notify.Webhook{Client: server.Client()}).Send(t.Context(), m)
			if retry != tc.retry || errors.Is(err, notify.ErrGone) != tc.gone || (err == nil) != (tc.code < 300) || asked != 1 {
				t.Errorf("retry %t, error %v, asked %d times", retry, err, asked)
			}
		})
	}
}

func TestWebhookWaitsAsLongAsItIsAsked(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "-5": 0, "soon": 0, "999999999": 24 * time.Hour,
		now.Add(time.Hour).Format(http.TimeFormat): time.Hour, now.Add(-time.Hour).Format(http.TimeFormat): 0,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", header)
			w.WriteHeader(http.StatusTooManyRequests)
		}))
		m := waiting(server.URL)
		m.Secret = notify.NewSecret()
		_, err := (&notify.Webhook{Client: server.Client(), Now: func() time.Time { return now }}).Send(t.Context(), m)
		server.Close()
		if got := notify.RetryAfter(err); got != want {
			t.Errorf("Retry-After %q: %s, want %s", header, got, want)
		}
	}
}

func TestWebhookBodyIsTheMessageAndNoMore(t *testing.T) {
	var got map[string]any
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	m := waiting(server.URL)
	m.Secret = notify.NewSecret()
	if _, err := (&notify.Webhook{Client: server.Client()}).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"type": "notice", "timestamp": "2026-01-02T03:04:05Z",
		"data": map[string]any{"subject": m.Subject, "text": m.Text, "lang": "zh-CN", "url": "https://desk.example/"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestWebhookWithoutAKeyOrAnAddressIsFinal(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("sent") }))
	defer server.Close()
	for _, tc := range []struct{ to, secret string }{
		{server.URL, ""}, {server.URL, "whsec_AAAA"}, {server.URL, "whsec_%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%"},
		{"ftp://example.com", notify.NewSecret()}, {"http://a:b@example.com", notify.NewSecret()}, {"//example.com", notify.NewSecret()},
	} {
		m := waiting(tc.to)
		m.Secret = tc.secret
		if retry, err := (&notify.Webhook{Client: server.Client()}).Send(t.Context(), m); retry || err == nil {
			t.Errorf("%v: retry %t, error %v", tc, retry, err)
		}
	}
}

package desk

import (
	"database/sql"
	"errors"
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/crawler/guard"
	"xunqin/pipeline"
	"xunqin/pipeline/notify"
	"xunqin/pipeline/record"
	"xunqin/search"
)

func (s *Server) queryRoutes() []Route {
	return []Route{
		{Method: "GET", Pattern: "/queries", Roles: activists(), Handle: s.savedQueries},
		{Method: "GET", Pattern: "/queries/new", Roles: activists(), Handle: s.newQuery},
		{Method: "POST", Pattern: "/queries", Roles: activists(), Handle: s.addQuery},
		{Method: "GET", Pattern: "/queries/{id}", Roles: activists(), Handle: s.query},
		{Method: "POST", Pattern: "/queries/{id}", Roles: activists(), Handle: s.changeQuery},
		{Method: "POST", Pattern: "/queries/{id}/pause", Roles: activists(), Handle: s.pauseQuery},
		{Method: "POST", Pattern: "/queries/{id}/resume", Roles: activists(), Handle: s.resumeQuery},
		{Method: "POST", Pattern: "/queries/{id}/subscriptions", Roles: activists(), Handle: s.subscribeQuery},
		{Method: "GET", Pattern: "/alerts", Roles: volunteers(), Handle: s.leadAlerts},
		{Method: "POST", Pattern: "/alerts", Roles: volunteers(), Handle: s.subscribeLeads},
		{Method: "POST", Pattern: "/subscriptions/{id}/test", Roles: readers(), Handle: s.testSubscription},
		{Method: "POST", Pattern: "/subscriptions/{id}/drop", Roles: readers(), Handle: s.unsubscribe},
		{Method: "POST", Pattern: "/queries/{id}/delete", Roles: activists(), Handle: s.dropQuery},
	}
}

// Bounds of what one person keeps.
const (
	mostQueries       = 200
	mostSubscriptions = 10 // of one query, or to new leads
	testsAnHour       = 10
)

// What makes a saved query useless: more alerts in a day than anybody reads, or none in a long time.
const (
	busyADay   = 50
	silentDays = 90
	monthDays  = 30
)

// queryLine is a saved query in the list, with how it fares.
type queryLine struct {
	ID, Name, Text string
	Paused         bool
	PausedWhy      string
	Week           int // alerts in the last seven days
	Useful, Judged int
	Last           locale.Moment
}

func (s *Server) queryLine(p *Page, q record.SavedQuery) (queryLine, error) {
	v := queryLine{ID: q.ID, Name: q.Name, Text: q.Query, Paused: !q.PausedAt.IsZero()}
	if v.Paused && q.PauseWhy != pausedByOwner {
		v.PausedWhy = p.T("query.broken")
		if _, wrong := p.parseQuery(q.Query); wrong != nil {
			v.PausedWhy = wrong.Message
		}
	}
	list, err := s.Records.DeliveriesOfQuery(p.Context(), nil, q.ID, 1000)
	for _, d := range list {
		if d.Channel != record.Inbox {
			continue
		}
		if v.Last.Text == "" {
			v.Last = p.At(d.CreatedAt)
		}
		if s.Now().Sub(d.CreatedAt) < 7*24*time.Hour {
			v.Week++
		}
		if d.Useful != "" {
			v.Judged++
		}
		if d.Useful == "yes" {
			v.Useful++
		}
	}
	return v, err
}

func (s *Server) savedQueries(p *Page) error {
	lines, err := s.queryLines(p)
	if err != nil {
		return err
	}
	return p.Render("queries", lines)
}

// queryLines makes lines of the person's saved queries.
func (s *Server) queryLines(p *Page) ([]queryLine, error) {
	list, err := s.Records.SavedQueriesOf(p.Context(), nil, p.User.ID)
	if err != nil {
		return nil, err
	}
	var lines []queryLine
	for _, q := range list {
		line, err := s.queryLine(p, q)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// queryForm is what a person writes of a saved query. Do is "count" to see what it would find, else it is stored.
type queryForm struct {
	Name    string `form:"name" max:"80"`
	Query   string `form:"q" max:"2000"`
	Version int    `form:"version"`
	Do      string `form:"do" max:"10"`
}

// queryCount is what a query finds among posts now and would have sent.
type queryCount struct {
	Total, Month   int
	More, MonthTop bool // there are at least so many
	Means          string
	Busy, Silent   int  // what it is too busy or too silent by, 0 when it is not
	Unknown        bool // the index does not answer, so that nothing could be counted
}

type queryView struct {
	queryLine
	Form          queryForm
	Errors        Errors
	Wrong         *QueryError
	Count         *queryCount
	Subscriptions subscriptionsView
}

func (s *Server) newQuery(p *Page) error {
	v := queryView{Errors: Errors{}}
	var err error
	if v.Errors, err = p.Read(&v.Form); err != nil {
		return err
	}
	return p.Render("query", v)
}

// mostMatches bounds the counts.
const mostMatches = 2000

// count says what a query accepts among posts and notices, which alone are alerted of.
func (s *Server) count(p *Page, q search.Query) (*queryCount, error) {
	c := queryCount{Means: search.Explain(q, p.Lang, pipeline.Divisions{})}
	since := func(days int) (int, error) {
		all := search.And{q, search.Not{Query: search.Kind(search.KindReport)}}
		if days > 0 {
			all = append(all, search.Posted{From: s.Now().AddDate(0, 0, -days)})
		}
		return s.Pipeline.CountWords(p.Context(), all, mostMatches)
	}
	var quarter int
	err := s.Pipeline.Follow(p.Context())
	for _, count := range []struct {
		to   *int
		days int
	}{{&c.Total, 0}, {&c.Month, monthDays}, {&quarter, silentDays}} {
		if err == nil {
			*count.to, err = since(count.days)
		}
	}
	if errors.Is(err, search.ErrUnavailable) {
		return &queryCount{Means: c.Means, Unknown: true}, nil
	}
	if err != nil {
		return nil, err
	}
	c.More, c.MonthTop = c.Total >= mostMatches, c.Month >= mostMatches
	if c.Month > busyADay*monthDays {
		c.Busy = busyADay
	}
	if quarter == 0 {
		c.Silent = silentDays
	}
	return &c, nil
}

// check reads and checks the form. The query is nil when the page must be shown again: something is wrong, or only the count was
// asked for.
func (v *queryView) check(s *Server, p *Page) (search.Query, error) {
	var err error
	if v.Errors, err = p.Read(&v.Form); err != nil {
		return nil, err
	}
	q, wrong := p.parseQuery(v.Form.Query)
	v.Wrong = wrong
	switch {
	case wrong != nil:
		v.Errors["q"] = p.T("words.at", "n", wrong.Character) + " " + wrong.Message
	case v.Form.Query == "":
		v.Errors["q"] = p.T("query.empty")
	case v.Errors["q"] == "":
		if v.Count, err = s.count(p, q); err != nil {
			return nil, err
		}
	}
	if v.Form.Do == "count" {
		return nil, nil
	}
	if v.Form.Name == "" {
		v.Errors["name"] = p.T("query.noname")
	}
	if len(v.Errors) > 0 {
		return nil, nil
	}
	return q, nil
}

// again shows the form once more: with its count, or with its complaints.
func (v *queryView) again(p *Page) error {
	if len(v.Errors) > 0 {
		return p.Again("query", v)
	}
	return p.Render("query", v)
}

// addQuery stores a new query. Its hits are in the inbox from the first moment; other ways are added on its page.
func (s *Server) addQuery(p *Page) error {
	v := queryView{}
	q, err := v.check(s, p)
	if err != nil {
		return err
	}
	had, err := s.Records.SavedQueriesOf(p.Context(), nil, p.User.ID)
	if err != nil {
		return err
	}
	if len(had) >= mostQueries {
		v.Errors["name"], q = p.T("query.many", "n", mostQueries), nil
	}
	if q == nil {
		return v.again(p)
	}
	var id string
	err = p.Change(func(tx *sql.Tx) error {
		var err error
		if id, err = s.Records.AddSavedQuery(p.Context(), tx, record.SavedQuery{UserID: p.User.ID, Name: v.Form.Name, Query: v.Form.Query}); err != nil {
			return err
		}
		if _, err := s.Records.AddSubscription(p.Context(), tx, record.Subscription{UserID: p.User.ID, SavedQueryID: id, Channel: record.Inbox, Lang: p.Lang}); err != nil {
			return err
		}
		return p.Audit(tx, "query-added", id, "")
	})
	if err != nil {
		return err
	}
	p.Flash(p.T("query.saved"))
	return p.Redirect("/queries/" + id)
}

// ownQuery reads the saved query that the path names, if it is the person's.
func (s *Server) ownQuery(p *Page) (record.SavedQuery, error) {
	q, err := s.Records.SavedQuery(p.Context(), nil, p.Path("id"))
	if err == nil && q.UserID != p.User.ID {
		err = fmt.Errorf("saved query %s: %w", q.ID, record.ErrNotFound)
	}
	return q, err
}

func (s *Server) queryPage(p *Page, q record.SavedQuery) (queryView, error) {
	v := queryView{Errors: Errors{}, Form: queryForm{Name: q.Name, Query: q.Query, Version: int(q.Version)}}
	var err error
	if v.queryLine, err = s.queryLine(p, q); err != nil {
		return v, err
	}
	subs, err := s.Records.SubscriptionsOfQuery(p.Context(), nil, q.ID)
	if err != nil {
		return v, err
	}
	v.Subscriptions, err = s.subscriptionsView(p, subs, "/queries/"+q.ID+"/subscriptions")
	return v, err
}

func (s *Server) query(p *Page) error {
	q, err := s.ownQuery(p)
	if err != nil {
		return err
	}
	v, err := s.queryPage(p, q)
	if err != nil {
		return err
	}
	if parsed, wrong := p.parseQuery(q.Query); wrong == nil {
		if v.Count, err = s.count(p, parsed); err != nil {
			return err
		}
	}
	return p.Render("query", v)
}

func (s *Server) changeQuery(p *Page) error {
	had, err := s.ownQuery(p)
	if err != nil {
		return err
	}
	v, err := s.queryPage(p, had)
	if err != nil {
		return err
	}
	v.Form = queryForm{}
	q, err := v.check(s, p)
	if err != nil {
		return err
	}
	if q == nil {
		return v.again(p)
	}
	had.Name, had.Query, had.Version = v.Form.Name, v.Form.Query, int64(v.Form.Version)
	if had.PauseWhy != pausedByOwner { // it could not be read, and can be now
		had.PausedAt, had.PauseWhy = time.Time{}, ""
	}
	return s.storeQuery(p, had, "query-changed", p.T("query.saved"))
}

// pausedByOwner is why a query rests whose owner wants it to.
const pausedByOwner = "owner"

func (s *Server) storeQuery(p *Page, q record.SavedQuery, action, said string) error {
	err := p.Change(func(tx *sql.Tx) error {
		if err := s.Records.ChangeSavedQuery(p.Context(), tx, q); err != nil {
			return err
		}
		return p.Audit(tx, action, q.ID, "")
	})
	if err != nil {
		return err
	}
	p.Flash(said)
	return p.Redirect("/queries/" + q.ID)
}

func (s *Server) pauseQuery(p *Page) error {
	q, err := s.ownQuery(p)
	if err != nil {
		return err
	}
	q.PausedAt, q.PauseWhy = s.Now(), pausedByOwner
	return s.storeQuery(p, q, "query-paused", p.T("query.pausedsaid"))
}

// resumeQuery lets a query go on. One that cannot be read must be changed first.
func (s *Server) resumeQuery(p *Page) error {
	q, err := s.ownQuery(p)
	if err != nil {
		return err
	}
	if _, wrong := p.parseQuery(q.Query); wrong != nil {
		return p.Redirect("/queries/" + q.ID)
	}
	q.PausedAt, q.PauseWhy = time.Time{}, ""
	return s.storeQuery(p, q, "query-resumed", p.T("query.resumedsaid"))
}

func (s *Server) dropQuery(p *Page) error {
	q, err := s.ownQuery(p)
	if err != nil {
		return err
	}
	err = p.Change(func(tx *sql.Tx) error {
		if err := s.Records.DropSavedQuery(p.Context(), tx, q.ID); err != nil {
			return err
		}
		return p.Audit(tx, "query-deleted", q.ID, "")
	})
	if err != nil {
		return err
	}
	p.Flash(p.T("query.deleted"))
	return p.Redirect("/queries")
}

// subscriptionsView is the ways in which alerts come, and the form for one more.
type subscriptionsView struct {
	Action string // where the form goes
	List   []subscriptionLine
	Mail   bool // alerts can go by mail here
	Inbox  bool // there is no way to the inbox yet
	Form   subscribeForm
	Errors Errors
	Secret string // of a new webhook, shown once
}

type subscriptionLine struct {
	ID, Channel, Target string
	Stopped             locale.Moment
}

type subscribeForm struct {
	Channel string `form:"channel" max:"20"`
	Target  string `form:"target" max:"500"`
}

func (s *Server) subscriptionsView(p *Page, subs []record.Subscription, action string) (subscriptionsView, error) {
	v := subscriptionsView{Action: action, Mail: s.Pipeline.Senders[record.Mail] != nil, Inbox: true, Errors: Errors{}}
	for _, sub := range subs {
		line := subscriptionLine{ID: sub.ID, Channel: sub.Channel, Stopped: p.At(sub.StoppedAt)}
		v.Inbox = v.Inbox && sub.Channel != record.Inbox
		if len(sub.Target) > 0 {
			b, err := s.Pipeline.Keys.Open("subscription", sub.Target)
			if err != nil {
				return v, fmt.Errorf("subscription %s: %w", sub.ID, err)
			}
			line.Target = string(b)
			if u, err := url.Parse(line.Target); err == nil && sub.Channel == record.Webhook {
				line.Target = u.Host // the rest may be a secret of the receiver
			}
		}
		v.List = append(v.List, line)
	}
	return v, nil
}

// subscribe adds a way for alerts, of a saved query or of new leads where none is named. It gives the secret of a new webhook, which
// is shown now or never. What is wrong is in the view's complaints.
func (s *Server) subscribe(p *Page, v *subscriptionsView, queryID string) (added bool, err error) {
	if v.Errors, err = p.Read(&v.Form); err != nil {
		return false, err
	}
	sub := record.Subscription{UserID: p.User.ID, SavedQueryID: queryID, Channel: v.Form.Channel, Lang: p.Lang}
	target, secret := "", ""
	switch v.Form.Channel {
	case record.Inbox:
		if !v.Inbox {
			v.Errors["channel"] = p.T("subscription.twice")
		}
	case record.Mail:
		address, err := mail.ParseAddress(v.Form.Target)
		if err != nil || address.Address != v.Form.Target {
			v.Errors["target"] = p.T("subscription.badmail")
		} else if !v.Mail {
			v.Errors["channel"] = p.T("subscription.nomail")
		}
		target = v.Form.Target
	case record.Webhook:
		if !s.webhookAddress(v.Form.Target) {
			v.Errors["target"] = p.T("subscription.badwebhook")
		}
		target, secret = v.Form.Target, notify.NewSecret()
	default:
		v.Errors["channel"] = p.T("subscription.badchannel")
	}
	if len(v.List) >= mostSubscriptions {
		v.Errors["channel"] = p.T("subscription.many", "n", mostSubscriptions)
	}
	if len(v.Errors) > 0 {
		return false, nil
	}
	if target != "" {
		sub.Target = s.Pipeline.Keys.Seal("subscription", []byte(target))
	}
	if secret != "" {
		sub.Secret = s.Pipeline.Keys.Seal("subscription", []byte(secret))
	}
	err = p.Change(func(tx *sql.Tx) error {
		id, err := s.Records.AddSubscription(p.Context(), tx, sub)
		if err != nil {
			return err
		}
		return p.Audit(tx, "subscribed", id, sub.Channel)
	})
	v.Secret = secret
	return err == nil, err
}

// webhookAddress reports whether alerts may be sent to an address as far as can be seen before a name is resolved; the door through
// which they leave judges again, each time.
func (s *Server) webhookAddress(address string) bool {
	u, err := url.Parse(address)
	if err != nil || guard.CheckURL(u) != nil || u.Fragment != "" {
		return false
	}
	ip, err := netip.ParseAddr(strings.Trim(u.Hostname(), "[]"))
	if err != nil {
		return u.Scheme == "https" && strings.Contains(strings.Trim(u.Hostname(), "."), ".")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	n, err := strconv.ParseUint(port, 10, 16)
	door := s.Pipeline.Door.Guard
	if door == nil {
		door = &guard.Dialer{}
	}
	return err == nil && door.Check(netip.AddrPortFrom(ip, uint16(n))) == nil && (u.Scheme == "https" || door.Allows(ip))
}

func (s *Server) subscribeQuery(p *Page) error {
	q, err := s.ownQuery(p)
	if err != nil {
		return err
	}
	v, err := s.queryPage(p, q)
	if err != nil {
		return err
	}
	added, err := s.subscribe(p, &v.Subscriptions, q.ID)
	if err != nil {
		return err
	}
	if !added {
		return p.Again("query", v)
	}
	if v.Subscriptions.Secret == "" {
		p.Flash(p.T("subscription.added"))
		return p.Redirect("/queries/" + q.ID)
	}
	return p.Render("secret", secretView{v.Subscriptions.Secret, "/queries/" + q.ID})
}

// secretView is the page that shows a webhook's secret, once.
type secretView struct{ Secret, Back string }

// leadSubscriptions are the person's own to new leads.
func (s *Server) leadSubscriptions(p *Page) (subscriptionsView, error) {
	all, err := s.Records.SubscriptionsOfUser(p.Context(), nil, p.User.ID)
	if err != nil {
		return subscriptionsView{}, err
	}
	var subs []record.Subscription
	for _, sub := range all {
		if sub.SavedQueryID == "" {
			subs = append(subs, sub)
		}
	}
	return s.subscriptionsView(p, subs, "/alerts")
}

func (s *Server) leadAlerts(p *Page) error {
	v, err := s.leadSubscriptions(p)
	if err != nil {
		return err
	}
	return p.Render("alerts", v)
}

func (s *Server) subscribeLeads(p *Page) error {
	v, err := s.leadSubscriptions(p)
	if err != nil {
		return err
	}
	added, err := s.subscribe(p, &v, "")
	if err != nil {
		return err
	}
	if !added {
		return p.Again("alerts", v)
	}
	if v.Secret == "" {
		p.Flash(p.T("subscription.added"))
		return p.Redirect("/alerts")
	}
	return p.Render("secret", secretView{v.Secret, "/alerts"})
}

// ownSubscription reads the subscription that the path names, if it is the person's, and where its page is.
func (s *Server) ownSubscription(p *Page) (record.Subscription, string, error) {
	sub, err := s.Records.Subscription(p.Context(), nil, p.Path("id"))
	if err == nil && sub.UserID != p.User.ID {
		err = fmt.Errorf("subscription %s: %w", sub.ID, record.ErrNotFound)
	}
	if sub.SavedQueryID != "" {
		return sub, "/queries/" + sub.SavedQueryID, err
	}
	return sub, "/alerts", err
}

func (s *Server) unsubscribe(p *Page) error {
	sub, back, err := s.ownSubscription(p)
	if err != nil {
		return err
	}
	err = p.Change(func(tx *sql.Tx) error {
		if err := s.Records.DropSubscription(p.Context(), tx, sub.ID); err != nil {
			return err
		}
		return p.Audit(tx, "unsubscribed", sub.ID, sub.Channel)
	})
	if err != nil {
		return err
	}
	p.Flash(p.T("subscription.dropped"))
	return p.Redirect(back)
}

// testSubscription sends a message that says it is a test, by the same way as alerts go, and tells how it went.
func (s *Server) testSubscription(p *Page) error {
	sub, back, err := s.ownSubscription(p)
	if err != nil {
		return err
	}
	if err := s.claim(p, "test-message", testsAnHour); err != nil {
		return err
	}
	if err := s.sendTest(p, sub); err != nil {
		s.Log.InfoContext(p.Context(), "test message", "subscription", sub.ID, "error", err)
		p.Flash(p.T("subscription.testfailed"))
	} else {
		p.Flash(p.T("subscription.testsent"))
	}
	return p.Redirect(back)
}

// sendTest hands the test message to whom the subscription names. Its text is the program's alone.
func (s *Server) sendTest(p *Page, sub record.Subscription) error {
	sender := s.Pipeline.Senders[sub.Channel]
	if sender == nil {
		return fmt.Errorf("no sender for %s", sub.Channel)
	}
	to, err := s.Pipeline.Keys.Open("subscription", sub.Target)
	if err != nil {
		return fmt.Errorf("subscription %s: %w", sub.ID, err)
	}
	m := notify.Message{ID: "test-" + record.NewID(), To: string(to), Subject: p.T("subscription.testsubject"), Text: p.T("subscription.testtext"), Lang: p.Lang, URL: s.BaseURL + "/inbox", At: s.Now()}
	if len(sub.Secret) > 0 {
		secret, err := s.Pipeline.Keys.Open("subscription", sub.Secret)
		if err != nil {
			return fmt.Errorf("subscription %s: %w", sub.ID, err)
		}
		m.Secret = string(secret)
	}
	_, err = sender.Send(p.Context(), m)
	return err
}

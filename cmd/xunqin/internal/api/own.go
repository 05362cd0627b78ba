package api

import (
	"net/http"
	"strconv"
	"time"

	"xunqin/cmd/xunqin/internal/desk"
)

// QueryLine is a saved query.
type QueryLine struct {
	ID        string `json:"id" example:"k3vq2m7xw5b4tzr6p2ynd3cjaf"`
	Name      string `json:"name" example:"boys under bridges"`
	Query     string `json:"query" example:"天桥 男孩"`
	Paused    bool   `json:"paused"`
	PausedWhy string `json:"paused_why,omitempty" doc:"Why, where its owner did not do it."`
	Week      int    `json:"week" doc:"Alerts in the last seven days."`
	Useful    int    `json:"useful" doc:"Alerts that the person found useful."`
	Judged    int    `json:"judged" doc:"Alerts of which they said so or the contrary."`
	Last      string `json:"last,omitempty" format:"date-time" doc:"When the newest alert came."`
}

// QueriesFound are the person's saved queries.
type QueriesFound struct {
	Queries []QueryLine `json:"queries" nullable:"false"`
}

// Alert is one or more alerts of one query about one picture, or of a new lead.
type Alert struct {
	IDs     []string  `json:"ids" nullable:"false" doc:"Ids of the alerts."`
	Query   string    `json:"query,omitempty" doc:"Name of the saved query; absent for a new lead."`
	QueryID string    `json:"query_id,omitempty"`
	Why     string    `json:"why,omitempty" doc:"What of the query matched."`
	Blurred string    `json:"blurred,omitempty" doc:"Link to the blurred form of a photo, good for five minutes with the same token."`
	Place   string    `json:"place,omitempty" doc:"No finer than the person may read: to the province for activists."`
	Posted  string    `json:"posted,omitempty" format:"date-time" doc:"Of the newest post."`
	Seen    string    `json:"seen,omitempty" format:"date-time" doc:"When it was first seen here."`
	Count   int       `json:"count" doc:"Posts." example:"1"`
	Useful  string    `json:"useful,omitempty" doc:"yes or no, where the person said so."`
	Done    bool      `json:"done"`
	Lead    *LeadLine `json:"lead,omitempty"`
}

// InboxFound is a page of the inbox.
type InboxFound struct {
	Alerts []Alert `json:"alerts" nullable:"false" doc:"The newest first."`
	Next   string  `json:"next,omitempty" doc:"The value of before for the next page; absent on the last."`
}

type inboxInput struct {
	Done   bool  `query:"done" doc:"What is done too."`
	Before int64 `query:"before" minimum:"1" maximum:"99999999999999" doc:"Where the page begins: the value of next of the page before. Without it, the first page." example:"1772442300000"`
}

func ownOperations() []operation {
	return []operation{
		add(operation{method: http.MethodGet, path: "/queries", id: "listQueries", scope: desk.ScopeQueries, tag: "own", summary: "The person's saved queries", describe: "The person's own saved queries and how they fare."},
			func(s *Server, p *desk.Page, _ *struct{}) (*answer[QueriesFound], error) {
				list, err := p.Queries()
				out := QueriesFound{[]QueryLine{}}
				for _, q := range list {
					out.Queries = append(out.Queries, QueryLine{q.ID, q.Name, q.Text, q.Paused, q.PausedWhy, q.Week, q.Useful, q.Judged, q.Last.Machine})
				}
				return answers(out, err)
			}),
		add(operation{method: http.MethodGet, path: "/inbox", id: "readInbox", scope: desk.ScopeInbox, tag: "own", summary: "The person's inbox", describe: "What the person was told, the newest first: when, roughly where, and a blurred picture."},
			func(s *Server, p *desk.Page, in *inboxInput) (*answer[InboxFound], error) {
				var before time.Time
				if in.Before > 0 {
					before = time.UnixMilli(in.Before)
				}
				rows, next, err := p.Inbox(before, in.Done)
				out := InboxFound{Alerts: []Alert{}}
				if !next.IsZero() {
					out.Next = strconv.FormatInt(next.UnixMilli(), 10)
				}
				for _, r := range rows {
					a := Alert{IDs: r.IDs, Query: r.Query, QueryID: r.QueryID, Why: r.Why, Blurred: r.Blurred, Place: r.Place, Posted: r.Posted.Machine, Seen: r.Seen.Machine, Count: r.Count, Useful: r.Useful, Done: r.Done}
					if r.Lead != nil {
						l := leadLine(*r.Lead)
						a.Lead = &l
					}
					out.Alerts = append(out.Alerts, a)
				}
				return answers(out, err)
			}),
	}
}

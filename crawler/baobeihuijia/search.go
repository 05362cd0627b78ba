package baobeihuijia

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"

	"xunqin/crawler"
	"xunqin/crawler/listing"
	"xunqin/crawler/markup"
)

// question is what the site's own search form posts, page aside.
func question() map[string]any {
	return map[string]any{
		"siteId": 1, "channelId": 1, "searchType": 1, "searchText": "", "isAdvanced": false, "checkedStates": []string{}, "sex": "9",
		"isPhotos": false, "isSample": false, "isReport": false, "isDna": false, "birthdayRange": nil, "lostdayRange": nil, "adddayRange": nil,
		"lostAddressCode": nil, "liveAddressCode": nil, "lostAddress": nil, "liveAddress": nil, "lowerHeight": 0, "higherHeight": 0,
	}
}

// found reads a page of the search; the address's fragment holds its number. An
// empty page is the end.
func (r registry) found(ctx context.Context, f *crawler.Fetcher, req crawler.Request) (listing.Sheet, error) {
	u, err := url.Parse(req.URL)
	if err != nil {
		return listing.Sheet{}, fmt.Errorf("baobeihuijia address: %w", err)
	}
	n, err := strconv.Atoi(u.Fragment)
	if err != nil {
		return listing.Sheet{}, fmt.Errorf("baobeihuijia page: %w", err)
	}
	ask := question()
	maps.Copy(ask, r.search)
	ask["page"] = n
	if req.Body, err = json.Marshal(ask); err != nil {
		return listing.Sheet{}, fmt.Errorf("baobeihuijia search: %w", err)
	}
	u.Fragment = ""
	req.URL = u.String()
	req.Validators = crawler.Validators{} // of a posted search there are none
	a, err := f.JSON(ctx, req)
	if err != nil {
		return listing.Sheet{}, err
	}
	s, err := r.results(a.Body)
	if err != nil {
		return listing.Sheet{}, refuse(f, a, err)
	}
	if s.End = len(s.Entries) == 0; !s.End {
		u.Fragment = strconv.Itoa(n + 1)
		s.Next = u.String()
	}
	return s, nil
}

// results reads the rows of a page of the search. Values of other types than
// due are left out; a row without a number is lost, and said.
func (r registry) results(body []byte) (listing.Sheet, error) {
	var answer struct {
		Rows *[]map[string]json.RawMessage `json:"pageContents"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Rows == nil {
		return listing.Sheet{}, errors.New("no pageContents")
	}
	var s listing.Sheet
	lost := 0
	for _, row := range *answer.Rows {
		id := word(row["publishId"])
		f := fields{name: word(row["name"]), birth: word(row["birthDay"]), manner: word(row["lostPass"]), place: word(row["lostAddress"]), filed: word(row["addDate"])}
		f.put("失踪时间", word(row["lostDay"]))
		switch string(row["sex"]) {
		case "true":
			f[sex] = "男"
		case "false":
			f[sex] = "女"
		}
		if id == "" || f.text() == "" {
			lost++
			continue
		}
		f[number] = id
		e := listing.Entry{ID: id, URL: r.pageOf(id)}
		e.At, _ = listing.Date(f[filed], "", r.zone)
		e.Stamp = f.text()
		post, warnings := r.postOf(id, e.URL, f, "", "")
		if e.URL == "" {
			e.Post = &post
			s.Warnings = append(s.Warnings, warnings...)
		} else if b, err := json.Marshal(hint{Day: f[filed]}); err == nil {
			e.Hint = string(b)
		}
		s.Entries = append(s.Entries, e)
	}
	switch {
	case lost > 0 && len(s.Entries) == 0:
		return listing.Sheet{}, errors.New("no case of pageContents has a publishId")
	case lost > 0:
		s.Warnings = append(s.Warnings, fmt.Sprintf("%d cases without a number or without a word were left out", lost))
	}
	return s, nil
}

// pageOf is the address of a case's page, empty where pages are not read.
func (r registry) pageOf(id string) string {
	if r.detail == "" {
		return ""
	}
	return strings.ReplaceAll(r.detail, "{id}", url.PathEscape(id))
}

// word is a value that is a string or a number, else empty.
func word(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return strings.TrimSpace(markup.Text(s))
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}

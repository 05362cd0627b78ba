package baobeihuijia

import (
	"bytes"
	"encoding/json"
	"net/url"
	"testing"

	"golang.org/x/net/html"

	"xunqin/crawler/listing"
)

func FuzzPage(f *testing.F) {
	f.Add([]byte(`<div id="ti1"><a href="/view.aspx?type=1&id=5"><img src="/photo/s_5.jpg"></a></div><div class="pg"><a href="/list.aspx?page=9">n</a></div>`))
	f.Add([]byte(`<div class="pagecontent"><img src="/special/1/s_a.jpg"><li><span>姓名：</span>n</li><li><div class="view-th">性别：男</div></li><li>出生日期：1998</li></div>`))
	f.Add([]byte(`{"pageContents":[{"publishId":1,"name":"n","sex":true,"addDate":"2010-09-01"},{"publishId":null}]}`))
	f.Add([]byte(`var jsondata = {data:[{id:"1",name:'\u6709\'',expire:undefined,},/**/]}; foundjsondata={data:[{id:1}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := parse(json.RawMessage(`{"url":"https://h.example/list.aspx"}`))
		if err != nil {
			t.Fatal(err)
		}
		check := func(s listing.Sheet, err error) {
			for _, e := range s.Entries {
				if err == nil && (e.ID == "" || e.Post == nil && e.URL == "" || e.Post != nil && e.Post.NativeID != e.ID) {
					t.Errorf("%+v", e)
				}
			}
		}
		check(r.results(body))
		check(r.script(body))
		doc, err := html.Parse(bytes.NewReader(body))
		if err != nil {
			return
		}
		check(r.sheet(doc, r.first))
		p, _, err := r.post(doc, "https://h.example/view.aspx?id=1", listing.Entry{ID: "1", URL: "https://h.example/view.aspx?id=1"})
		for _, photo := range p.Photos {
			if u, e := url.Parse(photo.URL); err != nil || e != nil || u.Host == "" {
				t.Errorf("%q is no address", photo.URL)
			}
		}
	})
}

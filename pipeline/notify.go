package pipeline

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"xunqin/pipeline/notify"
	"xunqin/pipeline/record"
)

// Notify sends one alert and notes that it was accepted. Killed in the instant between, it sends the alert once more, under
// the same id. What it sends holds no picture, no name, no word of the query and no place.
func (p *Pipeline) Notify(ctx context.Context, job notifyJob, try int, done done) error {
	d, err := p.Records.Delivery(ctx, nil, job.Delivery)
	if record.IsNotFound(err) || err == nil && d.State != record.DeliveryWaiting {
		return p.Records.Tx(ctx, done)
	}
	if err != nil {
		return err
	}
	set := func(state, why string, also func(*sql.Tx) error) error {
		return p.Records.Tx(ctx, func(tx *sql.Tx) error {
			if err := p.Records.SetDelivery(ctx, tx, d.ID, state, why); err != nil {
				return err
			}
			return also(tx)
		})
	}
	sub, err := p.Records.Subscription(ctx, nil, d.SubscriptionID)
	if err != nil {
		return err
	}
	if !sub.StoppedAt.IsZero() {
		return set(record.DeliveryDead, "the subscription has ended", done)
	}
	sender, ok := p.Senders[d.Channel]
	if !ok {
		return set(record.DeliveryDead, "no sender for "+d.Channel+" is set up", done)
	}
	m, err := p.message(ctx, d, sub)
	if err != nil {
		return err
	}
	retry, err := sender.Send(ctx, m)
	switch {
	case err == nil:
		return set(record.DeliverySent, "", done)
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, notify.ErrGone):
		return set(record.DeliveryDead, err.Error(), func(tx *sql.Tx) error {
			if err := p.Records.StopSubscription(ctx, tx, sub.ID, err.Error()); err != nil {
				return err
			}
			return done(tx)
		})
	case !retry:
		return set(record.DeliveryDead, err.Error(), done)
	}
	if noted := set(record.DeliveryWaiting, err.Error(), func(*sql.Tx) error { return nil }); noted != nil {
		return noted
	}
	if wait := notify.RetryAfter(err); wait > 0 {
		return later{wait}
	}
	return fmt.Errorf("send by %s: %w", d.Channel, err)
}

// message makes what is sent, from ids and counts alone.
func (p *Pipeline) message(ctx context.Context, d record.Delivery, sub record.Subscription) (notify.Message, error) {
	to, err := p.Keys.Open("subscription", sub.Target)
	if err != nil {
		return notify.Message{}, fmt.Errorf("open address: %w", err)
	}
	var secret []byte
	if len(sub.Secret) > 0 {
		if secret, err = p.Keys.Open("subscription", sub.Secret); err != nil {
			return notify.Message{}, fmt.Errorf("open secret: %w", err)
		}
	}
	return notify.Compose(notify.Alert{ID: d.ID, To: string(to), Secret: string(secret), Kind: d.SubjectKind, Query: d.SavedQueryID, Lang: sub.Lang, BaseURL: p.BaseURL, At: d.CreatedAt}), nil
}

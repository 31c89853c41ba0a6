package tcpq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"rawlab/framing"
	"rawlab/internal/access"
	"rawlab/internal/queue"
)

// TopicsTopic is where a request for the state of topics goes.
const TopicsTopic = "$topics"

// TopicState is what a topic is at one moment.
type TopicState = queue.TopicState

// ErrNoTopics means that the server does not tell about its topics: it is
// older than this client.
var ErrNoTopics = errors.New("the server is too old to tell about its topics")

// pageBytes bounds the reply to one request for topics, but for its last
// topic; pageTopics bounds what is looked at for it.
const (
	pageBytes  = 32 << 10
	pageTopics = 256
)

type topicsQuery struct {
	After string `json:"after,omitempty"`
}

type topicsPage struct {
	Topics []TopicState `json:"topics"`
	More   bool         `json:"more"`
}

// tellTopics answers a request for the state of topics.
func (c *conn) tellTopics(f *framing.Frame) error {
	c.session.Commit() // the numbers are of what was emitted before
	c.session.Settle()
	var query topicsQuery
	if err := json.Unmarshal(f.Payload, &query); err != nil {
		c.session.Reply(&framing.Frame{
			Kind: framing.KindError, Code: framing.CodeInvalid, Origin: f.Origin, Sequence: f.Sequence,
			Topic: f.Topic, Payload: []byte("the query is no JSON object: " + err.Error()),
		})
		return nil
	}
	page, err := c.server.page(query.After, c.gate.Grant(), c.server.config.FrameLimit)
	if err != nil {
		return err
	}
	reply := framing.Reply{Origin: f.Origin, Sequence: f.Sequence, Payload: page}
	c.session.Reply(&framing.Frame{
		Kind: framing.KindEvent, Flags: framing.FlagReply, Origin: f.Origin, Sequence: f.Sequence, Time: f.Time,
		Topic: f.Topic, Payload: reply.Append(nil),
	})
	return nil
}

// page encodes topics until there is enough for one reply.
func (s *Server) page(after string, grant *access.Grant, limit int) ([]byte, error) {
	var see func([]byte) bool
	if grant != nil {
		see = grant.MaySee
	}
	states, more := s.queue.Inventory(after, pageTopics, see)
	size, fit := 0, 0
	for ; fit < len(states) && size < min(pageBytes, limit/4); fit++ {
		b, err := json.Marshal(&states[fit])
		if err != nil {
			return nil, err
		}
		size += len(b)
	}
	return json.Marshal(topicsPage{Topics: append([]TopicState{}, states[:fit]...), More: more || fit < len(states)})
}

// Topics returns the state of all topics that this client may know of, by
// name. Topics that come or go meanwhile may be missing.
func (c *Client) Topics(ctx context.Context) ([]TopicState, error) {
	var all []TopicState
	for page := (topicsPage{More: true}); page.More; {
		after := ""
		if len(all) > 0 {
			after = all[len(all)-1].Name
		}
		var err error
		if page, err = c.topicsAfter(ctx, after); err != nil {
			return nil, fmt.Errorf("asking for topics: %w", err)
		}
		if page.More && (len(page.Topics) == 0 || len(all) > math.MaxInt32) {
			return nil, fmt.Errorf("asking for topics: %w: an empty page, and more to come", framing.ErrInvalid)
		}
		all = append(all, page.Topics...)
	}
	return all, nil
}

func (c *Client) topicsAfter(ctx context.Context, after string) (page topicsPage, err error) {
	payload, err := json.Marshal(topicsQuery{After: after})
	if err != nil {
		return page, err
	}
	f := framing.Frame{Kind: framing.KindEmit, Flags: framing.FlagRequest, Payload: payload}
	c.mu.Lock()
	f.Sequence = c.unaskedSequence("?" + TopicsTopic)
	answer := c.replies.BeginAs(f.Sequence)
	err = c.sendUnasked(&f, TopicsTopic)
	c.mu.Unlock()
	if err != nil {
		c.replies.End(f.Sequence)
		return page, err
	}
	reply, err := c.replies.AwaitReply(ctx, f.Sequence, answer, TopicsTopic, func() { c.forget(f.Sequence) })
	if e, ok := errors.AsType[*RefusedError](err); ok && e.Code == framing.CodeInvalid {
		return page, ErrNoTopics
	}
	if err != nil {
		return page, err
	}
	return page, json.Unmarshal(reply.Payload, &page)
}

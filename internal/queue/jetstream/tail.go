package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// heartbeat is how often a quiet stream says that it is quiet. Three times
// that without a word, and it is asked anew.
const heartbeat = time.Second

var (
	errGap   = errors.New("messages were lost on the way")
	errQuiet = errors.New("no heartbeat")
)

// message is one message of a stream. Its data is its own.
type message struct {
	subject  string
	sequence uint64
	data     []byte
}

// tail follows a stream: take gets every message once, in order, some at a
// time. A consumer of the broker's sends them; when one is lost, or the
// connection, another is made that goes on where the last has stopped.
type tail struct {
	broker *broker
	stream string
	next   uint64 // stream sequence to go on at
	take   func([]message)
}

func (t *tail) run(ctx context.Context) {
	for {
		err := t.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		t.broker.log.Debug("following a stream anew", "stream", t.stream, "next", t.next, "err", err)
		if !t.broker.pause(ctx) {
			return
		}
	}
}

func (t *tail) follow(ctx context.Context) error {
	t.broker.mu.Lock()
	life := t.broker.life
	t.broker.mu.Unlock()
	var in inbox
	in.arrived = make(chan struct{}, 1)
	subject := t.broker.conn.NewInbox()
	sub, err := t.broker.conn.Subscribe(subject, in.put)
	if err != nil {
		return err
	}
	defer sub.Unsubscribe()
	if err := sub.SetPendingLimits(-1, -1); err != nil { // flow control bounds it
		return err
	}
	try, cancel := t.broker.attempt(ctx)
	defer cancel()
	_, err = t.broker.js.CreatePushConsumer(try, t.stream, jetstream.ConsumerConfig{
		DeliverSubject: subject, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: t.next,
		AckPolicy: jetstream.AckNonePolicy, MaxDeliver: 1, FlowControl: true, IdleHeartbeat: heartbeat,
		MemoryStorage: true, Replicas: 1,
	})
	if err != nil {
		return err
	}
	return t.drain(ctx, life, &in)
}

// drain takes what comes until something is missing.
func (t *tail) drain(ctx, life context.Context, in *inbox) error {
	quiet := t.broker.clock.NewTimer(3 * heartbeat)
	defer quiet.Stop()
	var expected uint64 = 1
	for {
		select {
		case <-in.arrived:
		case <-quiet.C():
			return errQuiet
		case <-life.Done():
			return nats.ErrDisconnected
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := t.accept(in.swap(), &expected); err != nil {
			return err
		}
		quiet.Reset(3 * heartbeat)
	}
}

// accept takes messages up to one that shows that another is missing.
func (t *tail) accept(came []*nats.Msg, expected *uint64) (err error) {
	list := make([]message, 0, len(came))
	var answers []string // to flow control, once what came before is taken
	for _, m := range came {
		if len(m.Data) == 0 && m.Header.Get("Status") == "100" {
			answers = append(answers, m.Reply, m.Header.Get("Nats-Consumer-Stalled"))
			if last := m.Header.Get("Nats-Last-Consumer"); last != "" && last != strconv.FormatUint(*expected-1, 10) {
				err = errGap
				break
			}
			continue
		}
		var meta *nats.MsgMetadata
		if meta, err = m.Metadata(); err != nil {
			break
		}
		if meta.Sequence.Consumer != *expected {
			err = fmt.Errorf("%w: message %d came, want %d", errGap, meta.Sequence.Consumer, *expected)
			break
		}
		*expected++
		list = append(list, message{m.Subject, meta.Sequence.Stream, m.Data})
	}
	if len(list) > 0 {
		t.next = list[len(list)-1].sequence + 1
		t.take(list)
	}
	for _, subject := range answers {
		if subject != "" {
			err = errors.Join(err, t.broker.conn.Publish(subject, nil))
		}
	}
	return err
}

// inbox is messages that have come and wait to be taken. Flow control bounds
// them.
type inbox struct {
	arrived chan struct{} // capacity 1: one signal says all there is to say
	mu      sync.Mutex
	came    []*nats.Msg
}

func (in *inbox) put(m *nats.Msg) {
	in.mu.Lock()
	in.came = append(in.came, m)
	in.mu.Unlock()
	select {
	case in.arrived <- struct{}{}:
	default:
	}
}

func (in *inbox) swap() []*nats.Msg {
	in.mu.Lock()
	defer in.mu.Unlock()
	came := in.came
	in.came = nil
	return came
}

// The client round in Go; started by ../nats-go, which says where the server is.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const wait = 10 * time.Second

var url = "nats://127.0.0.1:" + os.Getenv("NATS_PORT")

type check struct {
	name string
	run  func() error
}

func main() {
	failed := false
	checks := []check{
		{"connect", checkConnect},
		{"publish and subscribe", checkPublishSubscribe},
		{"request and reply", checkRequestReply},
		{"queue group", checkQueueGroup},
		{"headers", checkHeaders},
		{"no responders", checkNoResponders},
		{"drain", checkDrain},
		{"large payload", checkLargePayload},
		{"auth failure", checkAuthFailure},
		{"permission violation", checkPermissionViolation},
		{"reconnect", checkReconnect},
	}
	access, err := accessChecks()
	if err != nil {
		fmt.Printf("FAIL access: %v\n", err)
		os.Exit(1)
	}
	for _, check := range append(checks, access...) {
		if err := check.run(); err != nil {
			failed = true
			fmt.Printf("FAIL %s: %v\n", check.name, err)
		} else {
			fmt.Printf("ok   %s\n", check.name)
		}
	}
	if failed {
		os.Exit(1)
	}
}

func connect(user string, options ...nats.Option) (*nats.Conn, error) {
	base := []nats.Option{nats.UserInfo(user, user), nats.Timeout(wait), nats.NoReconnect()}
	return nats.Connect(url, append(base, options...)...)
}

func expect(what string, got, wanted any) error {
	if reflect.DeepEqual(got, wanted) {
		return nil
	}
	return fmt.Errorf("%s: got %v, wanted %v", what, got, wanted)
}

func await[T any](what string, from <-chan T) (T, error) {
	select {
	case value := <-from:
		return value, nil
	case <-time.After(wait):
		var none T
		return none, fmt.Errorf("%s did not happen within %v", what, wait)
	}
}

func numbers(count int) []int {
	all := make([]int, count)
	for number := range all {
		all[number] = number
	}
	return all
}

func checkConnect() error {
	client, err := connect("a")
	if err != nil {
		return err
	}
	defer client.Close()
	return errors.Join(
		expect("connected", client.IsConnected(), true),
		expect("maximum payload", client.MaxPayload(), int64(1048576)),
	)
}

func checkPublishSubscribe() error {
	client, err := connect("a")
	if err != nil {
		return err
	}
	defer client.Close()
	sub, err := client.SubscribeSync("greet.*")
	if err != nil {
		return err
	}
	if err := client.Publish("greet.joe", []byte("hello")); err != nil {
		return err
	}
	message, err := sub.NextMsg(wait)
	if err != nil {
		return err
	}
	if err := sub.Unsubscribe(); err != nil {
		return err
	}
	if err := errors.Join(client.Publish("greet.joe", []byte("again")), client.Flush()); err != nil {
		return err
	}
	return errors.Join(
		expect("subject", message.Subject, "greet.joe"),
		expect("payload", string(message.Data), "hello"),
		expect("messages received", client.Stats().InMsgs, uint64(1)),
	)
}

func checkRequestReply() error {
	client, err := connect("a")
	if err != nil {
		return err
	}
	defer client.Close()
	service, err := connect("a")
	if err != nil {
		return err
	}
	defer service.Close()
	_, err = service.Subscribe("service", func(message *nats.Msg) {
		// A reply that cannot be sent shows as a request that is not answered.
		_ = message.Respond([]byte("re: " + string(message.Data)))
	})
	if err := errors.Join(err, service.Flush()); err != nil {
		return err
	}
	for number := range 10 {
		reply, err := client.Request("service", []byte(strconv.Itoa(number)), wait)
		if err != nil {
			return err
		}
		if err := expect("reply", string(reply.Data), fmt.Sprintf("re: %d", number)); err != nil {
			return err
		}
	}
	return nil
}

func checkQueueGroup() error {
	const messages = 300
	var lock sync.Mutex
	received := make([]int, messages)
	members := map[int]bool{}
	all := make(chan struct{}, messages)
	for member := range 3 {
		client, err := connect("a")
		if err != nil {
			return err
		}
		defer client.Close()
		_, err = client.QueueSubscribe("work", "workers", func(message *nats.Msg) {
			number, _ := strconv.Atoi(string(message.Data))
			lock.Lock()
			received[number]++
			members[member] = true
			lock.Unlock()
			all <- struct{}{}
		})
		if err := errors.Join(err, client.Flush()); err != nil {
			return err
		}
	}
	publisher, err := connect("a")
	if err != nil {
		return err
	}
	defer publisher.Close()
	for number := range messages {
		if err := publisher.Publish("work", []byte(strconv.Itoa(number))); err != nil {
			return err
		}
	}
	for range messages {
		if _, err := await("delivery to the group", all); err != nil {
			return err
		}
	}
	lock.Lock()
	defer lock.Unlock()
	once := bytes.Repeat([]byte{1}, messages)
	counts := make([]byte, messages)
	for number, count := range received {
		counts[number] = byte(count)
	}
	return errors.Join(expect("deliveries", counts, once), expect("members served", len(members), 3))
}

func checkHeaders() error {
	client, err := connect("a")
	if err != nil {
		return err
	}
	defer client.Close()
	sub, err := client.SubscribeSync("headers")
	if err != nil {
		return err
	}
	headers := nats.Header{"Trace-Id": {"7", "8"}, "x-lower": {"a b"}}
	err = client.PublishMsg(&nats.Msg{Subject: "headers", Header: headers, Data: []byte("body")})
	if err != nil {
		return err
	}
	message, err := sub.NextMsg(wait)
	if err != nil {
		return err
	}
	return errors.Join(expect("headers", message.Header, headers), expect("payload", string(message.Data), "body"))
}

func checkNoResponders() error {
	client, err := connect("a")
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err = client.Request("nobody.home", nil, wait); errors.Is(err, nats.ErrNoResponders) {
		return nil
	}
	return fmt.Errorf("a request without responders ended with %v", err)
}

func checkDrain() error {
	const messages = 100
	var received []int
	closed := make(chan struct{}, 1)
	client, err := connect("a", nats.ClosedHandler(func(*nats.Conn) { closed <- struct{}{} }))
	if err != nil {
		return err
	}
	defer client.Close()
	publisher, err := connect("a")
	if err != nil {
		return err
	}
	defer publisher.Close()
	_, err = client.Subscribe("drain", func(message *nats.Msg) {
		time.Sleep(time.Millisecond)
		number, _ := strconv.Atoi(string(message.Data))
		received = append(received, number)
	})
	if err := errors.Join(err, client.Flush()); err != nil {
		return err
	}
	for number := range messages {
		if err := publisher.Publish("drain", []byte(strconv.Itoa(number))); err != nil {
			return err
		}
	}
	if err := errors.Join(publisher.Flush(), client.Drain()); err != nil {
		return err
	}
	if _, err := await("the end of the drain", closed); err != nil {
		return err
	}
	return expect("messages", received, numbers(messages))
}

func checkLargePayload() error {
	client, err := connect("a")
	if err != nil {
		return err
	}
	defer client.Close()
	payload := make([]byte, 900*1024)
	for index := range payload {
		payload[index] = byte(index % 251)
	}
	sub, err := client.SubscribeSync("large")
	if err != nil {
		return err
	}
	if err := client.Publish("large", payload); err != nil {
		return err
	}
	message, err := sub.NextMsg(wait)
	if err != nil {
		return err
	}
	return expect("same payload", bytes.Equal(message.Data, payload), true)
}

func checkAuthFailure() error {
	client, err := connect("a", nats.UserInfo("a", "wrong"))
	if err == nil {
		client.Close()
		return errors.New("a wrong password was accepted")
	}
	return expect("error", errors.Is(err, nats.ErrAuthorization), true)
}

func checkPermissionViolation() error {
	reports := make(chan string, 10)
	client, err := connect("limited", nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		reports <- strings.ToLower(err.Error())
	}))
	if err != nil {
		return err
	}
	defer client.Close()
	for _, step := range []struct {
		run  func() error
		said string
	}{
		{func() error { return client.Publish("forbidden.fruit", nil) }, `permissions violation for publish to "forbidden.fruit"`},
		{func() error {
			_, err := client.SubscribeSync("secret.garden")
			return err
		}, `permissions violation for subscription to "secret.garden"`},
	} {
		if err := step.run(); err != nil {
			return err
		}
		report, err := await(step.said, reports)
		if err != nil {
			return err
		}
		if !strings.Contains(report, step.said) {
			return fmt.Errorf("got %q, wanted %q", report, step.said)
		}
	}
	sub, err := client.SubscribeSync("allowed")
	if err != nil {
		return err
	}
	if err := client.Publish("allowed", nil); err != nil {
		return err
	}
	_, err = sub.NextMsg(wait)
	return err
}

func checkReconnect() error {
	lost, back := make(chan struct{}, 10), make(chan struct{}, 10)
	client, err := nats.Connect(url,
		nats.UserInfo("a", "a"),
		nats.Timeout(wait),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(50*time.Millisecond),
		nats.DisconnectErrHandler(func(*nats.Conn, error) { lost <- struct{}{} }),
		nats.ReconnectHandler(func(*nats.Conn) { back <- struct{}{} }),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	sub, err := client.SubscribeSync("after")
	if err := errors.Join(err, client.Flush()); err != nil {
		return err
	}
	restart := exec.Command(os.Getenv("RESTART"), os.Getenv("RESTART_FOLDER"), os.Getenv("RESTART_BINARY"))
	if err := restart.Run(); err != nil {
		return err
	}
	if _, err := await("the disconnection", lost); err != nil {
		return err
	}
	if _, err := await("the reconnection", back); err != nil {
		return err
	}
	if err := client.Publish("after", []byte("reconnected")); err != nil {
		return err
	}
	message, err := sub.NextMsg(wait)
	if err != nil {
		return err
	}
	return expect("payload", string(message.Data), "reconnected")
}

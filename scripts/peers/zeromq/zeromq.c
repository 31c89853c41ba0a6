/* ZeroMQ beside rawlab: the XSUB/XPUB proxy of its own library, a publisher
 * and a subscriber, which drop nothing: who sends waits.
 *
 *   zeromq proxy FRONT BACK              (tcp://host:port each)
 *   zeromq pub FRONT BYTES MILLISECONDS  prints how many it published
 *   zeromq sub BACK                      prints "ready", then how many came in how many seconds
 *
 * A subscriber is told on its standard input how many were published. It is
 * done when they have come, or when nothing has come for a second.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

static const char topic[] = "sensor/1";

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void must(int ok, const char *what) {
	if (!ok) {
		fprintf(stderr, "zeromq: %s: %s\n", what, zmq_strerror(zmq_errno()));
		exit(1);
	}
}

static void *open_socket(void *context, int type, int hwm) {
	void *s = zmq_socket(context, type);
	must(s != NULL, "socket");
	zmq_setsockopt(s, ZMQ_SNDHWM, &hwm, sizeof hwm);
	zmq_setsockopt(s, ZMQ_RCVHWM, &hwm, sizeof hwm);
	if (type == ZMQ_PUB || type == ZMQ_XPUB) {
		int wait = 1;
		must(zmq_setsockopt(s, ZMQ_XPUB_NODROP, &wait, sizeof wait) == 0, "nodrop");
	}
	return s;
}

static void proxy(void *context, char **argv) {
	void *front = open_socket(context, ZMQ_XSUB, 100000), *back = open_socket(context, ZMQ_XPUB, 100000);
	must(zmq_bind(front, argv[2]) == 0, argv[2]);
	must(zmq_bind(back, argv[3]) == 0, argv[3]);
	puts("ready");
	fflush(stdout);
	zmq_proxy(front, back, NULL);
}

static void publish(void *context, char **argv) {
	void *s = open_socket(context, ZMQ_XPUB, 100000);
	must(zmq_connect(s, argv[2]) == 0, argv[2]);
	char subscription[256];
	must(zmq_recv(s, subscription, sizeof subscription, 0) > 0, "waiting for the subscriber");
	size_t size = sizeof topic - 1 + strtoul(argv[3], NULL, 10);
	char *message = calloc(1, size);
	memcpy(message, topic, sizeof topic - 1);
	long n = 0;
	for (double end = now() + strtod(argv[4], NULL) / 1e3; now() < end;)
		for (int i = 0; i < 256; i++, n++)
			must(zmq_send(s, message, size, 0) >= 0, "send");
	printf("%ld\n", n);
	fflush(stdout);
	zmq_close(s);
}

static void subscribe(void *context, char **argv) {
	void *s = open_socket(context, ZMQ_SUB, 100000);
	int wait = 10;
	zmq_setsockopt(s, ZMQ_RCVTIMEO, &wait, sizeof wait);
	must(zmq_connect(s, argv[2]) == 0, argv[2]);
	must(zmq_setsockopt(s, ZMQ_SUBSCRIBE, topic, sizeof topic - 1) == 0, "subscribe");
	puts("ready");
	fflush(stdout);
	long n = 0, total = -1;
	double first = 0, last = 0;
	zmq_msg_t m;
	zmq_msg_init(&m);
	while (n != total) {
		if (zmq_msg_recv(&m, s, 0) >= 0) {
			if (n++ == 0)
				first = now();
			if (n % 64 == 0)
				last = now();
			continue;
		}
		struct pollfd in = {.fd = 0, .events = POLLIN};
		if (total < 0 && poll(&in, 1, 0) == 1 && scanf("%ld", &total) != 1)
			exit(1);
		if (total >= 0 && now() - last > 1)
			break;
	}
	printf("%ld %f\n", n, last - first);
	zmq_msg_close(&m);
	zmq_close(s);
}

int main(int argc, char **argv) {
	void *context = zmq_ctx_new();
	if (argc == 4 && strcmp(argv[1], "proxy") == 0)
		proxy(context, argv);
	else if (argc == 5 && strcmp(argv[1], "pub") == 0)
		publish(context, argv);
	else if (argc == 3 && strcmp(argv[1], "sub") == 0)
		subscribe(context, argv);
	else
		return 2;
	zmq_ctx_term(context);
	return 0;
}

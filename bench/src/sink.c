/*
 * Counts what arrives at UDP sockets that were connected elsewhere, as cheaply as it can be done: only the first bytes of a
 * datagram are copied, and it looks once a millisecond, so that a sender does not pay for waking it a packet.
 * Sockets: descriptors 3 to 2 + argv[1]. Standard input: "reset" or "tally" a line; end of input ends it.
 * A tally is one line: RTP packets received, expected by their sequence numbers, late or doubled ones, RTCP packets.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_SOCKET = 3, AT_ONCE = 64, HEADER_BYTES = 12 };

static uint64_t received, expected, disordered, rtcp;
static int64_t *highest;

static void count(int socket, const uint8_t *header, unsigned length) {
  if (length < HEADER_BYTES || header[0] >> 6 != 2) return;
  if (header[1] >= 192 && header[1] <= 223) { /* RFC 5761 section 4 */
    rtcp++;
    return;
  }
  uint16_t sequence = (uint16_t)(header[2] << 8 | header[3]);
  received++;
  if (highest[socket] < 0) {
    highest[socket] = sequence + 0x10000;
    expected++;
    return;
  }
  int16_t ahead = (int16_t)(uint16_t)(sequence - (uint16_t)highest[socket]);
  if (ahead <= 0) {
    disordered++;
    return;
  }
  expected += (uint64_t)ahead;
  highest[socket] += ahead;
}

static void drain(int socket) {
  static uint8_t headers[AT_ONCE][HEADER_BYTES];
  struct iovec parts[AT_ONCE];
  struct mmsghdr messages[AT_ONCE];
  int got;
  do {
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < AT_ONCE; i++) {
      parts[i] = (struct iovec){headers[i], HEADER_BYTES};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    got = recvmmsg(socket, messages, AT_ONCE, MSG_DONTWAIT, NULL);
    for (int i = 0; i < got; i++) count(socket, headers[i], messages[i].msg_len);
  } while (got == AT_ONCE);
}

/* Returns 0 at the end of input. */
static int obey(void) {
  char line[64];
  if (fgets(line, sizeof line, stdin) == NULL) return 0;
  if (strncmp(line, "reset", 5) == 0) received = expected = disordered = rtcp = 0;
  if (strncmp(line, "tally", 5) == 0) {
    printf("%llu %llu %llu %llu\n", (unsigned long long)received, (unsigned long long)expected,
           (unsigned long long)disordered, (unsigned long long)rtcp);
    fflush(stdout);
  }
  return 1;
}

int main(int argc, char **argv) {
  int sockets = argc > 1 ? atoi(argv[1]) : 0;
  if (sockets < 1 || (highest = malloc(sizeof *highest * (size_t)(FIRST_SOCKET + sockets))) == NULL) return 1;
  int set = epoll_create1(0);
  for (int socket = FIRST_SOCKET; socket < FIRST_SOCKET + sockets; socket++) {
    highest[socket] = -1;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = socket};
    if (epoll_ctl(set, EPOLL_CTL_ADD, socket, &event) != 0) return 1;
  }
  setvbuf(stdin, NULL, _IONBF, 0); /* poll() must see every line */
  for (;;) {
    struct epoll_event events[256];
    int ready;
    do {
      ready = epoll_wait(set, events, 256, 0);
      for (int i = 0; i < ready; i++) drain(events[i].data.fd);
    } while (ready == 256);
    struct pollfd input = {.fd = 0, .events = POLLIN};
    if (poll(&input, 1, 0) > 0 && !obey()) return 0;
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
}

#include "udp_socket.h"

#include <fcntl.h>
#include <netinet/udp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef SOL_UDP
#define SOL_UDP 17
#endif

namespace shardcast {
namespace {

constexpr size_t kControlBytes = 64;
static_assert(CMSG_SPACE(sizeof(int)) <= kControlBytes);

bool SetOption(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

void AttachSegmentSize(msghdr& header, uint8_t* control, uint32_t segment_bytes) {
  header.msg_control = control;
  header.msg_controllen = CMSG_SPACE(sizeof(uint16_t));
  cmsghdr* option = CMSG_FIRSTHDR(&header);
  option->cmsg_level = SOL_UDP;
  option->cmsg_type = UDP_SEGMENT;
  option->cmsg_len = CMSG_LEN(sizeof(uint16_t));
  const auto size = static_cast<uint16_t>(segment_bytes);
  std::memcpy(CMSG_DATA(option), &size, sizeof size);
}

/// The size of the datagrams that the kernel put together, or all bytes when it put none.
uint32_t SegmentSize(msghdr& header, uint32_t bytes) {
  for (cmsghdr* option = CMSG_FIRSTHDR(&header); option != nullptr; option = CMSG_NXTHDR(&header, option)) {
    if (option->cmsg_level != SOL_UDP || option->cmsg_type != UDP_GRO) continue;
    int size = 0;
    std::memcpy(&size, CMSG_DATA(option), sizeof size);
    if (size > 0) return static_cast<uint32_t>(size);
  }
  return bytes;
}

uint32_t CountSegments(uint32_t bytes, uint32_t segment_bytes) {
  return bytes == 0 ? 1 : (bytes + segment_bytes - 1) / segment_bytes;
}

bool IsFull(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS; }

}  // namespace

int UdpSocket::Open(const std::string& host, uint16_t port, int buffer_bytes, bool offload) {
  family_ = host.find(':') == std::string::npos ? AF_INET : AF_INET6;
  const auto address = Address::Parse(host, port, family_);
  if (!address) return EINVAL;
  fd_ = socket(family_, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return errno;
  if (family_ == AF_INET6) SetOption(fd_, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  Address bound;
  bound.bytes = sizeof bound.v6;
  if (bind(fd_, &address->any, address->bytes) != 0 || getsockname(fd_, &bound.any, &bound.bytes) != 0) {
    const int error = errno;
    Close();
    return error;
  }
  port_ = bound.port();
  // The system may give less than asked for; the queue bridges the rest.
  SetOption(fd_, SOL_SOCKET, SO_RCVBUF, buffer_bytes);
  SetOption(fd_, SOL_SOCKET, SO_SNDBUF, buffer_bytes);
  // Size 0 changes nothing and tells whether the kernel knows the option (4.18 and newer).
  segments_ = offload && SetOption(fd_, SOL_UDP, UDP_SEGMENT, 0);
  coalesces_ = offload && SetOption(fd_, SOL_UDP, UDP_GRO, 1);
  datagrams_.reserve(kReceiveSlots * kMaxSegments);
  return 0;
}

void UdpSocket::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  queue_.clear();
  queued_bytes_ = 0;
}

std::span<const Datagram> UdpSocket::Receive() {
  datagrams_.clear();
  if (fd_ < 0 || memory_.size() < kReceiveSlots * kReceiveSlotBytes) return {};
  mmsghdr headers[kReceiveSlots];
  iovec vectors[kReceiveSlots];
  alignas(cmsghdr) uint8_t controls[kReceiveSlots][kControlBytes];
  std::memset(headers, 0, sizeof headers);
  for (size_t i = 0; i < kReceiveSlots; i++) {
    vectors[i] = {memory_.data() + i * kReceiveSlotBytes, kReceiveSlotBytes};
    msghdr& header = headers[i].msg_hdr;
    header.msg_iov = &vectors[i];
    header.msg_iovlen = 1;
    header.msg_name = &sources_[i].any;
    header.msg_namelen = sizeof sources_[i].v6;
    if (coalesces_) {
      header.msg_control = controls[i];
      header.msg_controllen = kControlBytes;
    }
  }
  const int received = recvmmsg(fd_, headers, kReceiveSlots, 0, nullptr);
  for (int i = 0; i < received; i++) {
    msghdr& header = headers[i].msg_hdr;
    if ((header.msg_flags & MSG_TRUNC) != 0) {
      counters_.truncated++;
      continue;
    }
    sources_[i].bytes = header.msg_namelen;
    const auto known = peers_.find(sources_[i]);
    const uint32_t peer = known == peers_.end() ? 0 : known->second;
    const uint32_t bytes = headers[i].msg_len;
    const uint32_t segment = coalesces_ ? SegmentSize(header, bytes) : bytes;
    const auto slot = static_cast<uint32_t>(i * kReceiveSlotBytes);
    uint32_t offset = 0;
    do {  // an empty datagram is one too
      const uint32_t part = std::min(segment, bytes - offset);
      datagrams_.push_back({slot + offset, part, peer, static_cast<uint32_t>(i)});
      offset += part;
    } while (offset < bytes);
  }
  return datagrams_;
}

void UdpSocket::Send(std::span<Message> messages) {
  size_t done = 0;
  uint32_t part = 0;
  while (queue_.empty() && done < messages.size()) {
    const Progress progress = SendSome(messages.subspan(done));
    done += progress.messages;
    part = progress.bytes;
    if (progress.is_full) break;
  }
  for (; done < messages.size(); done++, part = 0) Keep(messages[done], part);
}

bool UdpSocket::SendQueued() {
  while (!queue_.empty()) {
    Queued& next = queue_.front();
    Message message;
    message.destination = &next.destination;
    message.data = next.bytes.data() + next.sent;
    message.bytes = static_cast<uint32_t>(next.bytes.size() - next.sent);
    message.segment_bytes = next.segment_bytes;
    message.segments = CountSegments(message.bytes, next.segment_bytes);
    const Progress progress = SendSome(std::span(&message, 1));
    if (progress.messages == 0) {
      next.sent += progress.bytes;
      return false;
    }
    queued_bytes_ -= next.bytes.size() + sizeof(Queued);
    queue_.pop_front();
  }
  return true;
}

/// Sends what the kernel takes in one call. Messages that it refused for good count as dealt with.
UdpSocket::Progress UdpSocket::SendSome(std::span<const Message> messages) {
  mmsghdr headers[kMaxMessages];
  iovec vectors[kMaxMessages];
  alignas(cmsghdr) uint8_t controls[kMaxMessages][CMSG_SPACE(sizeof(uint16_t))];
  const size_t count = std::min(messages.size(), kMaxMessages);
  size_t ready = 0;
  for (; ready < count; ready++) {
    const Message& message = messages[ready];
    if (message.segments > 1 && !segments_) break;
    vectors[ready] = {const_cast<uint8_t*>(message.data), message.bytes};
    headers[ready] = {};
    msghdr& header = headers[ready].msg_hdr;
    header.msg_name = const_cast<sockaddr*>(&message.destination->any);
    header.msg_namelen = message.destination->bytes;
    header.msg_iov = &vectors[ready];
    header.msg_iovlen = 1;
    // Never on a single datagram: it gains nothing, and some devices refuse it.
    if (message.segments > 1) AttachSegmentSize(header, controls[ready], message.segment_bytes);
  }
  if (ready == 0) return SendOneByOne(messages[0]);
  const int sent = Call(headers, ready);
  if (sent > 0) {
    for (int i = 0; i < sent; i++) counters_.datagrams_out += messages[i].segments;
    return {static_cast<size_t>(sent), 0, false};
  }
  const int error = errno;
  if (IsFull(error)) return {0, 0, true};
  const bool is_offloaded = messages[0].segments > 1;
  if (is_offloaded && (error == EIO || error == EINVAL || error == EMSGSIZE || error == EOPNOTSUPP)) {
    // EIO: the device cannot; EINVAL: the kernel cannot on this route; both may begin at any time. EMSGSIZE is about
    // this message's segments alone.
    counters_.offload_refusals++;
    if (error != EMSGSIZE) segments_ = false;
    return SendOneByOne(messages[0]);
  }
  counters_.send_errors += messages[0].segments;
  return {1, 0, false};
}

/// Without offload.
UdpSocket::Progress UdpSocket::SendOneByOne(const Message& message) {
  const uint32_t step = std::max(1u, message.segment_bytes);
  uint32_t offset = 0;
  do {  // an empty datagram is one too
    iovec vector = {const_cast<uint8_t*>(message.data) + offset, std::min(step, message.bytes - offset)};
    mmsghdr one{};
    one.msg_hdr.msg_name = const_cast<sockaddr*>(&message.destination->any);
    one.msg_hdr.msg_namelen = message.destination->bytes;
    one.msg_hdr.msg_iov = &vector;
    one.msg_hdr.msg_iovlen = 1;
    if (Call(&one, 1) > 0) {
      counters_.datagrams_out++;
    } else if (IsFull(errno)) {
      return {0, offset, true};
    } else {
      counters_.send_errors++;
    }
    offset += step;
  } while (offset < message.bytes);
  return {1, 0, false};
}

int UdpSocket::Call(mmsghdr* headers, size_t count) {
  int sent;
  do {
    sent = send_call_(fd_, headers, static_cast<unsigned int>(count), 0);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

void UdpSocket::Keep(Message& message, uint32_t from) {
  const uint32_t bytes = message.bytes - from;
  // An empty datagram takes memory too.
  if (fd_ < 0 || queued_bytes_ + bytes + sizeof(Queued) > queue_limit_) {
    message.dropped_bytes = bytes;
    message.dropped_segments = CountSegments(bytes, message.segment_bytes);
    return;
  }
  const uint8_t* data = message.data + from;
  queue_.push_back({*message.destination, std::vector<uint8_t>(data, data + bytes), 0, message.segment_bytes});
  queued_bytes_ += bytes + sizeof(Queued);
}

}  // namespace shardcast

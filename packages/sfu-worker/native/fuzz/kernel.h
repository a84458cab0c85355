// What stands in for the kernel: takes messages as sendmmsg does, or refuses them in every way that it may.
#pragma once
#include <netinet/udp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <vector>

#include "check.h"
#include "random.h"

namespace shardcast {

struct Kernel {
  Random* random = nullptr;
  /// Whether calls may fail.
  bool is_moody = false;
  /// Whether the device has lost its offload.
  bool refuses_offload = false;
  /// Datagrams by destination port, in order.
  std::map<uint16_t, std::vector<std::vector<uint8_t>>> wire;
  /// Datagrams taken, and refused for good.
  uint64_t taken = 0;
  uint64_t refused = 0;

  int Send(mmsghdr* headers, unsigned int count);

 private:
  static uint16_t PortOf(const msghdr& header);
  static uint32_t SegmentOf(const msghdr& header);
};

inline uint16_t Kernel::PortOf(const msghdr& header) {
  const auto* any = static_cast<const sockaddr*>(header.msg_name);
  if (any->sa_family == AF_INET6) {
    CHECK(header.msg_namelen == sizeof(sockaddr_in6));
    return ntohs(static_cast<const sockaddr_in6*>(header.msg_name)->sin6_port);
  }
  CHECK(any->sa_family == AF_INET && header.msg_namelen == sizeof(sockaddr_in));
  return ntohs(static_cast<const sockaddr_in*>(header.msg_name)->sin_port);
}

/// 0 without offload.
inline uint32_t Kernel::SegmentOf(const msghdr& header) {
  if (header.msg_controllen == 0) return 0;
  const cmsghdr* option = CMSG_FIRSTHDR(&header);
  CHECK(option != nullptr && option->cmsg_level == SOL_UDP && option->cmsg_type == UDP_SEGMENT);
  uint16_t segment = 0;
  std::memcpy(&segment, CMSG_DATA(option), sizeof segment);
  return segment;
}

inline int Kernel::Send(mmsghdr* headers, unsigned int count) {
  CHECK(count >= 1 && count <= 64);
  const auto fail = [](int error) {
    errno = error;
    return -1;
  };
  unsigned int limit = count;
  if (is_moody) {
    const std::vector<int> temporary = {EAGAIN, EWOULDBLOCK, ENOBUFS, EINTR};
    if (random->OneIn(4)) return fail(random->Of(temporary));
    if (random->OneIn(4)) limit = 1 + static_cast<unsigned int>(random->Below(count));
    if (random->OneIn(64)) refuses_offload = !refuses_offload;
  }
  for (unsigned int i = 0; i < limit; i++) {
    const msghdr& header = headers[i].msg_hdr;
    const uint32_t segment = SegmentOf(header);
    CHECK(header.msg_iovlen == 1 && header.msg_iov->iov_len <= 65507);
    const auto* bytes = static_cast<const uint8_t*>(header.msg_iov->iov_base);
    const size_t size = header.msg_iov->iov_len;
    const size_t step = segment == 0 ? std::max<size_t>(size, 1) : segment;
    CHECK(segment == 0 || ((size + step - 1) / step >= 2 && (size + step - 1) / step <= 64));
    int error = 0;
    if (segment > 0 && refuses_offload) error = random->OneIn(2) ? EIO : EINVAL;
    if (is_moody && error == 0 && segment > 0 && random->OneIn(16)) error = EMSGSIZE;
    if (is_moody && error == 0 && segment == 0 && random->OneIn(16)) {
      error = random->Of(std::vector<int>{EPERM, ENETUNREACH, EINVAL, EMSGSIZE, EIO});
      if (i == 0) refused++;
    }
    // An error behind the first message is told by the next call.
    if (error != 0) return i == 0 ? fail(error) : static_cast<int>(i);
    for (size_t at = 0; at < std::max<size_t>(size, 1); at += step) {
      wire[PortOf(header)].emplace_back(bytes + at, bytes + std::min(at + step, size));
      taken++;
    }
    headers[i].msg_len = static_cast<unsigned int>(size);
  }
  return static_cast<int>(limit);
}

}  // namespace shardcast

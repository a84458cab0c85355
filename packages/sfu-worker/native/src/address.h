// A transport address as the socket calls take it, and a key for tables.
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>

namespace shardcast {

struct Address {
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  };
  socklen_t bytes = 0;

  Address() { std::memset(&v6, 0, sizeof v6); }

  /// An IP literal for a socket of `family`: an IPv4 literal is mapped where the socket is IPv6. Empty when it is none.
  static std::optional<Address> Parse(const std::string& literal, uint16_t port, int family);
  /// As node:dgram writes it: `::ffff:192.0.2.1`, `fe80::1%eth0`.
  std::string Literal() const;
  uint16_t port() const { return ntohs(any.sa_family == AF_INET6 ? v6.sin6_port : v4.sin_port); }

  bool operator==(const Address& other) const {
    if (any.sa_family != other.any.sa_family) return false;
    if (any.sa_family == AF_INET) {
      return v4.sin_port == other.v4.sin_port && v4.sin_addr.s_addr == other.v4.sin_addr.s_addr;
    }
    return v6.sin6_port == other.v6.sin6_port && v6.sin6_scope_id == other.v6.sin6_scope_id &&
           std::memcmp(&v6.sin6_addr, &other.v6.sin6_addr, sizeof v6.sin6_addr) == 0;
  }
};

struct AddressHash {
  size_t operator()(const Address& address) const {
    uint64_t words[3] = {0, 0, 0};
    if (address.any.sa_family == AF_INET) {
      words[0] = address.v4.sin_addr.s_addr;
      words[2] = address.v4.sin_port;
    } else {
      std::memcpy(words, &address.v6.sin6_addr, 16);
      words[2] = address.v6.sin6_port | uint64_t{address.v6.sin6_scope_id} << 16;
    }
    uint64_t hash = 0;
    for (uint64_t word : words) {
      hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
      hash ^= hash >> 32;
    }
    return static_cast<size_t>(hash);
  }
};

}  // namespace shardcast

#include "address.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <cstdlib>

namespace shardcast {

std::optional<Address> Address::Parse(const std::string& literal, uint16_t port, int family) {
  Address address;
  if (family == AF_INET) {
    address.v4.sin_family = AF_INET;
    address.v4.sin_port = htons(port);
    address.bytes = sizeof(sockaddr_in);
    if (inet_pton(AF_INET, literal.c_str(), &address.v4.sin_addr) != 1) return std::nullopt;
    return address;
  }
  address.v6.sin6_family = AF_INET6;
  address.v6.sin6_port = htons(port);
  address.bytes = sizeof(sockaddr_in6);
  if (literal.find(':') == std::string::npos) {
    if (inet_pton(AF_INET6, ("::ffff:" + literal).c_str(), &address.v6.sin6_addr) != 1) return std::nullopt;
    return address;
  }
  const size_t percent = literal.find('%');
  if (percent != std::string::npos) address.v6.sin6_scope_id = if_nametoindex(literal.c_str() + percent + 1);
  if (inet_pton(AF_INET6, literal.substr(0, percent).c_str(), &address.v6.sin6_addr) != 1) return std::nullopt;
  return address;
}

std::string Address::Literal() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (any.sa_family == AF_INET) {
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return text;
  }
  inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
  char name[IF_NAMESIZE];
  if (v6.sin6_scope_id == 0 || if_indextoname(v6.sin6_scope_id, name) == nullptr) return text;
  return std::string(text) + "%" + name;
}

}  // namespace shardcast

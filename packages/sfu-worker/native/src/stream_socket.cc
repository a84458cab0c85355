#include "stream_socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace shardcast {

bool StreamSocket::Prepare(int fd) {
  int protocol = 0;
  socklen_t bytes = sizeof protocol;
  if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &bytes) != 0 || protocol != IPPROTO_TCP) return false;
  const int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

std::optional<Address> StreamSocket::Peer() const {
  Address address;
  address.bytes = sizeof address.v6;
  if (fd_ < 0 || getpeername(fd_, &address.any, &address.bytes) != 0) return std::nullopt;
  return address;
}

std::optional<Address> StreamSocket::Local() const {
  Address address;
  address.bytes = sizeof address.v6;
  if (fd_ < 0 || getsockname(fd_, &address.any, &address.bytes) != 0) return std::nullopt;
  return address;
}

ptrdiff_t StreamSocket::Receive(std::span<uint8_t> memory) {
  if (fd_ < 0 || memory.empty()) return -EAGAIN;
  ssize_t received;
  do {
    received = recv(fd_, memory.data(), memory.size(), MSG_DONTWAIT);
  } while (received < 0 && errno == EINTR);
  return received < 0 ? -errno : received;
}

ptrdiff_t StreamSocket::Send(std::span<const uint8_t> bytes) {
  if (fd_ < 0) return -EPIPE;
  ssize_t sent;
  do {
    sent = send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return sent;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? 0 : -errno;
}

void StreamSocket::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

}  // namespace shardcast
